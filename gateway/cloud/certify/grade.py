"""Plays every case against the subscriber and grades it; must never let one case's failure end the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.cloud.certify import cases, poison_cases, rescue_cases
from gateway.cloud.certify.player import Player
from gateway.cloud.certify.stage import Case, Stage
from gateway.errors import ForecourtError
from gateway.identity import Identity
from gateway.link import Endpoint

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Grade:
    """How one case went: `wrong` is empty when it went well; `seconds` is how long it took."""

    area: str
    asks: str
    wrong: str
    seconds: float


async def certify(
    devices: Sequence[Identity],
    endpoint: Callable[[Identity], Endpoint],
    *,
    patience_s: float = PATIENCE_S,
    count: Callable[[str, int, str], Awaitable[int]] | None = None,
    restart: Callable[[], Awaitable[None]] | None = None,
    on_grade: Callable[[Grade], None] = lambda _: None,
) -> list[Grade]:
    """Plays the fleet with two devices that the subscriber knows, and grades each case.

    `patience_s` is how long a receipt may take, in seconds. `count(device, epoch, stream)` tells how many effects the
    subscriber holds; without it effects are not counted. `restart` ends and starts the subscriber; without it that case
    is left out.
    """
    one, other = (Player(identity, endpoint(identity), patience_s) for identity in devices[:2])
    grades: list[Grade] = []
    async with _on_the_broker(one, other):
        stage = Stage(one, other, count, restart)
        last = (cases.RESTART,) if restart is not None else ()
        for case in (*cases.CASES, *poison_cases.CASES, *rescue_cases.CASES, *last):
            grade = await _play(case, stage)
            grades.append(grade)
            on_grade(grade)
    faults = sorted({*one.heard.faults, *other.heard.faults})
    grades.append(Grade("receipts", "all signed and well formed", "; ".join(faults[:3]), 0.0))
    on_grade(grades[-1])
    return grades


async def _play(case: Case, stage: Stage) -> Grade:
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        wrong = await case.play(stage)
    except TimeoutError:
        wrong = "the broker did not answer"
    except ForecourtError as error:
        wrong = f"{type(error).__name__}: {error}"
    return Grade(case.area, case.asks, wrong, loop.time() - began)


@asynccontextmanager
async def _on_the_broker(*players: Player) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(player.run(), name=f"certify-{player.device}") for player in players]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
