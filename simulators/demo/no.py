"""The guest's no in a demonstration, and what a witness at the broker hears afterwards; must never ask the agent."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.consent import SignalPolicy
from gateway.consent.slots import FREE, Slot, SlotFile
from gateway.errors import ConfigError
from gateway.flow.revocation import WithdrawalDone
from gateway.model import Purpose, PurposeSet, purposes_of
from gateway.runtime import Agent
from simulators.demo.options import NoAt
from simulators.demo.report import WithdrawalTally
from simulators.witness import BEGINNING, Mark, Seen, Witness


@dataclass(slots=True)
class No:
    """One withdrawal under way. `granted`: all that the guest had allowed."""

    asked: NoAt
    granted: PurposeSet
    policy: SignalPolicy
    done: WithdrawalDone | None = None
    done_s: float = 0.0
    _mark: Mark = BEGINNING
    _closed: bool = False

    def __post_init__(self) -> None:
        if not self.granted >> self.asked.purpose & 1:
            words = ", ".join(purpose.word for purpose in purposes_of(self.granted))
            raise ConfigError(f"--withdraw: this drive asks nothing for {self.asked.purpose.word}, but for {words}")

    async def say(self, agent: Agent, witness: Witness) -> None:
        """Withdraws, and marks the place from which nothing of the purpose may be heard."""
        witness.dozing = False
        connection, begun_s = agent.uplink.link.connection, time.monotonic()
        self.done = await agent.withdraw(agent.subject, 1 << self.asked.purpose)
        self.done_s = time.monotonic() - begun_s
        self._closed = connection is None or connection.closed.done()
        self._mark = await witness.mark()

    async def tally(self, agent: Agent, witness: Witness, folder: Path) -> WithdrawalTally | None:
        """What came of it, once everything has drained: counted from what was heard and what lies on the disk."""
        if self.done is None:
            return None
        await witness.mark()
        device = agent.identity.device
        since = witness.born_after(self._mark, device) if self._closed else self._mark
        heard = list(witness.events(since, device))
        leaked = sum(self._forbidden(event, agent.subject) for event in heard)
        left = await asyncio.to_thread(keys_left, folder, agent.subject, self.asked.purpose)
        done = self.done
        gone = done.keys_destroyed > 0 and not left
        return WithdrawalTally(
            self.asked.purpose.word, done.purged, gone, leaked, self.done_s * 1_000, done.resealed, len(heard)
        )

    def _forbidden(self, event: Seen, subject: int) -> bool:
        """Whether an event about the guest stands on the purpose, or holds a value that no other purpose allows."""
        rest = self.granted & ~(1 << self.asked.purpose)
        if event.subject != subject:
            return False
        return bool(event.purposes & ~rest) or any(not self.policy.purposes(path) & rest for path in event.values)


def keys_left(folder: Path, subject: int, purpose: Purpose) -> int:
    """Keys of the subject for a set with the purpose, in the file itself."""
    file = SlotFile(folder)
    try:
        slots = [Slot.unpack(raw) for raw in file.read() if raw != FREE]
    finally:
        file.close()
    return sum(slot is not None and slot.subject == subject and slot.purposes >> purpose & 1 for slot in slots)
