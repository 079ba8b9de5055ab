"""The walk test: what is heard enough passes, what is not fails and says why, in all three forms of input."""

import csv
import io
import json
import math
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from forecourt.v1 import showroom_pb2
from google.protobuf.proto import serialize_length_prefixed

from gateway.cli.root import main
from gateway.errors import ConfigError
from showroom_agent.joining.expected import Falloff, expected_error_m, fit
from showroom_agent.joining.spots import Spot, load_sightings, load_spots
from showroom_agent.joining.walk import Terms, judge
from showroom_agent.joining.walk_report import as_json, as_svg, lines
from showroom_agent.joining.waypoints import note
from showroom_agent.plan import Reading, Site
from tests.kit import floors

PLACES = [("door", 1.0, 1.0), ("car 1", 3.0, 6.0), ("car 2", 7.5, 5.5), ("desk", 8.0, 2.0)]
STAND_S = 12.0


def walked(site: Site, begin_s: float = 0.0) -> tuple[list[Spot], list[Reading]]:
    """Somebody stands at each place, and walks on for three seconds."""
    path, spots = [], []
    for number, (name, x_m, y_m) in enumerate(PLACES):
        at_s = begin_s + number * (STAND_S + 3)
        path += [(at_s, x_m, y_m), (at_s + STAND_S, x_m, y_m)]
        spots.append(Spot(name, x_m, y_m, at_s, at_s + STAND_S))
    return spots, floors.walk(site, path, noise_db=2.0)


def test_a_hall_that_hears_everywhere_passes() -> None:
    """Every spot, with all hubs, an error below the terms, and no blind floor."""
    site = floors.floor()
    spots, readings = walked(site)
    found = judge(site, None, spots, readings)
    assert found.passed
    assert [one.spot.name for one in found.spots] == [name for name, _, _ in PLACES]
    assert all(len(one.hubs) == 5 and one.measured_m < 2.5 and 0 < one.expected_m < 5 for one in found.spots)
    assert (found.silent, found.blind_share) == ((), 0.0)
    assert found.falloff.exponent == pytest.approx(2.2, abs=0.5), "the kit's hall"
    told = as_json(found)
    assert told["passed"] is True
    assert len(told["spots"]) == 4
    json.dumps(told, allow_nan=False)
    assert list(lines(found))[-1] == "PASS"


def test_a_spot_that_two_hubs_hear_fails_alone() -> None:
    """It says which spot and how many hubs; the others pass; the share decides about the whole."""
    site = floors.floor()
    spots, readings = walked(site)
    desk = spots[-1]
    kept = [one for one in readings if not (one.t_s >= desk.begin_s and one.hub > 1)]
    found = judge(site, None, spots, kept, Terms(share=0.9))
    assert not found.passed
    assert [one.passed for one in found.spots] == [True, True, True, False]
    assert found.spots[-1].why[0] == "only 2 of 3 hubs"
    assert judge(site, None, spots, kept, Terms(share=0.7)).passed


def test_a_blind_spot_and_a_hub_that_never_spoke_are_named() -> None:
    """Nothing is heard at one spot; one hub is silent for the whole walk; the picture shows both."""
    site = floors.floor()
    spots, readings = walked(site)
    blind = spots[1]
    kept = [one for one in readings if one.hub != 4 and not blind.begin_s <= one.t_s <= blind.end_s]
    found = judge(site, None, spots, kept)
    assert found.spots[1].why == ("blind",)
    assert found.spots[1].expected_m == math.inf
    assert found.silent == ("e",)
    assert not found.passed
    assert as_json(found)["spots"][1]["expected_error_m"] is None
    text = "\n".join(lines(found))
    assert "FAIL: blind" in text
    assert "silent on the whole walk, or with a wrong clock: e" in text
    picture = ET.fromstring(as_svg(found))
    texts = [one.text for one in picture.iter() if one.tag.endswith("text")]
    assert {"car 1: blind", "door", "e"} <= set(texts)


def test_a_hub_that_hears_now_and_then_does_not_count() -> None:
    """Less than a third of the half seconds is no coverage."""
    site = floors.floor()
    spots, readings = walked(site)
    kept = [one for place, one in enumerate(readings) if one.hub < 2 or place % 25 < 5]
    found = judge(site, None, spots, kept)
    assert all(set(one.hubs) == {"a", "b"} for one in found.spots)
    assert not found.passed


def test_a_place_that_is_taken_for_another_fails() -> None:
    """Spots that were noted wrongly, or a plan that is mirrored, do not pass."""
    site = floors.floor()
    spots, readings = walked(site)
    mirrored = [Spot(one.name, 10 - one.x_m, 8 - one.y_m, one.begin_s, one.end_s) for one in spots]
    found = judge(site, None, mirrored, readings)
    assert not any(one.passed for one in found.spots)
    assert all(one.why[0].endswith("m off") for one in found.spots)


def test_what_can_be_reached_at_best_follows_the_hubs() -> None:
    """Worse in a corner than among hubs, and with fewer; infinite with one; twice the noise, nearly twice as far."""
    site = floors.floor()
    x, y = np.array([5.0, 9.9]), np.array([4.5, 0.1])
    every = np.ones((2, 5), bool)
    centre, corner = expected_error_m(site, x, y, every, Falloff())
    assert centre < corner
    fewer = every.copy()
    fewer[:, 4] = False
    assert (expected_error_m(site, x, y, fewer, Falloff()) > [centre, corner]).all()
    assert np.isinf(expected_error_m(site, x, y, every & (np.arange(5) < 1), Falloff())).all()
    noisy = expected_error_m(site, x[:1], y[:1], every[:1], Falloff(spread_db=12.0))[0]
    assert 1.8 < noisy / centre < 2.1


def test_the_falloff_is_found_again() -> None:
    """From levels without noise exactly, and with too few of them the usual is taken."""
    site = floors.floor()
    x, y = np.linspace(0.5, 9.5, 20), np.linspace(7.0, 1.0, 20)
    from showroom_agent.joining.expected import predicted_dbm

    made = Falloff(-50.0, 2.9)
    found = fit(site, x, y, predicted_dbm(site, x, y, made))
    assert (found.power_dbm, found.exponent) == pytest.approx((-50.0, 2.9))
    assert fit(site, x[:1], y[:1], predicted_dbm(site, x[:1], y[:1], made)).fitted == 0


def as_csv(site: Site, readings: list[Reading]) -> str:
    """A recording."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("t_s", "hub", "tag", "rssi_dbm"))
    writer.writerows((one.t_s, site.hubs[one.hub].id, one.tag, one.rssi_dbm) for one in readings)
    return text.getvalue()


def frame_of(site: Site, one: Reading, number: int) -> showroom_pb2.SightingFrame:
    """A frame with one tag."""
    frame = showroom_pb2.SightingFrame(
        hub=site.hubs[one.hub].id, boot=1 << 63, frame=number, boottime_ms=1, wall_us=round(one.t_s * 1e6)
    )
    frame.tags.add(tag=one.tag, mean_dbm=one.rssi_dbm, best_dbm=round(one.rssi_dbm), count=1)
    return frame


def test_all_three_forms_of_sightings_say_the_same(tmp_path: Path) -> None:
    """A recording, frames, and a site's log whose end was cut."""
    site = floors.floor()
    readings = walked(site, begin_s=1_790_000_000.0)[1][:500]
    (tmp_path / "a.csv").write_text(as_csv(site, readings))
    frames, journal = io.BytesIO(), io.BytesIO()
    header = showroom_pb2.SiteEntry(header=showroom_pb2.SiteHeader(version=1, wall_at_zero_us=1_700_000_000_000_000))
    journal.write(b"FCSITE1\n")
    entries = [header]
    for number, one in enumerate(readings, 1):
        frame = frame_of(site, one, number)
        serialize_length_prefixed(frame, frames)
        entries.append(showroom_pb2.SiteEntry(at_ms=round((one.t_s - 1_700_000_000) * 1_000), frame=frame))
    cut = frame_of(site, readings[0], 501)
    entries += [showroom_pb2.SiteEntry(tick=True), showroom_pb2.SiteEntry(at_ms=1, frame=cut)]
    for entry in entries:
        body = entry.SerializeToString()
        journal.write(len(body).to_bytes(4, "big") + body)
    (tmp_path / "b").write_bytes(frames.getvalue())
    (tmp_path / "c").write_bytes(journal.getvalue()[:-3])
    found = [load_sightings(tmp_path / name, site)[0] for name in ("a.csv", "b", "c")]
    for other in found[1:]:
        assert [(one.hub, one.tag) for one in other] == [(one.hub, one.tag) for one in found[0]]
        assert [one.t_s for one in other] == pytest.approx([one.t_s for one in found[0]], abs=0.002)
        assert [one.rssi_dbm for one in other] == pytest.approx([one.rssi_dbm for one in found[0]], abs=1e-4)


@pytest.mark.parametrize(
    "data", [b"\xff" * 100, b"FCSITE1\n\xff\xff\xff\xff", b"FCSITE1\n\0\0\0\3abc", b"\x03\xff\xff\xff"]
)
def test_damaged_sightings_are_one_clear_error(tmp_path: Path, data: bytes) -> None:
    """Never a trace, never a guess."""
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ConfigError, match="damaged"):
        load_sightings(tmp_path / "x", floors.floor())


SPOTS = {
    "t_s,name\n1,a\n": "lacks the columns x_m, y_m",
    "t_s,name,x_m,y_m\nx,a,1,1\n": "line 2: t_s, x_m and y_m are numbers",
    "t_s,name,x_m,y_m\n1,a,1,1\n2,b,11,1\n": "line 3: .* outside the plan",
    "t_s,name,x_m,y_m\nnan,a,1,1\n": "line 2: a time that cannot be",
    "t_s,name,x_m,y_m\n": "no spot",
}


@pytest.mark.parametrize(("text", "said"), SPOTS.items())
def test_spots_that_cannot_be_read_name_the_line(tmp_path: Path, text: str, said: str) -> None:
    """And what is wrong in it."""
    (tmp_path / "walk.csv").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_spots(tmp_path / "walk.csv", floors.floor())


def test_spots_are_noted_on_the_way(tmp_path: Path) -> None:
    """What `note` writes is what `load_spots` reads; outside the plan nothing is noted."""
    site, path = floors.floor(), tmp_path / "walks" / "walk.csv"
    note(path, site, 'by the "blue, fast" car', 2.0, 3.0, 1_790_000_000.0)
    note(path, site, "door", 1.0, 1.0, 1_790_000_010.0)
    for name, x_m in (("out", 11.0), ("", 1.0), ("x" * 81, 1.0), ("a\nb", 1.0)):
        with pytest.raises(ConfigError):
            note(path, site, name, x_m, 1.0, 0.0)
    spots = load_spots(path, site)
    assert spots == [
        Spot('by the "blue, fast" car', 2.0, 3.0, 1_790_000_000.0, 1_790_000_010.0),
        Spot("door", 1.0, 1.0, 1_790_000_010.0, 1_790_000_025.0),
    ]


def test_by_the_verb(tmp_path: Path) -> None:
    """Exit 0 and a report when it passes, 1 when not; walks and sightings of different days are told as such."""
    site = floors.floor()
    folder = floors.write(tmp_path / "site", floors.document())
    spots, readings = walked(site)
    (tmp_path / "s.csv").write_text(as_csv(site, readings))
    rows = "".join(f"{one.begin_s},{one.name},{one.x_m},{one.y_m},{STAND_S}\n" for one in spots)
    (tmp_path / "walk.csv").write_text("t_s,name,x_m,y_m,stand_s\n" + rows)
    (tmp_path / "late.csv").write_text("t_s,name,x_m,y_m\n99999,a,1,1\n")
    words = ["site", "walk-test", "--site", str(folder), "--sightings", str(tmp_path / "s.csv"), "--spots"]
    good = CliRunner().invoke(
        main, [*words, str(tmp_path / "walk.csv"), "--out", str(tmp_path / "r.json"), "--svg", str(tmp_path / "r.svg")]
    )
    assert good.exit_code == 0, good.output
    assert good.stdout.splitlines()[-1] == "PASS"
    assert json.loads((tmp_path / "r.json").read_text())["passed"] is True
    assert (tmp_path / "r.svg").read_text().startswith("<svg")
    bad = CliRunner().invoke(main, [*words, str(tmp_path / "walk.csv"), "--hubs", "6"])
    assert (bad.exit_code, bad.stdout.splitlines()[-1]) == (1, "FAIL")
    late = CliRunner().invoke(main, [*words, str(tmp_path / "late.csv")])
    assert "same clock" in late.output
    wrong = CliRunner().invoke(main, [*words, str(tmp_path / "walk.csv"), "--tag", "other"])
    assert "there are: tag" in wrong.output


@pytest.mark.shared_data
def test_a_real_office_passes_and_two_of_its_hubs_alone_do_not(shared_data: Path) -> None:
    """A recorded walk past twelve hubs, without a survey; and with two of the hubs left."""
    from showroom_agent.plan import load_readings, load_site

    folder = shared_data / "ble" / "danis-tetam"
    site = load_site(folder / "site.geojson")
    readings, _ = load_readings(folder / "tracks" / "straight-03.sightings.csv", site)
    with (folder / "tracks" / "straight-03.truth.csv").open() as file:
        rows = [(float(row["t_s"]), float(row["x_m"]), float(row["y_m"])) for row in csv.DictReader(file)]
    times, xs, ys = (np.array(column) for column in zip(*rows, strict=True))
    middles = np.arange(times[0] + 5, times[-1] - 5, 6)
    spots = [
        Spot(f"{at:.0f} s", float(np.interp(at, times, xs)), float(np.interp(at, times, ys)), at - 1, at + 1)
        for at in middles.tolist()
    ]
    found = judge(site, None, spots, readings, Terms(error_m=4.0))
    assert found.passed, "\n".join(lines(found))
    assert 1.0 < found.falloff.exponent < 2.5, "published fit: 1.54"
    two = judge(site, None, spots, [one for one in readings if one.hub in (0, 1)], Terms(error_m=4.0))
    assert not any(one.passed for one in two.spots)
    assert len(two.silent) == 10
