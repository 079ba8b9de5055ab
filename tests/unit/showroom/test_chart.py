"""The floor in characters: everything that was given stands where it belongs, nothing else, and nothing steers."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.clock import BUILD_TIME_US
from gateway.errors import InputError
from gateway.model import Purpose, purpose_set
from showroom_agent.example import FOLDER
from showroom_agent.plan import Floor, read_floor, read_site
from showroom_agent.site.journal import Journal
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.state import state_of
from showroom_agent.verbs import site as verbs
from showroom_agent.views.chart import RICH, chart
from showroom_agent.views.state import CarMark, FloorState, GuestMark, HubMark, read_state
from tests.kit import floors
from tests.kit.showroom import BOTH, World, core, hello, play, standing

SUBJECT = 0x3F2A9C10 << 32 | 5


def small(*features: dict[str, object]) -> Floor:
    """10 m x 8 m, hubs in the corners and the middle."""
    document = floors.document(*features)
    return read_floor(document, read_site(document))


def test_each_thing_stands_where_it_belongs() -> None:
    """Twenty columns of half a metre: rows of a metre; x to the right, y up; nearer things over farther ones."""
    wall = floors.feature("wall", "w", {"type": "LineString", "coordinates": [[5.2, 0.5], [5.2, 3.5]]})
    desk = floors.polygon("blocked", "desk", floors.rectangle(1, 1, 3, 3))
    square = ((7.0, 5.0), (9.0, 5.0), (9.0, 7.0), (7.0, 7.0))
    guest = GuestMark("3f2a9c10", 2.1, 2.6, 1.2, 0.8, "west", "hubs", "car-3", ("no_survey",))
    hubs = (HubMark("a", 0, 0.1), HubMark("e", 5, 4, "adapter_off"))
    state = FloorState(95_000, hubs, (CarMark("car-3", "present", square), CarMark("van", "absent")), (guest,), 2)
    lines = chart(small(wall, desk), state, columns=20)
    assert lines[:8] == [
        "",
        "              ====",
        "              ==A=",
        "",
        "   west   !  east",
        "  ::1:    #",
        "  ::::    #",
        "o         #",
    ]
    told = "\n".join(lines[8:])
    assert "! e: adapter_off" in told
    assert "A car-3: is here" in told
    assert "B van: is not here" in told
    assert "1 visit 3f2a9c10 in west at 2.1, 2.6 +-1.2 m, confidence 0.80, by hubs, led to car-3 (no_survey)" in told
    assert "2 more without a place" in told
    assert "at 95.0 s of the site's clock: 3 guests" in told


def test_names_steer_no_terminal_and_colours_are_asked_for() -> None:
    """An escape in a name is shown as what it is: nothing."""
    guest = GuestMark("\x1b[2J", 1, 1, 1, 1, "\n", "hubs")
    state = FloorState(1, (HubMark("a\x07", 1, 1, "b\x1b"),), (), (guest,))
    assert all(line.isprintable() for line in chart(small(), state))
    coloured = chart(small(), state, colour=True, signs=RICH)
    assert any("\x1b[" in line for line in coloured)
    assert not any("\x1b[2J" in line or "\x07" in line for line in coloured)


def test_a_map_fits_into_its_terminal() -> None:
    """The map is as small as its words need; what does not fit at all is cut."""
    hubs = tuple(HubMark(str(number), 1, 1, "adapter_off" * 9) for number in range(12))
    lines = chart(small(), FloorState(1, hubs), columns=60, height=30)
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 60
    assert lines[-1].startswith("at 0.0 s"), "all words are there"
    assert len(chart(small(), FloorState(1, hubs), columns=60, height=12)) == 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site's folder: one car with a tag."""
    folder = tmp_path_factory.mktemp("site")
    point = {"type": "Point", "coordinates": [8.0, 6.0]}
    document = floors.document(floors.feature("car", "van", point, tag="tag-van"))
    (folder / "site.geojson").write_text(json.dumps(document))
    return folder


def test_states_go_through_json_and_nothing_else_is_taken(site: Path) -> None:
    """What came from a socket is a state, or is refused in words."""
    world = World(SiteParts.load(site))
    found = core(world)
    world.tags["t"] = [standing(2.0, 3.0)]

    def come(at_ms: int) -> None:
        found.request(at_ms, SUBJECT, hello("t"))
        found.allow(SUBJECT, BOTH)

    world.deaf.add("d")
    play(world, found, 8.0, at={1.0: come})
    state = state_of(found, world.begin_ms + 8_000)
    assert read_state(json.loads(json.dumps(state.as_json()))) == state
    assert [(hub.id, hub.trouble) for hub in state.hubs if hub.trouble] == [("d", "never_seen")]
    assert {car.there for car in state.cars} == {"present"}
    (guest,) = state.guests
    assert guest.visit == "3f2a9c10"
    assert abs(guest.x_m - 2) + abs(guest.y_m - 3) < 4
    found.allow(SUBJECT, purpose_set([Purpose.PERSONALISED_OFFERS]))
    hidden = state_of(found, world.begin_ms + 8_000)
    assert (hidden.guests, hidden.hidden) == ((), 1), "who does not agree to be located is not on a map"
    wrong: list[object] = [
        None,
        [],
        {},
        state.as_json() | {"guests": [{"visit": "x"}]},
        state.as_json() | {"hubs": "x"},
    ]
    for said in wrong:
        with pytest.raises(InputError):
            read_state(said)


@pytest.fixture(scope="module")
def journal(site: Path) -> Path:
    """Nine seconds of a guest in the west."""
    world = World(SiteParts.load(site))
    world.tags["t"] = [standing(2.0, 3.0)]
    kept = Journal(BUILD_TIME_US, world.parts.digest)
    for step in range(1, 19):
        at_ms = world.begin_ms + step * 500
        for frame in world.frames(at_ms):
            kept.frame(at_ms, frame)
        if step == 4:
            kept.request(at_ms, SUBJECT, hello("t"))
            kept.allow(at_ms, SUBJECT, BOTH)
        kept.tick(at_ms)
    path = site / "journal"
    path.write_bytes(kept.take())
    return path


def told(*words: str) -> tuple[int, str]:
    """Exit code and output of the verb."""
    done = CliRunner().invoke(verbs, ["map", *words])
    return done.exit_code, done.output or str(done.exception)


def test_a_journal_by_the_verb(site: Path, journal: Path) -> None:
    """At its end, at a second of it, every few seconds; as a map and as JSON."""
    folder = ["--site", str(site)]
    code, text = told(*folder, str(journal), "--columns", "80")
    assert code == 0, text
    assert "1 visit 3f2a9c10 in west" in text
    assert "\x1b" not in text
    code, text = told(*folder, str(journal), "--json", "--every", "4")
    states = [json.loads(line) for line in text.splitlines()]
    assert [one["at_ms"] for one in states] == [1_004_500, 1_008_500, 1_009_000]
    assert len(states[-1]["guests"]) == 1
    code, text = told(*folder, str(journal), "--json", "--at", "0.6")
    assert (json.loads(text)["at_ms"], json.loads(text)["hidden"]) == (1_001_000, 0)
    assert told(*folder, str(journal), "--at", "900")[1].startswith(f"{journal}: it ends after 8 s")


def test_the_plan_alone_and_what_is_asked_wrongly(tmp_path: Path) -> None:
    """With words that say what to do."""
    code, text = told("--site", str(FOLDER))
    assert (code, text.count("\n") > 30) == (0, True)
    assert len(json.loads(told("--site", str(FOLDER), "--json")[1])["hubs"]) == 14
    assert told("--site", str(FOLDER), "--at", "3")[0] == 2
    assert told()[0] == 2
    other = tmp_path / "site.geojson"
    other.write_text(json.dumps(floors.document()))
    empty = tmp_path / "journal"
    empty.write_bytes(b"nothing")
    assert "no log of a site" in told("--site", str(tmp_path), str(empty))[1]
