"""What a device seals for the profile authority, and how it goes there; must never hand over a plain byte."""

from collections.abc import Callable
from typing import Final, Protocol

from forecourt.v1 import control_pb2, profile_pb2, record_pb2

from gateway.clock import Clock
from gateway.errors import LinkError
from gateway.flow import profile_keeping as keeping
from gateway.flow.profile_keeping import Kept, Numbered
from gateway.model import Appended, Event, Kind, Purpose, Stream, purpose_set
from gateway.outbox import Outbox
from gateway.profile.sealing import context, seal
from gateway.profile.wording import EDIT_BYTES_MAX, edit_bytes
from gateway.store import Store

KIND: Final = "profile"
_SEAL_KEY: Final = "seal_key"


class MakeKind(Protocol):
    """gateway.runtime.Agent.intern_kind, as far as it is needed here."""

    def __call__(self, name: str, stream: Stream, purposes: int) -> Kind:
        """The kind of events that carry a record."""
        ...


class Mail:
    """Seals and appends. Edits and results are events for `profile`: gated, withdrawn and wiped as any other."""

    def __init__(self, device: str, store: Store, outbox: Outbox, clock: Clock, kind: Callable[[], Kind]) -> None:
        self.device = device
        self._store, self._outbox, self._clock, self._kind = store, outbox, clock, kind
        self._to = b""

    async def open(self) -> None:
        """Reads the authority's key of an earlier process."""
        self._to = await self._store.read(lambda db: keeping.noted(db, _SEAL_KEY))

    @property
    def ready(self) -> bool:
        """Whether the authority's key is known."""
        return bool(self._to)

    async def learn(self, key: bytes) -> None:
        """The authority's key, if it is one; kept for the next start."""
        if key and key != self._to:
            await self._store.write(lambda db: keeping.note(db, _SEAL_KEY, key))
            self._to = key

    def proof(self, kept: Kept, proof: bytes) -> bytes:
        """A serialised ProfileProof for the authority and this visit only; LinkError before its key is known.

        Nothing where there is nothing to prove.
        """
        if not self._to:
            raise LinkError("this device has not heard of a profile authority yet: connect it once")
        info = context("proof", self.device, kept.subject, kept.session_key)
        return seal(proof, self._to, info) if proof else b""

    async def request(self, request: profile_pb2.ProfileRequest) -> None:
        """Durable when this returns; raises StoreError."""
        await self._outbox.append_control(control_pb2.ControlRecord(at_us=self._clock.wall_us(), profile=request))

    async def edit(self, kept: Kept, one: Numbered) -> bool:
        """Whether the edit was kept for the authority; the gate may deny it."""
        assert kept.base is not None
        plain = edit_bytes(one.number, kept.base.epoch, one.pending.edit)
        sealed = seal(plain, self._to, context("edit", self.device, kept.subject))
        return (await self._append(kept, profile_pb2.SealedProfile(edit=sealed))).kept == 1

    async def result(self, kept: Kept, result: profile_pb2.ProfileResult) -> bool:
        """The same for what became of a document."""
        if not self._to:
            return False
        if result.ByteSize() > EDIT_BYTES_MAX:  # long texts stay here: what became of each field is told all the same
            told = (profile_pb2.ProfileOutcome(field=o.field, kind=o.kind, reason=o.reason) for o in result.outcomes)
            result = profile_pb2.ProfileResult(
                epoch=result.epoch, version=result.version, card=result.card, outcomes=told
            )
        sealed = seal(result.SerializeToString(), self._to, context("result", self.device, kept.subject))
        return (await self._append(kept, profile_pb2.SealedProfile(result=sealed))).kept == 1

    async def _append(self, kept: Kept, sealed: profile_pb2.SealedProfile) -> Appended:
        body = record_pb2.Record(profile=sealed).SerializeToString()
        received_ms = int(self._clock.boottime_s() * 1_000)
        return await self._outbox.append(Event(self._kind(), kept.subject, self._clock.wall_us(), received_ms, body))


def profile_kind(make: MakeKind) -> Kind:
    """The kind of events that carry something sealed."""
    return make(KIND, Stream.LIVE, purpose_set([Purpose.PROFILE]))
