"""Which changes of the cabin are the guest's wish; must never take our own plan, or a seat's own habit, for one.

A change counts when a hand was at a control of that very leaf (a switch of the seat, or the head unit told so), the
guest sat there, and the value then stood for STABLE_MS. What moves without a hand (a plan of ours, easy entry, a memory
key) has no hand beside it. What ends where it began is no change, be it a plan's clamped value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.plan import NOISE

STABLE_MS: Final = 10_000
WAIT_MS: Final = 60_000
HAND_MS: Final = 1_000
"""So long before and after a hand at a control its leaf may change because of it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A wish: the leaf went from `before` to `after`, at a time of the boot clock."""

    path: str
    before: Setting | None
    after: Setting
    at_ms: int


@dataclass(slots=True)
class _Candidate:
    before: Setting | None
    after: Setting
    at_ms: int


class IntentFilter:
    """Follows the leaves of `tolerances` (path: how close two values are the same) while a guest is here."""

    def __init__(self, tolerances: Mapping[str, float], switches: Mapping[str, tuple[str, ...]]) -> None:
        self._tolerances, self._switches = tolerances, switches
        self._here = False
        self._settled: dict[str, Setting] = {}
        self._last: dict[str, tuple[Setting | None, Setting, int]] = {}
        self._pressed: dict[str, set[str]] = {}
        self._touched_ms: dict[str, int] = {}
        self._candidates: dict[str, _Candidate] = {}

    def begin(self) -> None:
        """A guest is here now."""
        self.end()
        self._here = True

    def end(self) -> None:
        """Nobody is; all is forgotten."""
        self._here = False
        for found in (self._settled, self._last, self._pressed, self._touched_ms, self._candidates):
            found.clear()

    def planned(self, path: str, value: Setting, *, by_hand: bool = False) -> None:
        """A plan of ours put the leaf there, clamped or not: that is what a change is measured against.

        `by_hand`: on the way there a hand took over, whose change may still be a wish.
        """
        self._settled[path] = value
        if not by_hand:
            self._candidates.pop(path, None)

    def hands_off(self) -> None:
        """Nobody knows any more which switches are pressed."""
        self._pressed.clear()

    def switch(self, switch: str, down: bool, at_ms: int) -> None:
        """A switch of a seat is down or up; told as often as one likes."""
        for path in self._switches.get(switch, ()):
            pressed = self._pressed.setdefault(path, set())
            if down or switch in pressed:
                self._touched_ms[path] = at_ms
            pressed.add(switch) if down else pressed.discard(switch)

    def touched(self, path: str, at_ms: int) -> None:
        """The head unit tells of a hand at a control of that leaf, just before or just after the change."""
        if path not in self._tolerances or not self._here:
            return
        self._touched_ms[path] = at_ms
        before, after, changed_ms = self._last.get(path, (None, "", -HAND_MS - 1))
        if path not in self._candidates and at_ms - changed_ms <= HAND_MS:
            self._note(path, before, after, at_ms)

    def changed(self, path: str, before: Setting | None, after: Setting | None, at_ms: int) -> None:
        """The leaf has another value."""
        if not self._here or path not in self._tolerances:
            return
        if after is None:
            return
        waiting = self._candidates.get(path)
        if before is None and waiting is not None and self._same(path, waiting.after, after):
            return  # the same as before the connection was lost
        self._last[path] = (before, after, at_ms)
        if self._pressed.get(path) or at_ms - self._touched_ms.get(path, -HAND_MS - 1) <= HAND_MS:
            self._note(path, before, after, at_ms)
        else:
            self._candidates.pop(path, None)

    def due(self, now_ms: int, seated: bool | None) -> list[Change]:
        """Changes that have stood long enough; without the guest in the seat they are dropped then.

        `seated` None: nobody can tell at the moment; they wait, for WAIT_MS at most.
        """
        found = []
        for path, one in list(self._candidates.items()):
            if self._pressed.get(path) or now_ms - one.at_ms < STABLE_MS:
                continue
            if seated is None and now_ms - one.at_ms < WAIT_MS:
                continue
            del self._candidates[path]
            settled = self._settled.get(path, one.before)
            if seated and not self._same(path, settled, one.after):
                found.append(Change(path, settled, one.after, one.at_ms))
                self._settled[path] = one.after
        return found

    def _note(self, path: str, before: Setting | None, after: Setting, at_ms: int) -> None:
        known = self._candidates.get(path)
        self._candidates[path] = _Candidate(known.before if known else before, after, at_ms)

    def _same(self, path: str, one: Setting | None, other: Setting) -> bool:
        if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
            return abs(one - other) <= self._tolerances[path] + NOISE
        return one == other
