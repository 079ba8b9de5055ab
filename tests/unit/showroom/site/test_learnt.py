"""A site that has learnt when a car is inside: present means inside, not heard; on recordings too."""

import json
from pathlib import Path

import numpy as np
import pytest
from forecourt.v1 import record_pb2, showroom_pb2

from gateway.clock import BUILD_TIME_US
from gateway.errors import ConfigError
from showroom_agent.plan import load_readings, load_site
from showroom_agent.presence import load_run, save_models, train
from showroom_agent.presence.features import RATE_S
from showroom_agent.presence.measure import Measure, measure
from showroom_agent.presence.train import Run
from showroom_agent.site import SiteCore, SiteParts
from tests.kit.beacons import tracks
from tests.kit.floors import csv_of, document, feature, floor, walk, write

CAR, TAG = "estate", "tag-estate"
STATES = record_pb2.VehiclePresence
CAR_FEATURE = feature("car", CAR, {"type": "Point", "coordinates": [8, 4]}, tag=TAG)
THROUGH = [(0.0, 2.0, 4.0), (15.0, 2.0, 4.0), (20.0, 8.0, 4.0), (35.0, 8.0, 4.0), (40.0, 2.0, 4.0), (55.0, 2.0, 4.0)]
"""Outside is west of 5 m; in after 17.5 s, out after 37.5 s."""


def labelled(folder: Path, seeds: range) -> list[Run]:
    """Runs through the door, each with its truth."""
    site, found = floor(), []
    for seed in seeds:
        path = [(at, x, y + seed % 3 - 1) for at, x, y in THROUGH]
        readings = walk(site, path, noise_db=2.0, seed=seed)
        (folder / "tracks" / f"car-{seed}.sightings.csv").write_text(csv_of(site, readings), "utf-8")
        (folder / "tracks" / f"car-{seed}.truth.csv").write_text("t_s,zone\n0,outside\n17.5,inside\n37.5,outside\n")
        found.append(load_run(folder, f"car-{seed}", site, "outside"))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose one car was learnt."""
    made = write(tmp_path_factory.mktemp("learnt") / "site", document(CAR_FEATURE))
    save_models(made / "presence.json", {"car": train([hub.id for hub in floor().hubs], labelled(made, range(1, 6)))})
    return made


def said(core: SiteCore, levels: np.ndarray, step: int) -> list[tuple[float, record_pb2.VehiclePresence]]:
    """What the site tells when hubs say each half second what they heard on the mean. `levels`: T x H, of RATE_S."""
    hubs, found = [hub.id for hub in core.parts.floor.site.hubs], []
    for number, begin in enumerate(range(0, len(levels) - step + 1, step), 1):
        at_ms = 1_000_000 + number * 500
        for place, hub in enumerate(hubs):
            part = levels[begin : begin + step, place]
            part = part[~np.isnan(part)]
            frame = showroom_pb2.SightingFrame(hub=hub, boot=1, frame=number, boottime_ms=at_ms - 900_000)
            frame.wall_us, frame.mode = BUILD_TIME_US + at_ms * 1_000, showroom_pb2.SCANNER_MODE_ACTIVE
            if len(part):
                frame.tags.add(tag=TAG, best_dbm=round(part.max()), mean_dbm=float(part.mean()), count=len(part))
            core.frame(at_ms, frame)
        records = (record_pb2.Record.FromString(one.body) for one in core.tick(at_ms) if one.kind == "vehicle_presence")
        found += [(number / 2, one.vehicle_presence) for one in records]
    return found


def test_a_car_is_present_once_it_is_inside(folder: Path) -> None:
    """It is heard all the time. Without the model it never leaves; with it each passage is told once, soon."""
    site = floor()
    levels = np.array([one.rssi_dbm for one in walk(site, THROUGH, noise_db=2.0, seed=77)]).reshape(-1, len(site.hubs))
    told = said(SiteCore(SiteParts.load(folder), BUILD_TIME_US), levels, 1)
    assert [one.state for _, one in told] == [STATES.STATE_ABSENT, STATES.STATE_PRESENT, STATES.STATE_ABSENT]
    assert [at_s for at_s, _ in told[1:]] == pytest.approx([17.5, 37.5], abs=2.5)
    assert all(one.confidence >= 0.6 for _, one in told[1:])
    plain = SiteParts.load(folder)
    heard = SiteParts(plain.floor, plain.locator, plain.catalogue, plain.places, plain.digest)
    assert [one.state for _, one in said(SiteCore(heard, BUILD_TIME_US), levels, 1)] == [STATES.STATE_PRESENT]


def test_a_learnt_car_that_nobody_hears_is_not_gone(folder: Path) -> None:
    """All hubs fall silent while it is inside: unknown, not absent."""
    site, core = floor(), SiteCore(SiteParts.load(folder), BUILD_TIME_US)
    levels = np.array([one.rssi_dbm for one in walk(site, THROUGH[:4], noise_db=2.0, seed=7)])
    told = said(core, levels.reshape(-1, len(site.hubs)), 1)
    assert told[-1][1].state == STATES.STATE_PRESENT
    late = [
        one for step in range(1, 40) for one in core.tick(1_000_000 + round(told[-1][0] * 1_000) + step * 500 + 20_000)
    ]
    states = [record_pb2.Record.FromString(one.body).vehicle_presence.state for one in late]
    assert states == [STATES.STATE_UNKNOWN]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"hubs": ["a", "b", "c", "d", "x"]}, "other hubs"),
        ({"carrier": "walk"}, "no model of cars"),
        ({"enter": 7}, "not a presence model"),
    ],
)
def test_a_model_that_does_not_fit_the_site_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    """Of another building, of walkers only, damaged: each with what to do, before the site runs."""
    made = write(tmp_path / "site", document(CAR_FEATURE))
    learnt = json.loads((folder / "presence.json").read_text("utf-8"))
    model = learnt["carriers"].pop("car") | {name: value for name, value in change.items() if name != "carrier"}
    learnt["carriers"][change.get("carrier", "car")] = model
    (made / "presence.json").write_text(json.dumps(learnt), "utf-8")
    with pytest.raises(ConfigError, match=why):
        SiteParts.load(made)


@pytest.mark.shared_data
@pytest.mark.timeout(60)
def test_a_recorded_car_is_told_as_it_drives_in_and_out(shared_data: Path, tmp_path: Path) -> None:
    """The running site on a run that was not learnt from, in frames of half a second: right, and every passage told."""
    data = shared_data / "ble" / "sal-car"
    plan, site = json.loads((data / "site.geojson").read_text("utf-8")), load_site(data / "site.geojson")
    made = write(tmp_path / "site", plan | {"features": [*plan["features"], CAR_FEATURE]})
    names = [name for name in tracks(data) if name.startswith("car")]
    runs = {name: load_run(data, name, site, "outside") for name in names}
    own = runs.pop(names[0])
    save_models(made / "presence.json", {"car": train([hub.id for hub in site.hubs], list(runs.values()))})
    readings, _ = load_readings(data / "tracks" / f"{own.name}.sightings.csv", site)
    levels = np.full((len(own.inside), len(site.hubs)), np.nan)
    for one in readings:
        levels[round((one.t_s - readings[0].t_s) / RATE_S), one.hub] = one.rssi_dbm
    told = said(SiteCore(SiteParts.load(made), BUILD_TIME_US), levels, 5)
    found = judged(told, own)
    assert found.found == found.true > 3
    assert found.accuracy >= 0.93
    assert found.flips_per_min <= 0.5
    assert found.delay_s(50) <= 1.5


def judged(told: list[tuple[float, record_pb2.VehiclePresence]], run: Run) -> Measure:
    """From the first that was told."""
    begin = round(told[0][0] / RATE_S)
    inside = np.zeros(len(run.inside), bool)
    for at_s, one in told:
        inside[round(at_s / RATE_S) :] = one.state == STATES.STATE_PRESENT
    return measure(inside[begin:], run.inside[begin:])
