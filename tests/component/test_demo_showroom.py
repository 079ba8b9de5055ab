"""The showroom's demonstration: real brokers, the real site agent, the cloud kit; and the way to the car."""

import json
from pathlib import Path

import pytest

from simulators.demo.showroom import run_showroom


@pytest.mark.timed
@pytest.mark.timeout(120)
@pytest.mark.needs_mosquitto
async def test_a_guest_is_led_to_the_car_that_fits(tmp_path: Path) -> None:
    """From just before the entrance to the car; everything that was told arrived once, and the report says so."""
    said: list[str] = []
    report = await run_showroom(tmp_path, "mosquitto", 1, said.append, start=(19.0, 6.0), pitch_m=4.0, stay_s=1.0)
    path = tmp_path / "report.json"
    report.write(path)
    told = json.loads(path.read_text())["showroom"]
    assert report.good, report.lines()
    assert told["match"]["vehicle"] == "lumen-e-touring"
    assert told["match"]["percent"] == 100
    assert told["arrival_error_m"] <= 2.5
    assert told["position_median_m"] <= 4.0
    assert 15 <= told["route_m"] <= 40
    assert told["zones"]
    assert len(said) >= 3
    assert report.lines()[-1].startswith("verdict  he stands before the car")
