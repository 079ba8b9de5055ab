"""A technician places hubs, zones and cars in a real browser; must never end with a plan that does not load."""

import asyncio
import io
import json
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.clock import ManualClock
from showroom_agent.joining.place_page import PlacePage
from showroom_agent.joining.spots import load_spots
from showroom_agent.plan import Floor, load_floor
from tests.kit import floors
from tests.kit.browser import Tab, browser

pytestmark = [pytest.mark.timed, pytest.mark.timeout(60)]
HUB = '[data-key="hub:hub-1"]'


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[PlacePage]:
    """The page of a site that has nothing yet."""
    async with PlacePage(tmp_path, ManualClock()) as one:
        yield one


def png(width: int, height: int) -> bytes:
    """A white picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\xff" * width for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def add(tab: Tab, kind: str, ident: str) -> None:
    """Through the form, as anybody does it."""
    await tab.js(
        f"(() => {{ const form = document.getElementById('add'); form.elements.kind.value = {json.dumps(kind)};"
        f" form.elements.id.value = {json.dumps(ident)}; form.requestSubmit(); }})()"
    )
    await tab.until(f"document.querySelector('[data-key=\"{kind}:{ident}\"]')")


async def drag(tab: Tab, selector: str, dx: float, dy: float) -> None:
    """With the mouse, by so many metres."""
    found = await tab.js(
        "(() => { const svg = document.getElementById('plan'); svg.scrollIntoView({block: 'center'});"
        f" const e = document.querySelector({json.dumps(selector)}).querySelector('.hub, .car, .zone');"
        " const r = e.getBoundingClientRect(), m = svg.getScreenCTM();"
        " return JSON.stringify({x: r.x + r.width / 2, y: r.y + r.height / 2, scale: m.a}); })()"
    )
    at = json.loads(found)
    place = {"button": "left", "buttons": 1, "clickCount": 1}
    x, y, scale = at["x"], at["y"], at["scale"]
    await tab.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **place)
    for part in (0.5, 1.0):
        await tab.call(
            "Input.dispatchMouseEvent", type="mouseMoved", x=x + dx * scale * part, y=y - dy * scale * part, **place
        )
    await tab.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + dx * scale, y=y - dy * scale, **place)


async def saved(tab: Tab, folder: Path) -> Floor:
    """What is in the file after a touch on Save."""
    await tab.tap("#save")
    await tab.until("document.getElementById('message').textContent.match(/Gespeichert|Saved/)")
    return await asyncio.to_thread(load_floor, folder / "site.geojson")


@pytest.mark.needs_chromium
async def test_a_plan_is_drawn_by_mouse_and_by_keyboard(page: PlacePage, tmp_path: Path) -> None:
    """A picture, its scale by two points, a hub dragged, a car turned, a zone's corner moved, one thing removed."""
    async with browser() as tab:
        await tab.open(page.link(), 1_200, 900)
        await tab.until("document.querySelector('#message')?.textContent")
        assert await tab.js("location.hash") == "", "the token stays in no address bar"
        data = ",".join(map(str, png(400, 200)))
        await tab.js(
            f"(() => {{ const file = new File([new Uint8Array([{data}])], 'floor.png', {{type: 'image/png'}});"
            " const some = new DataTransfer(); some.items.add(file);"
            " const input = document.getElementById('picture').elements.file;"
            " input.files = some.files; input.dispatchEvent(new Event('change')); })()"
        )
        await tab.until("document.querySelector('#plan image')")
        await add(tab, "hub", "hub-1")
        await tab.tap("#scale")
        for share in (0.25, 0.75):  # half the picture's width, which is 20 m before anybody knows better
            spot = await tab.js(
                "(() => { const r = document.querySelector('#plan image').getBoundingClientRect();"
                f" return JSON.stringify({{x: r.x + r.width * {share}, y: r.y + r.height * 0.9}}); }})()"
            )
            for kind in ("mousePressed", "mouseReleased"):
                where = json.loads(spot)
                await tab.call("Input.dispatchMouseEvent", type=kind, **where, button="left", clickCount=1)
        await tab.until("!document.getElementById('scale-set').hidden")
        await tab.js("document.getElementById('picture').elements.distance.value = '15'")
        await tab.tap("#scale-set")
        floor = await saved(tab, tmp_path)
        assert floor.site.extent == pytest.approx((0, 0, 30, 15), abs=0.1)
        assert (floor.site.hubs[0].x_m, floor.site.hubs[0].y_m) == pytest.approx((15, 7.5), abs=0.1), (
            "it kept its place"
        )
        await drag(tab, HUB, -5.0, 3.0)
        await add(tab, "car", "car-3")
        for key, code, times in (("ArrowLeft", 37, 3), ("ArrowDown", 40, 2), ("r", 82, 2)):
            for _ in range(times):
                await tab.press(key, code)
        assert (
            await tab.js("getComputedStyle(document.activeElement.firstChild).vectorEffect") == "non-scaling-stroke"
        ), "what has the focus is framed"
        assert await tab.js("getComputedStyle(document.activeElement).outlineStyle") == "none", (
            "in pixels, not in metres"
        )
        await add(tab, "zone", "lounge")
        await tab.js("document.querySelector('[data-key=\"zone:lounge#2\"]').focus()")
        for _ in range(5):
            await tab.press("ArrowUp", 38)
        await add(tab, "wall", "north")
        await tab.press("Delete", 46)
        await tab.until("!document.querySelector('[data-key=\"wall:north\"]')")
        floor = await saved(tab, tmp_path)
        hub, car, zone = floor.site.hubs[0], floor.cars[0], floor.site.zones[0]
        assert (hub.x_m, hub.y_m) == pytest.approx((10, 10.5), abs=0.15)
        assert (car.x_m, car.y_m, car.heading_deg) == pytest.approx((14.7, 7.3, 10), abs=0.01)
        assert zone.rings[0][2] == pytest.approx((17, 9.5), abs=0.01)
        assert not floor.site.walls
        assert tab.problems == []
        names = [node["name"] for node in await tab.tree() if node["role"] == "button"]
        assert any(name.startswith("Hub hub-1: ") for name in names), "a screen reader hears what stands where"


@pytest.mark.needs_chromium
async def test_a_plan_that_is_wrong_is_not_saved_and_says_why(page: PlacePage, tmp_path: Path) -> None:
    """No hub yet; then a polygon that crosses itself; and what somebody else saved meanwhile stays."""
    async with browser() as tab:
        await tab.open(page.link(), 390, 844)
        await tab.until("document.querySelector('#message')?.textContent")
        await add(tab, "zone", "lounge")
        assert await tab.js("document.documentElement.scrollWidth <= 390"), "a phone scrolls in one direction only"
        await tab.tap("#save")
        await tab.until("document.getElementById('message').textContent.includes('no hub')")
        assert not (tmp_path / "site.geojson").exists()
        await add(tab, "hub", "hub-1")
        await saved(tab, tmp_path)
        await tab.js("plan.features[0].geometry.coordinates[0].splice(1, 0, [15, 12]); touched()")
        await tab.tap("#save")
        await tab.until("document.getElementById('message').textContent.includes('crosses itself')")
        await tab.js("plan.features[0].geometry.coordinates[0].splice(1, 1); touched()")
        document = floors.document()
        await asyncio.to_thread((tmp_path / "site.geojson").write_text, json.dumps(document))
        await tab.tap("#save")
        await tab.until("document.getElementById('message').textContent.includes('somebody else')")
        assert json.loads(await asyncio.to_thread((tmp_path / "site.geojson").read_text)) == document


async def asked(page: PlacePage, method: str, path: str, token: bool = True, **terms: Any) -> tuple[int, Any]:
    """Status and answer of a request."""
    url, _, secret = page.link().partition("#")
    headers = terms.pop("headers", {}) | ({"Authorization": f"Bearer {secret}"} if token else {})
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url.rstrip("/") + path, headers=headers, **terms) as answer,
    ):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return answer.status, await answer.json(content_type=None) if path.startswith("/api") else await answer.text()


async def test_without_the_link_nothing_is_told_or_changed(page: PlacePage) -> None:
    """Neither by asking nor under another name; after too many tries nobody is looked at for a while."""
    for method, path in (
        ("GET", "/api/plan"),
        ("PUT", "/api/plan"),
        ("GET", "/api/picture"),
        ("POST", "/api/waypoint"),
    ):
        assert (await asked(page, method, path, token=False))[0] == 401
    assert (await asked(page, "GET", "/", headers={"Host": "evil.example"}))[0] == 421
    found = [(await asked(page, "GET", "/api/plan", token=False))[0] for _ in range(40)]
    assert found[-1] == 429


BAD = {
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b'{"document": ' + b"[" * 20_000,
    "no features": b'{"document": {"type": "FeatureCollection"}, "version": ""}',
    "a feature that is none": b'{"document": {"type": "FeatureCollection", "features": [1]}, "version": ""}',
    "a hub that no certificate can name": json.dumps(
        {"document": floors.document(floors.hub("a b", 1, 1)), "version": ""}
    ).encode(),
    "not a number": json.dumps({"document": floors.document() | {"x": float("nan")}, "version": ""}).encode(),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
async def test_bad_plans_are_refused_in_words(page: PlacePage, tmp_path: Path, data: bytes) -> None:
    """And nothing is written."""
    status, answer = await asked(page, "PUT", "/api/plan", data=data, headers={"Content-Type": "application/json"})
    assert (status, bool(answer["error"])) == (400, True)
    assert not (tmp_path / "site.geojson").exists()


async def test_only_pictures_are_taken_and_their_scripts_never_run(page: PlacePage) -> None:
    """HTML, what claims to be something else, and more than fits are refused; an SVG is told as a picture only."""
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    for data, kind in (
        (b"<html>", "image/svg+xml"),
        (b"GIF89a", "image/gif"),
        (png(1, 1), "image/jpeg"),
        (b"", "image/png"),
    ):
        assert (await asked(page, "PUT", "/api/picture", data=data, headers={"Content-Type": kind}))[0] == 400
    assert (await asked(page, "GET", "/api/picture"))[0] == 400
    assert (await asked(page, "PUT", "/api/picture", data=script, headers={"Content-Type": "image/svg+xml"}))[0] == 200
    url, _, secret = page.link().partition("#")
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url}api/picture", headers={"Authorization": f"Bearer {secret}"}) as answer,
    ):
        assert answer.content_type == "image/svg+xml"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert await answer.read() == script
    large = io.BytesIO(png(1, 1) + bytes(17 << 20))
    assert (await asked(page, "PUT", "/api/picture", data=large, headers={"Content-Type": "image/png"}))[0] in (
        400,
        413,
    )


async def test_spots_of_a_walk_are_noted_on_the_page(page: PlacePage, tmp_path: Path) -> None:
    """With the site's time; outside the plan, or without a name, nothing is."""
    assert (await asked(page, "POST", "/api/waypoint", json={"name": "a", "x_m": 1, "y_m": 1}))[0] == 400, "no plan yet"
    document = floors.document()
    assert (await asked(page, "PUT", "/api/plan", json={"document": document, "version": ""}))[0] == 200
    status, answer = await asked(page, "POST", "/api/waypoint", json={"name": "by the door", "x_m": 1, "y_m": 2.5})
    assert (status, answer["t_s"]) == (200, ManualClock().wall_us() / 1e6)
    for said in (
        {"name": "", "x_m": 1, "y_m": 1},
        {"name": "a", "x_m": 11, "y_m": 1},
        {"name": "a", "x_m": "z", "y_m": 1},
        {},
    ):
        assert (await asked(page, "POST", "/api/waypoint", json=said))[0] == 400
    spots = await asyncio.to_thread(load_spots, tmp_path / "walk.csv", floors.floor())
    assert [(one.name, one.x_m, one.y_m) for one in spots] == [("by the door", 1.0, 2.5)]
