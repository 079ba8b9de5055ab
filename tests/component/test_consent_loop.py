"""Authority, broker and device together: a yes gets there, a no reaches everything, old grants carry nothing new."""

from pathlib import Path

import pytest

from gateway.model import Purpose
from tests.kit.consent_loop import DRIVING, SUBJECT, loop

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed]


async def test_a_yes_from_the_device_holds_inside_until_it_is_countersigned(tmp_path: Path) -> None:
    """Kept at once, sent only on the authority's record; and every bag that left names it."""
    async with loop(tmp_path) as one:
        async with one.car() as car:
            await car.yes(DRIVING)
            assert await car.append(DRIVING, count=50) == 50
            assert car.agent.consent.gate.may_use(SUBJECT, Purpose.DRIVING_BEHAVIOUR)
            assert not car.may_leave(DRIVING)
            await one.cloud_up()
            await car.runs()
            await car.until(lambda: car.may_leave(DRIVING))
            assert await car.agent.drained(20)
        await one.heard.mark()
        seen = list(one.heard.events())
        assert len(seen) == 50
        assert all(event.records and event.records[0] for event in seen)
        assert await one.effects() == 50
