"""A technician places things in a terminal, and serves the page; must never end with a plan that does not load."""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from gateway.cli.root import main
from showroom_agent.plan import load_floor

pytestmark = pytest.mark.timed


def test_by_the_verbs(tmp_path: Path) -> None:
    """Put and remove make the same plans, keep what they do not know, and refuse what would not load."""
    folder = ["--site", str(tmp_path)]

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["site", *words])
        return done.exit_code, done.output

    assert run("put", *folder, "zone", "lounge", "0,0", "6,4")[0] != 0, "a plan needs a hub"
    code, said = run("put", *folder, "hub", "hub-07", "4,11", "--height", "2.8", "--size", "30,15")
    assert code == 0, said
    assert run("put", *folder, "zone", "lounge", "0,0", "6,4", "--name", "Lounge")[0] == 0
    assert run("put", *folder, "car", "car-3", "12.5,8", "--heading", "90", "--tag", "car-3")[0] == 0
    assert run("put", *folder, "wall", "north", "0,15", "20,15")[0] == 0
    path = tmp_path / "site.geojson"
    document = json.loads(path.read_text())
    document["features"][0]["properties"]["note"] = "by the stairs"
    path.write_text(json.dumps(document))
    assert run("put", *folder, "hub", "hub-07", "5,11")[0] == 0
    floor = load_floor(path)
    assert (floor.site.extent, floor.site.hubs[0].x_m, floor.site.hubs[0].z_m) == ((0, 0, 30, 15), 5.0, 2.8)
    assert json.loads(path.read_text())["features"][0]["properties"]["note"] == "by the stairs"
    assert (floor.cars[0].heading_deg, floor.cars[0].tag) == (90.0, "car-3")
    assert floor.site.zones[0].rings[0] == ((0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (0.0, 4.0))
    assert run("remove", *folder, "wall", "north")[0] == 0
    assert not load_floor(path).site.walls
    before = path.read_text()
    for words in (
        ("put", *folder, "hub", "hub 8", "1,1"),
        ("put", *folder, "hub", "hub-8", "x,1"),
        ("put", *folder, "hub", "hub-8", "200,1"),
        ("put", *folder, "zone", "z", "0,0", "1,1", "1,0", "0,1"),
        ("put", *folder, "zone", "z", "0,0"),
        ("remove", *folder, "hub", "hub-07"),
        ("remove", *folder, "hub", "hub-9"),
    ):
        code, said = run(*words)
        assert code != 0, words
        assert "Traceback" not in said
    assert path.read_text() == before


async def test_the_verb_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """It prints the link, whose token opens the plan, and leaves in order."""
    words = "-c", "from gateway.cli import main; main()", "site", "place", "--site", str(tmp_path)
    program = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    assert program.stdout is not None
    try:
        url, _, token = (await program.stdout.readline()).decode().strip().partition("/#")
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as http, http.get(f"{url}/api/plan", headers=headers) as answer:
            assert (await answer.json())["version"] == ""
    finally:
        program.terminate()
        assert await program.wait() == 0
