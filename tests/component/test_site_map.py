"""A site that runs shows its floor to its own user, and a map says so where none runs."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.clock import SystemClock
from gateway.config import load
from gateway.identity.pki import make_dev_pki
from gateway.log import fields_of
from gateway.runtime import Agent, options_of
from showroom_agent.example import FOLDER
from showroom_agent.hearing import Otherwise
from showroom_agent.plan import load_floor
from showroom_agent.site.running import MAP, on_floor
from showroom_agent.site.settings import SiteAgentSettings
from showroom_agent.verbs import site as verbs
from showroom_agent.views.state import read_state
from tests.kit.sites import background

pytestmark = pytest.mark.timed


def settings(folder: Path) -> Path:
    """Of a site whose brokers are both away."""
    hubs = [hub.id for hub in load_floor(FOLDER / "site.geojson").site.hubs]
    make_dev_pki(folder / "floor", hubs)
    far = make_dev_pki(folder / "far", ["site-1"])
    path = folder / "site.toml"
    path.write_text(
        f'role = "site"\n[device]\nid = "site-1"\nidentity = "{far.device("site-1")}"\n'
        f'[store]\nfolder = "{folder / "store"}"\nbytes_max = 16_777_216\n[link]\nbroker = "mqtt://127.0.0.1:1"\n'
        f'[health]\nport = 0\n[site]\nfolder = "{FOLDER}"\nfloor_identity = "{folder / "floor" / "cloud"}"\n'
        'broker = "mqtt://127.0.0.1:1"\n'
    )
    return path


async def test_a_running_site_shows_its_floor(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """To the user that it runs as, by a socket that is only his, and what it warns of to everybody who looks after it.

    Once it has ended the map says what to do.
    """
    config = await asyncio.to_thread(settings, tmp_path)
    store = tmp_path / "store"

    def look(*words: str) -> Result:
        return CliRunner().invoke(verbs, ["map", "--config", str(config), "--once", *words])

    asked = await asyncio.to_thread(load, SiteAgentSettings, config)
    options = await asyncio.to_thread(lambda: options_of(asked, SystemClock()))
    async with Agent.open(options) as agent, on_floor(asked, agent) as site, background(agent.run(site.run)):
        stepped = asyncio.Event()
        site.on_step.append(lambda _: stepped.set())
        await stepped.wait()
        told = await asyncio.to_thread(look, "--json")
        assert told.exit_code == 0, told.output
        state = read_state(json.loads(told.output))
        assert state.at_ms > 0
        assert {hub.trouble for hub in state.hubs} == {"never_seen"}
        drawn = await asyncio.to_thread(look)
        assert "hub-07: never_seen" in drawn.output
        assert stat.S_IMODE((await asyncio.to_thread((store / MAP).stat)).st_mode) == 0o600
        core = site.stepper.core
        core.vehicles.moved.moved[3] = Otherwise(4, 6, 9.6)
        core.polarity.contradicted = True
        before = site.status().steps
        while site.status().steps <= before + 1:
            stepped.clear()
            await stepped.wait()
        assert list(site.status().moved) == ["hub-04"]
        warned = {record.getMessage(): fields_of(record) for record in caplog.records}
        assert warned["hub_moved"]["hub"] == "hub-04"
        assert "hint" in warned["plan_contradicted"]
        assert "contradicts" in agent.health.ready["plan"]()
        drawn = await asyncio.to_thread(look)
        assert "the plan contradicts how people walk" in drawn.output
    gone = await asyncio.to_thread(look)
    assert gone.exit_code != 0
    assert "no site runs" in str(gone.exception)
