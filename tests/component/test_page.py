"""A guest decides on a phone: a real browser on the real page over the real desk; must never be shown another guest."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from gateway.consent.notices import notice
from gateway.guest import GuestDesk
from gateway.model import Purpose
from gateway.page import Page, as_svg, as_text
from gateway.page.access import FAILURES_MAX
from gateway.runtime import Agent
from tests.kit.browser import Tab, browser
from tests.kit.consent_loop import loop

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.timed, pytest.mark.timeout(60)]
DRIVING = Purpose.DRIVING_BEHAVIOUR.word
SWITCH = f'[data-purpose="{DRIVING}"] [role=switch]'


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    """A device with a desk, without a network."""
    async with loop(tmp_path) as one, one.car() as car:
        yield car.agent


def desk_of(agent: Agent) -> GuestDesk:
    """Its desk."""
    assert agent.desk is not None
    return agent.desk


def granted(agent: Agent) -> bool:
    """Whether driving behaviour may be kept now."""
    visit = desk_of(agent).session()
    return visit is not None and bool(agent.consent.gate.granted(visit.subject) >> Purpose.DRIVING_BEHAVIOUR & 1)


async def shown(tab: Tab, page: Page, width: int = 390, height: int = 844) -> None:
    """The page of the visit, drawn."""
    await tab.open(page.link(), width, height)
    await tab.until(f"document.querySelector('{SWITCH}')")


@pytest.mark.needs_chromium
async def test_a_guest_says_yes_and_no_with_one_tap_each(agent: Agent, tmp_path: Path) -> None:
    """By touch and by keyboard, in both languages, with the text that was agreed to; nothing is chosen in advance."""
    async with Page(desk_of(agent), "127.0.0.1", 0) as page, browser() as tab:
        await desk_of(agent).open("kiosk", "de")
        await shown(tab, page)
        assert await tab.js("location.hash") == "", "the token stays in no address bar"
        assert await tab.js("document.querySelectorAll('[role=switch][aria-checked=true]').length") == 0
        await tab.tap(SWITCH)
        await tab.until(f"document.querySelector('{SWITCH}').getAttribute('aria-checked') === 'true'")
        assert granted(agent)
        assert "Ja zu Fahrverhalten" in await tab.js("document.getElementById('message').textContent")
        assert await tab.js(f"document.activeElement === document.querySelector('{SWITCH}')"), "focus stays"
        await tab.press(" ", 32)
        await tab.until(f"document.querySelector('{SWITCH}').getAttribute('aria-checked') === 'false'")
        assert not granted(agent)
        await tab.tap('[data-language="en"]')
        assert await tab.until("document.documentElement.lang") == "en"
        await tab.tap(f'[data-purpose="{DRIVING}"] summary')
        text = await tab.until(f"document.querySelector('[data-purpose=\"{DRIVING}\"] .notice').textContent")
        assert text == notice(Purpose.DRIVING_BEHAVIOUR, "en").text
        await tab.picture(tmp_path / "page.png")
    assert {request.split("/")[2] for request in tab.requests} == {page.url.split("/")[2]}, "nothing from elsewhere"
    assert tab.problems == []


@pytest.mark.needs_chromium
async def test_a_screen_reader_is_told_everything(agent: Agent) -> None:
    """Every control has a name and a state, headings are in order, the language is said; on a kiosk's screen too."""
    async with Page(desk_of(agent), "127.0.0.1", 0) as page, browser() as tab:
        await desk_of(agent).open("kiosk", "de")
        await shown(tab, page, 1_280, 800)
        nodes = await tab.tree()
        switches = [node for node in nodes if node["role"] == "switch"]
        assert len(switches) == 11
        assert all(node["name"] and node["checked"] == "false" for node in switches)
        assert len({node["name"] for node in switches}) == 11
        assert all(node["name"] for node in nodes if node["role"] in {"button", "link", "heading"})
        levels = [node["level"] for node in nodes if node["role"] == "heading"]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert {"main", "status"} <= {node["role"] for node in nodes}
        assert await tab.js("document.documentElement.lang") == "de"
        seen = "[...document.querySelectorAll('button')].filter(b => b.offsetParent)"
        assert await tab.js(f"{seen}.filter(b => b.getBoundingClientRect().height < 44).length") == 0, "for a finger"
        assert await tab.js("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.needs_chromium
async def test_erasing_and_ending_ask_once_and_do_it(agent: Agent) -> None:
    """The dialog can be left without harm; afterwards nothing is shown, and the link is dead."""
    async with Page(desk_of(agent), "127.0.0.1", 0) as page, browser() as tab:
        await desk_of(agent).open("kiosk", "de")
        await desk_of(agent).grant([Purpose.DRIVING_BEHAVIOUR])
        await shown(tab, page)
        await tab.tap("#erase")
        await tab.until("document.getElementById('sure').open")
        await tab.tap("#sure-no")
        assert granted(agent)
        await tab.tap("#erase")
        await tab.tap("#sure-yes")
        await tab.until("document.getElementById('message').textContent === 'Gelöscht.'")
        assert not granted(agent)
        await tab.tap("#end")
        await tab.tap("#sure-yes")
        await tab.until("document.getElementById('message').textContent.startsWith('Der Besuch ist beendet')")
        assert await tab.js("document.getElementById('choices').hidden && !sessionStorage.length")
        assert desk_of(agent).session() is None


@pytest.mark.needs_chromium
async def test_the_next_guest_sees_nothing_of_the_one_before(agent: Agent) -> None:
    """The old link opens nothing, also in a tab that is still open; the new one shows a fresh start."""
    async with Page(desk_of(agent), "127.0.0.1", 0) as page, browser() as tab:
        await desk_of(agent).open("kiosk", "de")
        await desk_of(agent).grant([Purpose.DRIVING_BEHAVIOUR])
        old = page.link()
        await shown(tab, page)
        await desk_of(agent).end()
        await desk_of(agent).open("kiosk", "de")
        assert page.link() != old
        await tab.tap(SWITCH)
        await tab.until("document.getElementById('message').textContent.startsWith('Dieser Link')")
        assert not granted(agent)
        assert await tab.js("document.querySelectorAll('[role=switch]').length") == 0, "nothing of it is shown on"
        await tab.open(page.link() + "x")
        await tab.until("document.getElementById('message').textContent.startsWith('Dieser Link')")
        await shown(tab, page)
        assert await tab.js("document.querySelectorAll('[role=switch][aria-checked=true]').length") == 0


@pytest.mark.needs_chromium
async def test_a_guest_sees_what_left_and_says_no_without_a_network(tmp_path: Path) -> None:
    """What arrived at the cloud stands there with hour and purpose; then the network goes, and a no still holds."""
    async with loop(tmp_path) as one:
        await one.cloud_up()
        async with one.car() as car, Page(desk_of(car.agent), "127.0.0.1", 0) as page, browser() as tab:
            visit = await desk_of(car.agent).open("kiosk", "de")
            car.subject = visit.subject
            await car.runs()
            await shown(tab, page)
            assert await tab.js("document.getElementById('left-table').hidden")
            await tab.tap(SWITCH)
            told = f"document.getElementById('state-{DRIVING}').textContent"
            await tab.until(f"{told}.startsWith('Ja, erlaubt.')", 20)
            assert await car.append(Purpose.DRIVING_BEHAVIOUR, count=25) == 25
            assert await car.agent.drained(20)
            row = await tab.until("document.querySelector('#left-table tbody tr')?.innerText", 20)
            assert row.split("\t")[1:] == ["25", "Fahrverhalten"]
            one.network.cut()
            await tab.tap(SWITCH)
            await tab.until(f"document.querySelector('{SWITCH}').getAttribute('aria-checked') === 'false'")
            assert await car.append(Purpose.DRIVING_BEHAVIOUR) == 0
            one.network.heal()


async def test_nobody_without_the_link_learns_or_changes_anything(agent: Agent) -> None:
    """No token, a guessed one, another site's form, a name that points here: refused, counted, locked; no trace."""
    async with Page(desk_of(agent), "127.0.0.1", 0) as page, aiohttp.ClientSession() as http:
        await desk_of(agent).open("kiosk", "de")
        token = page.link().split("#")[1]
        good = {"Authorization": f"Bearer {token}"}
        say = {"purpose": DRIVING, "yes": True, "language": "de"}
        for headers, body, status in [
            ({}, json.dumps(say), 401),
            ({"Authorization": "Bearer guess"}, json.dumps(say), 401),
            ({"Authorization": token}, json.dumps(say), 401),
            (good | {"Content-Type": "text/plain"}, json.dumps(say), 400),
            (good | {"Content-Type": "application/json"}, "[1", 400),
            (good | {"Content-Type": "application/json"}, json.dumps(say | {"purpose": "safety"}), 400),
            (good | {"Content-Type": "application/json"}, json.dumps(say | {"yes": "yes"}), 400),
            (good | {"Content-Type": "application/json"}, json.dumps(say | {"purpose": "marketing_email"}), 400),
            (good | {"Content-Type": "application/json"}, "x" * 10_000, 413),
            (good | {"Host": "evil.example"}, json.dumps(say), 421),
        ]:
            async with http.post(f"{page.url}api/consent", headers=headers, data=body) as answer:
                assert answer.status == status, (headers, body[:80], await answer.text())
                assert "Traceback" not in await answer.text()
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert not granted(agent)
        async with http.get(f"{page.url}api/state", headers=good) as answer:
            assert answer.status == 200
        for _ in range(FAILURES_MAX):
            async with http.get(f"{page.url}api/state", headers={"Authorization": "Bearer guess"}):
                pass
        async with http.get(f"{page.url}api/state", headers=good) as answer:
            assert answer.status == 429


async def test_a_guest_takes_the_data_along(agent: Agent) -> None:
    """The export is a file of JSON."""
    async with Page(desk_of(agent), "127.0.0.1", 0) as page, aiohttp.ClientSession() as http:
        await desk_of(agent).open("kiosk", "de")
        await desk_of(agent).grant([Purpose.DRIVING_BEHAVIOUR])
        headers = {"Authorization": f"Bearer {page.link().split('#')[1]}"}
        async with http.get(f"{page.url}api/export", headers=headers) as answer:
            assert answer.headers["Content-Disposition"].startswith("attachment")
            found = json.loads(await answer.read())
    assert found["consent"][DRIVING]["state"] == "given"


def test_the_link_is_shown_as_a_code_that_scanners_read() -> None:
    """On a kiosk as SVG, on a terminal as text; the same link gives the same code, another one another."""
    link = "http://192.168.7.1:8480/#token"
    assert as_svg(link).count("<svg") == 1
    assert as_svg(link) == as_svg(link) != as_svg(link + "2")
    assert len(as_text(link).splitlines()) > 10
