"""The guests of the wipe campaign, and what all of them came to; must never know how a car is killed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from gateway.flow.revocation import Step
from gateway.guest.wipe import WipeStep
from gateway.model import Purpose, PurposeSet
from gateway.profile import Value
from tests.faults.wipe_scan import canaries, secret

KINDS: Final = ("online", "offline", "staged")
NO_EVERY: Final = 5
FAMILIES: Final = ("Canary-Allee", "Canary-Gasse", "canary-fm", "canary-dab")
"""How the words of all guests begin."""


@dataclass(slots=True)
class Guest:
    """One visit. `after`: how many messages were heard when the car lived again; `again`: it had to be said twice."""

    number: int
    values: dict[str, Value]
    address: str
    profile: int = 0
    code: str = ""
    stage: bytes = b""
    subject: int = 0
    keys: list[bytes] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    after: int = 0
    again: bool = False

    @property
    def kind(self) -> str:
        """Whether the network is there, goes after the sign-in, or was gone before."""
        return KINDS[self.number % len(KINDS)]

    @property
    def says_no(self) -> bool:
        """Whether he takes his yes to the profile back before his visit ends."""
        return self.number % NO_EVERY == 1

    @property
    def durable(self) -> bool:
        """Whether what he said was on the disk before the kill, for all that was told."""
        return (Step.WRITTEN.value if self.says_no else WipeStep.STOPPED.value) in self.steps

    @property
    def marker(self) -> str:
        """What the events about him say."""
        return f"canary-drive-{self.number:04}"

    def over(self, purposes: PurposeSet) -> bool:
        """Whether events for these may not leave any more."""
        return not self.says_no or bool(purposes >> Purpose.PROFILE & 1)

    def needles(self) -> list[bytes]:
        """All that he brought, keys included."""
        brought = canaries([*self.values.values(), self.address, self.code, self.code.replace("-", "")])
        return brought + [form for key in self.keys for form in secret(key)]


@dataclass(slots=True)
class Found:
    """What all visits came to; `last`: how often a kill came behind which step."""

    guests: list[Guest] = field(default_factory=list)
    last: Counter[str] = field(default_factory=Counter)
    cut_again: int = 0
    searched: int = 0
    traces: int = 0
    leaked: int = 0
    heard: int = 0
    slowest_ms: float = 0.0
    faults: list[str] = field(default_factory=list)

    def line(self, good: bool) -> str:
        """The figures."""
        count, noes = len(self.guests), sum(guest.says_no for guest in self.guests)
        over = sum(WipeStep.DONE.value in guest.steps for guest in self.guests)
        again = sum(guest.again for guest in self.guests)
        steps = ", ".join(f"{name} {self.last[name]}" for name in sorted(self.last))
        return (
            f"{count} kills, {count - noes} within the wipe of a visit and {noes} within a no to the profile, "
            f"{self.cut_again} more while a start made one good (behind: {steps}); {over} came when all was over, "
            f"{again} before a word was on the disk, all others finished before anything else, the slowest start took "
            f"{self.slowest_ms / 1_000:.2f} s; {self.traces} canaries in {self.searched / 1e6:,.0f} MB of store, "
            f"keyring, logs, broker and leaves; {self.leaked} of {self.heard} events left after it; "
            f"{len(self.faults)} faults; the books {'balance' if good else 'OR A PROMISE BROKE'}"
        )
