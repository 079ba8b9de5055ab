"""One step of a site: what came, what it concludes, what phones are told; runs in one thread at a time, not the loop's.

Everything that the core is given goes through here, in order, and into the journal first.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from forecourt.v1 import showroom_pb2

from gateway.errors import InputError
from gateway.model import PurposeSet, purpose_set
from showroom_agent.site.core import SiteCore
from showroom_agent.site.derived import Derived
from showroom_agent.site.inbox import FrameIn, GuestIn, Incoming
from showroom_agent.site.journal import Journal
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.views import guest_view


@dataclass(slots=True)
class Step:
    """What came of a step. `began`: visits and what their guests agree to; `forgotten`: visits that take it back."""

    at_ms: int
    derived: list[Derived] = field(default_factory=list)
    views: dict[str, showroom_pb2.GuestView] = field(default_factory=dict)
    """By phone."""
    began: list[tuple[int, PurposeSet]] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)


class Stepper:
    """The core and who talks to it."""

    def __init__(self, parts: SiteParts, wall_at_zero_us: int, *, journal: bool) -> None:
        """`wall_at_zero_us`: the wall clock at 0 of the times of steps."""
        self.core = SiteCore(parts, wall_at_zero_us)
        self.journal = Journal(wall_at_zero_us, parts.digest) if journal else None
        self._visits: dict[str, int] = {}
        self._numbers: dict[str, int] = {}

    def allow(self, at_ms: int, subject: int, purposes: PurposeSet) -> None:
        """What is in force for a guest from now on."""
        if self.journal is not None:
            self.journal.allow(at_ms, subject, purposes)
        self.core.allow(subject, purposes)

    def step(self, at_ms: int, came: Sequence[Incoming]) -> Step:
        """Takes what came, then concludes."""
        found = Step(at_ms)
        for one in came:
            if isinstance(one, FrameIn):
                if self.journal is not None:
                    self.journal.frame(at_ms, self._known(one.frame))
                self.core.frame(at_ms, one.frame)
            else:
                self._request(found, one)
        if self.journal is not None:
            self.journal.tick(at_ms)
        found.derived = self.core.tick(at_ms)
        for phone, subject in self._visits.items():
            guest = self.core.guests.get(subject)
            if guest is not None and phone not in found.views:
                found.views[phone] = guest_view(guest, self.core.parts.catalogue, self._numbers.get(phone, 0))
        return found

    def _known(self, frame: showroom_pb2.SightingFrame) -> showroom_pb2.SightingFrame:
        """The frame as the journal may keep it: without tags that are nobody's on a visit, not even any more."""
        if all(self.core.knows(tag.tag) for tag in frame.tags):
            return frame
        kept = showroom_pb2.SightingFrame()
        kept.CopyFrom(frame)
        del kept.tags[:]
        kept.tags.extend(tag for tag in frame.tags if self.core.knows(tag.tag))
        return kept

    def _request(self, found: Step, one: GuestIn) -> None:
        which = one.request.WhichOneof("request")
        subject = self._visits.get(one.phone, 0)
        if which == "hello":
            subject = one.request.hello.subject or secrets.randbits(62) + 1
        if self.journal is not None:
            self.journal.request(found.at_ms, subject, one.request)
        try:
            if which == "hello" and one.phone in self._visits:
                raise InputError("this phone is on a visit already: say bye first")
            self.core.request(found.at_ms, subject, one.request)
        except InputError as refused:
            self.core.counters["refused_request"] += 1
            found.views[one.phone] = showroom_pb2.GuestView(number=one.request.number, refused=str(refused))
            return
        self._numbers[one.phone] = one.request.number
        if which == "hello":
            self._visits[one.phone] = subject
            found.began.append((subject, purpose_set(one.request.hello.purposes)))
        elif which in {"bye", "forget"}:
            self._over(found, one, subject, forget=which == "forget")

    def _over(self, found: Step, one: GuestIn, subject: int, *, forget: bool) -> None:
        self._visits.pop(one.phone, None)
        self._numbers.pop(one.phone, None)
        found.views[one.phone] = showroom_pb2.GuestView(number=one.request.number)
        if forget:
            found.forgotten.append(subject)
