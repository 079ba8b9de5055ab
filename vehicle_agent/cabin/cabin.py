"""The cabin of a vehicle: applies plans, follows wishes, wipes; must never order a motion that it judged long ago."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from gateway.clock import Clock
from gateway.errors import InputError, LinkError
from gateway.log import Log
from vehicle_agent.cabin.fitting import Card, Fit, limits_of, wanted_of
from vehicle_agent.cabin.going import Order
from vehicle_agent.cabin.hands import Hands
from vehicle_agent.cabin.intent import Change
from vehicle_agent.cabin.link import CabinLink
from vehicle_agent.cabin.neutral import Neutral, is_personal, personal, visit_of
from vehicle_agent.cabin.neutral_file import NeutralFile
from vehicle_agent.cabin.outcome import Outcome, OutcomeKind, Reason, Setting, of_fields
from vehicle_agent.cabin.paths import SEATS
from vehicle_agent.cabin.plan import Terms, build, skipped
from vehicle_agent.cabin.stepping import Run
from vehicle_agent.cabin.views import ApplyTiming, CabinEdit, CabinStatus, Seated

PLANS_KEPT: Final = 64
EDITS_MAX: Final = 64
RESTORE_S: Final = 2.0
CONNECT_S: Final = 5.0
_log = Log("cabin")


class Cabin:
    """The actuators of one vehicle behind its databroker. `run` goes on until it is cancelled; the rest needs it."""

    def __init__(self, link: CabinLink, card: Card, clock: Clock, *, memory: Path | None = None) -> None:
        """`memory`: a file for what a wipe after a crash has to know (no personal data); none: only in memory."""
        self._clock, self._card = clock, limits_of(card)
        self._hands = Hands(link, self._card, clock, self._ticked)
        self._engine = self._hands.engine
        self._file = NeutralFile(memory)
        self._neutral: Neutral | None = None
        self._session: Seated | None = None
        self._plans: OrderedDict[str, tuple[Outcome, ...]] = OrderedDict()
        self._edits: asyncio.Queue[CabinEdit] = asyncio.Queue(EDITS_MAX)
        self._done = asyncio.Event()
        self.last_apply: ApplyTiming | None = None

    async def run(self) -> None:
        """Follows the databroker and gives the orders until it is cancelled."""
        try:
            await self._hands.run()
        finally:
            self._done.set()

    async def ready(self) -> None:
        """Until the vehicle's present state is known."""
        await self._hands.ready.wait()

    def status(self) -> CabinStatus:
        """A snapshot."""
        hands, up = self._hands, self._hands.ready.is_set()
        missing = len(self._card.keys() - self._engine.inputs.known) if up else 0
        guest, applying = self._session is not None, self._engine.run is not None
        return CabinStatus(up, guest, applying, missing, dict(hands.counters), hands.trouble)

    async def begin(self, session: Seated) -> None:
        """The guest signs in: what the cabin was like before is kept. Raises InputError, LinkError and StoreError.

        Taken up again after a restart, it is still the state of before the visit that counts. What a visit before that
        was never wiped has left goes first.
        """
        if session.seat not in SEATS:
            raise InputError(f"a seat is one of {', '.join(SEATS)}")
        if self._session is not None:
            if self._session != session:
                raise InputError("another guest is in the cabin: end that visit first")
            return
        self._hands.connected()
        visit, neutral = visit_of(session.subject), await self._file.read()
        if neutral is not None and neutral.visit != visit:
            await self.wipe(0)
            neutral = None
        if neutral is None:
            neutral = Neutral.captured(visit, self._engine.inputs, self._engine.limits)
            await self._file.write(neutral)
        self._neutral, self._session = neutral, session
        self._engine.begin(session.seat)

    async def apply(
        self, fit: Fit, plan_id: str, session: Seated, *, confirmed: bool = False, created_s: float | None = None
    ) -> tuple[Outcome, ...]:
        """Sets the cabin as `fit` says and tells what became of each field; a plan that was applied is not again.

        `created_s`: when the plan was made, on the boot clock (default: now); 30 s later nothing of it begins or goes
        on. `confirmed`: the guest tapped on the screen of the car. Raises InputError and LinkError, never for a field.
        """
        if self._session is None or session != self._session:
            raise InputError("this guest is not in the cabin: begin the visit first")
        if plan_id in self._plans:
            return self._plans[plan_id]
        self._hands.connected()
        begun_ms = self._hands.now_ms()
        created_ms = begun_ms if created_s is None else min(int(created_s * 1_000), begun_ms)
        wanted, out = wanted_of(fit), skipped(fit.skipped)
        if self._engine.run is not None:
            busy = (Outcome(one.field, OutcomeKind.REFUSED, Reason.OTHER_PLAN, one.value) for one in wanted)
            return of_fields((*busy, *out))
        terms = Terms(session.seat, confirmed)
        plan = build(plan_id, created_ms, wanted, self._engine.limits, self._engine.inputs, terms)
        run = self._engine.start(plan, begun_ms)
        try:
            await self._finished()
        finally:
            self._finish(run)
        outcomes = of_fields((*run.outcomes(), *out))
        self._remember(plan_id, outcomes)
        self._timed(run)
        return outcomes

    async def edits(self) -> AsyncIterator[CabinEdit]:
        """What the guest changes, as it becomes sure; endless."""
        while True:
            yield await self._edits.get()

    async def tidy(self) -> None:
        """After a start without an open visit: what a visit before has left, if anything, goes. Raises as `wipe`."""
        if self._session is None and await self._file.read() is not None:
            await self.wipe(0)

    async def neutral(self) -> None:
        """Everything that does not move goes back to before the visit; what the guest's words are is emptied.

        In a new process, what the visit wrote before is known from the disk. Raises LinkError while anything of the
        guest is left.
        """
        neutral = self._neutral or await self._file.read()
        if neutral is not None:
            await self._restore(neutral)

    async def wipe(self, subject: int) -> None:
        """Nothing of `subject` is left in the cabin; may be called again, also in a new process.

        Stops a plan at once. Raises LinkError while something is left, for example because the databroker is away.
        """
        self._engine.end()
        self._hands.wake()
        while self._engine.run is not None or self._hands.giving:  # noqa: ASYNC110 - orders end within their time-outs
            await asyncio.sleep(0.005)
        while not self._edits.empty():
            self._edits.get_nowait()
        neutral = self._neutral or await self._file.read()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S if neutral is not None else 0):
                await self._hands.ready.wait()
        if neutral is not None or self._hands.ready.is_set():
            self._hands.connected()
            neutral = neutral or Neutral()
            neutral.wrote |= personal(self._engine.inputs, self._engine.limits)
            await self._restore(neutral)
        self._plans.clear()
        self._neutral = self._session = None
        await self._file.remove()

    async def _restore(self, neutral: Neutral) -> None:
        """Orders until all is as wanted, for RESTORE_S at most."""
        self._hands.connected()
        engine, loop = self._engine, asyncio.get_running_loop()
        until_s, told = loop.time() + RESTORE_S, dict[str, Setting]()
        while wanted := neutral.orders(engine.inputs, engine.limits):
            if loop.time() > until_s or not self._hands.ready.is_set():
                self._not_restored(wanted)
                return
            fresh = {path: value for path, value in wanted.items() if told.get(path) != value}
            async with asyncio.TaskGroup() as group:
                gave = {path: group.create_task(self._hands.give(Order(path, value))) for path, value in fresh.items()}
            told |= {path: fresh[path] for path, task in gave.items() if task.result() is Reason.NONE}
            if len(told) < len(wanted) and all(task.result() is not Reason.NONE for task in gave.values()):
                self._not_restored({path: value for path, value in wanted.items() if path not in told})
            refused = any(task.result() is not Reason.NONE for task in gave.values())
            await asyncio.sleep(0.2 if refused else 0.02)

    def _not_restored(self, wanted: Mapping[str, Setting]) -> None:
        """What belongs to the guest has to go; a fan that stays on is only told."""
        _log.warning("cabin_not_restored", leaves=sorted(wanted))
        left = [path for path in wanted if path in self._engine.limits and is_personal(path, self._engine.limits[path])]
        if left or not self._hands.ready.is_set():
            raise LinkError(f"{', '.join(left) or 'the cabin'} could not be set back: is the head unit there?")

    async def _finished(self) -> None:
        self._done.clear()
        self._hands.wake()
        await self._done.wait()

    def _finish(self, run: Run) -> None:
        """The plan is over, also when whoever asked for it has gone."""
        if not run.done:
            run.stop(Reason.ENDED)
            self._hands.left += self._engine.tick(self._hands.now_ms())
            self._hands.wake()
        self._engine.finish()

    def _remember(self, plan_id: str, outcomes: tuple[Outcome, ...]) -> None:
        if self._session is None:
            return
        self._plans[plan_id] = outcomes
        while len(self._plans) > PLANS_KEPT:
            self._plans.popitem(last=False)

    def _timed(self, run: Run) -> None:
        first, last = (
            None if at_ms is None else (at_ms - run.begun_ms) / 1_000
            for at_ms in (run.first_order_ms, run.last_order_ms)
        )  # fmt: skip
        done_s = (self._hands.now_ms() - run.begun_ms) / 1_000
        self.last_apply = ApplyTiming(first, last, run.without_travel_ms() / 1_000, done_s)

    def _tell(self, changes: list[Change]) -> None:
        session = self._session
        if not changes or session is None:
            return
        inputs = self._engine.inputs
        after = {path: value for path in self._card if (value := inputs.value(path)) is not None}
        after |= {one.path: one.after for one in changes}
        before = after | {one.path: one.before for one in changes if one.before is not None}
        changed, at_ms = {one.path: one.after for one in changes}, max(one.at_ms for one in changes)
        at_us = self._clock.wall_us() - (self._hands.now_ms() - at_ms) * 1_000
        while self._edits.full():
            self._edits.get_nowait()
            self._hands.counters["edits_dropped"] += 1
        self._edits.put_nowait(CabinEdit(session, changed, before, after, at_us, at_ms))
        self._hands.counters["edits"] += 1

    def _ticked(self, now_ms: int) -> None:
        if self._engine.run is not None and self._engine.run.done:
            self._done.set()
        if self._session is not None:
            self._tell(self._engine.wishes(now_ms))
