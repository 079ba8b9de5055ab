"""A real Chromium, driven over its DevTools protocol; must never wait for a time instead of what it sees."""

import asyncio
import base64
import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-extensions --mute-audio --hide-scrollbars"
    " --remote-debugging-port=0 --disable-dev-shm-usage --lang=de --accept-lang=de"
)
_LISTENING = re.compile(rb"ws://[^\s]+")


def chromium() -> str | None:
    """The program, where there is one."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Navigated(Exception):
    """Another page came while an expression waited."""


class Tab:
    """One tab. Expressions are JavaScript; what they promise is awaited."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._socket, self._session = socket, session
        self._number = 0
        self.requests: list[str] = []
        self.problems: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        async with asyncio.timeout(15):
            while True:
                answer = json.loads((await self._socket.receive()).data)
                self._note(answer)
                if answer.get("id") == self._number:
                    if "navigated" in str(answer.get("error")):
                        raise Navigated
                    if "error" in answer:
                        raise AssertionError(f"{method}: {answer['error']}")
                    found: dict[str, Any] = answer["result"]
                    return found

    def _note(self, event: dict[str, Any]) -> None:
        what, about = event.get("method"), event.get("params", {})
        if what == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif what == "Runtime.exceptionThrown":
            self.problems.append(about["exceptionDetails"].get("text", "exception"))
        elif what == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.problems.append(about["entry"]["text"])

    async def open(self, url: str, width: int = 390, height: int = 844) -> None:
        """Loads a page on a screen of that size."""
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True
        )
        await self.call("Page.navigate", url=url)

    async def js(self, expression: str) -> Any:
        """The value of an expression; a problem in it fails the test."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"]["exception"].get("description", expression))
        return answer["result"].get("value")

    async def until(self, expression: str, timeout_s: float = 10.0) -> Any:
        """The value of an expression once it is truthy; a page that is only half there is looked at again."""
        look = (
            f"new Promise(done => {{ const look = () => {{ let found; try {{ found = {expression}; }} catch {{}}"
            " if (found) done(found); else setTimeout(look, 10); }; look(); })"
        )
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        return await self.js(look)
                    except Navigated:  # the page was loaded again meanwhile
                        continue
        except TimeoutError:
            raise AssertionError(f"never so: {expression}; the page said {self.problems}") from None

    async def tap(self, selector: str) -> None:
        """A touch in the middle of an element, as a finger does it."""
        place = json.loads(
            await self.js(
                f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                " e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
                " return JSON.stringify({x: r.x + r.width / 2, y: r.y + r.height / 2}); })()"
            )
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **place, button="left", clickCount=1)

    async def press(self, key: str, code: int) -> None:
        """A key of the keyboard."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if kind == "keyDown" and text else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more)

    async def tree(self) -> list[dict[str, Any]]:
        """What a screen reader is given: role, name and properties of each node that it does not skip."""
        nodes = (await self.call("Accessibility.getFullAXTree"))["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": node.get("name", {}).get("value", ""),
                **{one["name"]: one["value"].get("value") for one in node.get("properties", [])},
            }
            for node in nodes
            if not node.get("ignored")
        ]

    async def picture(self, path: Path) -> None:
        """The whole page as PNG, for people to look at."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Tab]:
    """A fresh browser with one tab; nothing of it is left at the end."""
    program = chromium()
    assert program is not None, "install Debian's chromium, or run make test as root"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *_FLAGS.split(),
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            async with asyncio.timeout(20):
                while not (found := _LISTENING.search(await process.stderr.readline())):
                    assert process.returncode is None, "the browser ended"
            async with aiohttp.ClientSession() as http, http.ws_connect(found[0].decode(), max_msg_size=0) as socket:
                root = Tab(socket, "")
                target = (await root.call("Target.createTarget", url="about:blank"))["targetId"]
                session = (await root.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
                tab = Tab(socket, session)
                tab._number = 1_000
                yield tab
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
