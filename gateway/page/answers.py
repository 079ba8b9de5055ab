"""What the page asks and is answered, as JSON; must never answer about a visit whose link was not shown."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from gateway.consent.notices import notice
from gateway.consent.purposes import LANGUAGES, PurposeRegister
from gateway.errors import ForecourtError, InputError
from gateway.flow.revocation import WithdrawalDone
from gateway.guest.views import ConsentView, Erased, SessionView
from gateway.guest.wipe import WipeReport
from gateway.model import WITHOUT_CONSENT, Purpose, Scope
from gateway.page.access import Access

BODY_BYTES_MAX = 4_096


class LeftRow(Protocol):
    """What left the device in one hour."""

    @property
    def hour_us(self) -> int:
        """Begin of the hour, microseconds since 1970 UTC."""
        ...

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """Why."""
        ...

    @property
    def events(self) -> int:
        """How many."""
        ...


class Desk(Protocol):
    """GuestDesk, as far as the page needs it."""

    def session(self) -> SessionView | None:
        """The visit."""
        ...

    async def status(self) -> ConsentView:
        """What is in force."""
        ...

    async def grant(
        self, purposes: Sequence[Purpose], scope: Scope | None = None, surface: str = "head_unit", language: str = "de"
    ) -> ConsentView:
        """The guest says yes."""
        ...

    async def withdraw(self, purposes: Sequence[Purpose], surface: str = "head_unit") -> WithdrawalDone:
        """The guest says no."""
        ...

    async def left(self) -> Sequence[LeftRow]:
        """What left, newest hour first."""
        ...

    async def export(self) -> bytes:
        """Everything, as JSON."""
        ...

    async def erase(self) -> Erased:
        """Erases everything."""
        ...

    async def end(self, reason: str = "guest") -> WipeReport:
        """The visit is over."""
        ...


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answers:
    """The handlers under /api."""

    def __init__(self, desk: Desk, access: Access, online: Callable[[], bool]) -> None:
        self._desk, self._access, self._online = desk, access, online

    def routes(self) -> list[web.RouteDef]:
        """Paths and handlers."""
        return [
            web.get("/api/state", self._guarded(self.state)),
            web.post("/api/consent", self._guarded(self.consent)),
            web.get("/api/notice/{purpose}/{language}", self._guarded(self.notice)),
            web.get("/api/export", self._guarded(self.export)),
            web.post("/api/erase", self._guarded(self.erase)),
            web.post("/api/end", self._guarded(self.end)),
        ]

    async def state(self, _: web.Request) -> web.StreamResponse:
        """What is agreed, what left, and whether the authority can be reached."""
        visit = self._desk.session()
        register = PurposeRegister.load()
        rows = []
        for row in (await self._desk.status()).rows:
            entry = register[row.purpose]
            rows.append(
                {
                    "purpose": row.purpose.word,
                    "title": dict(entry.title),
                    "text": dict(entry.text),
                    "on": row.asked > Scope.NONE,
                    "state": row.state.word,
                    "confirmed": row.confirmed,
                    "double_opt_in": row.needs_double_opt_in,
                    "retention_days": entry.retention_days,
                }
            )
        free = [
            {"purpose": one.word, "title": dict(register[one].title), "text": dict(register[one].text)}
            for one in Purpose
            if WITHOUT_CONSENT >> one & 1
        ]
        left = [
            {"hour_us": one.hour_us, "purposes": [purpose.word for purpose in one.purposes], "events": one.events}
            for one in await self._desk.left()
        ]
        opened_us = visit.opened_us if visit else 0
        told = {
            "opened_us": opened_us,
            "online": self._online(),
            "purposes": rows,
            "without_consent": free,
            "left": left,
        }
        return web.json_response(told)

    async def consent(self, request: web.Request) -> web.StreamResponse:
        """One purpose, yes or no: {"purpose": NAME, "yes": BOOL, "language": "de"}."""
        said = await _body(request)
        purpose = _purpose(said.get("purpose"))
        language = said.get("language")
        if language not in LANGUAGES or type(said.get("yes")) is not bool:
            raise InputError("a purpose, yes or no, and a language")
        if said["yes"]:
            await self._desk.grant([purpose], None, "phone", language)
        else:
            await self._desk.withdraw([purpose], "phone")
        return await self.state(request)

    async def notice(self, request: web.Request) -> web.StreamResponse:
        """The exact text that a yes is bound to, with its hash."""
        language = request.match_info["language"]
        if language not in LANGUAGES:
            raise InputError("no such language")
        found = notice(_purpose(request.match_info["purpose"]), language)
        return web.json_response({"text": found.text, "sha256": found.sha256})

    async def export(self, _: web.Request) -> web.StreamResponse:
        """Everything about the guest on this device, as a file."""
        headers = {"Content-Disposition": 'attachment; filename="forecourt.json"'}
        return web.Response(body=await self._desk.export(), content_type="application/json", headers=headers)

    async def erase(self, request: web.Request) -> web.StreamResponse:
        """Erases everything about the guest."""
        await _body(request)
        done = await self._desk.erase()
        return web.json_response({"purged": done.purged, "seconds": done.seconds})

    async def end(self, request: web.Request) -> web.StreamResponse:
        """The visit is over."""
        await _body(request)
        report = await self._desk.end("guest")
        return web.json_response({"done": True, "tracers_found": getattr(report, "tracers_found", 0)})

    def _guarded(self, handler: Handler) -> Handler:
        """Only with the token of the visit; errors in words, never with a trace."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            visit = self._desk.session()
            if self._access.locked:
                return _error(429, "too many wrong links; wait a minute")
            if not self._access.allows(request.headers.get("Authorization", ""), visit.subject if visit else 0):
                return _error(401, "this link is not that of the visit")
            try:
                return await handler(request)
            except InputError as error:
                return _error(400, str(error))
            except ForecourtError as error:
                return _error(503, str(error))

        return guarded


async def _body(request: web.Request) -> Mapping[str, Any]:
    """The JSON object of a request. Its type cannot be sent by a form of another page."""
    if request.content_type != "application/json":
        raise InputError("JSON is expected")
    try:
        said = json.loads(await request.text() or "{}")
    except (ValueError, RecursionError) as error:
        raise InputError("that is no JSON") from error
    if not isinstance(said, dict):
        raise InputError("an object is expected")
    return said


def _purpose(word: object) -> Purpose:
    for purpose in Purpose:
        if purpose.word == word and not WITHOUT_CONSENT >> purpose & 1:
            return purpose
    raise InputError("no such purpose")


def _error(status: int, words: str) -> web.StreamResponse:
    return web.json_response({"error": words}, status=status)
