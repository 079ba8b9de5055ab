"""What guests of a site agree to, in force here and for the cloud; must never let a no wait for a network."""

from collections import Counter
from typing import Final

from gateway.clock import Clock
from gateway.consent import Grant
from gateway.errors import ForecourtError
from gateway.log import Log
from gateway.model import WITHOUT_CONSENT, Purpose, PurposeSet, purpose_set, purposes_of
from gateway.runtime import Agent, visitors_of

EVERYTHING: Final[PurposeSet] = purpose_set(Purpose) & ~WITHOUT_CONSENT
log = Log("site")


class Agreeing:
    """Consent of many guests: by the authority where the settings name one, otherwise by grants of the site's own."""

    def __init__(self, agent: Agent, clock: Clock, visit_s: int, counters: Counter[str]) -> None:
        self._agent, self._clock, self._visit_s, self._counters = agent, clock, visit_s, counters
        self._visitors = visitors_of(agent)

    async def start(self) -> None:
        """Before the first guest: what guests of an earlier process agreed to is over."""
        if self._visitors is not None:
            await self._visitors.start()

    async def agree(self, subject: int, purposes: PurposeSet) -> PurposeSet | None:
        """What is in force of a visit after its yes; None where that could not be kept, which is logged and counted."""
        named = purposes_of(purposes & ~WITHOUT_CONSENT)
        try:
            if self._visitors is not None:
                return await self._visitors.agree(subject, named)
            until_us = self._clock.wall_us() + self._visit_s * 1_000_000
            record = f"site-visit-{subject:016x}"
            await self._agent.consent.grant([Grant(subject, one, 0, until_us, record) for one in named])
        except ForecourtError as error:
            self._counters["grants_failed"] += 1
            log.error("grant_failed", error=str(error))
            return None
        return self.in_force(subject)

    def in_force(self, subject: int) -> PurposeSet:
        """What may be concluded of this guest here; what may leave the gate says again, event by event."""
        if self._visitors is not None:
            return self._visitors.in_force(subject)
        gate = self._agent.consent.gate
        return purpose_set(one for one in purposes_of(EVERYTHING) if gate.may_leave(subject, purpose_set([one])))

    async def forget(self, subject: int) -> None:
        """What is buffered of a visit goes, its keys are destroyed, and the cloud is asked to erase."""
        if self._visitors is not None:
            await self._visitors.leave(subject)
        else:
            await self._agent.withdraw(subject, EVERYTHING)
        self._counters["visits_forgotten"] += 1
