"""Keeps a connection to the broker for ever: dial, greet, converse, back off; must never know what is said on it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.errors import LinkError, Retry
from gateway.limits import LINK_RECEIVE_MAXIMUM, PUBACK_WINDOW_MAX
from gateway.link.backoff import Backoff
from gateway.link.connection import Connection
from gateway.link.endpoint import Endpoint
from gateway.link.machine import LinkEvent, LinkState, Machine
from gateway.link.packets import Message, Will
from gateway.log import Log

log = Log("link")

Session = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How a link stands, for people and metrics; times in seconds."""

    state: LinkState
    broker: str
    security: str
    since_s: float
    connects: int
    failures: int
    failures_in_row: int
    last_error: str
    next_try_s: float
    window: int
    in_flight: int
    handler_failures: int


class Link:
    """A link to one broker. `run` keeps it; everything else may be asked at any time on the loop's thread.

    `endpoint` may be a function that is asked before each try, so that renewed certificates are taken up. `will` is
    asked for each connection, since each has its own number.
    """

    def __init__(
        self,
        endpoint: Endpoint | Callable[[], Endpoint],
        client_id: str,
        *,
        on_message: Callable[[Connection, Message], None],
        will: Callable[[], Will | None] = lambda: None,
        receive_maximum: int = LINK_RECEIVE_MAXIMUM,
        window_max: int = PUBACK_WINDOW_MAX,
        rng: random.Random | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._endpoint = endpoint if callable(endpoint) else lambda: endpoint
        self._client_id, self._on_message, self._will = client_id, on_message, will
        self._receive_maximum, self._window_max = receive_maximum, window_max
        self._backoff = backoff or Backoff(rng)
        self._machine = Machine(self._changed)
        self._online, self._hurry = asyncio.Event(), asyncio.Event()
        self._connection: Connection | None = None
        self._where = ""
        self._since = self._next_try = 0.0
        self._connects = self._failures = 0
        self._last_error = ""

    @property
    def state(self) -> LinkState:
        """Where the link stands."""
        return self._machine.state

    @property
    def connection(self) -> Connection | None:
        """The connection that is online, if any."""
        return self._connection if self.state is LinkState.ONLINE else None

    def status(self) -> LinkStatus:
        """How the link stands now."""
        now, connection = asyncio.get_running_loop().time(), self.connection
        return LinkStatus(
            state=self.state,
            broker=self._where,
            security=connection.security if connection else "none",
            since_s=now - self._since if self._since else 0.0,
            connects=self._connects,
            failures=self._failures,
            failures_in_row=self._backoff.failures,
            last_error=self._last_error,
            next_try_s=max(0.0, self._next_try - now) if self.state is LinkState.WAITING else 0.0,
            window=connection.window if connection else 0,
            in_flight=connection.in_flight if connection else 0,
            handler_failures=connection.handler_failures if connection else 0,
        )

    async def wait_online(self) -> None:
        """Returns as soon as the link is online."""
        await self._online.wait()

    def hurry(self) -> None:
        """Ends a wait between two tries now: somebody knows that the network is back."""
        self._hurry.set()

    async def run(self, session: Session) -> None:
        """Connects, awaits `session(connection)`, and does so again for ever; cancel it to stop, which says farewell.

        `session` is cancelled when its connection ends. When it returns, the link says farewell and connects again.
        What it raises besides LinkError ends the link and comes out here.
        """
        self._machine.on(LinkEvent.START)
        try:
            while True:
                retry, online_s = await self._once(session)
                pause_s = self._backoff.failed(retry, online_s)
                await self._pause(pause_s)
                self._machine.on(LinkEvent.RETRY)
        finally:
            if self.state is not LinkState.STOPPED:
                self._machine.on(LinkEvent.STOP)

    async def _once(self, session: Session) -> tuple[Retry, float]:
        """One connection, from dial to end: what kind of end, and how long it was online in seconds."""
        loop = asyncio.get_running_loop()
        try:
            connection = await self._connect()
        except LinkError as error:
            self._failed(LinkEvent.FAILED, error)
            return error.retry, 0.0
        began = loop.time()
        try:
            await _converse(connection, session)
        except LinkError as error:
            ended = connection.error or error
            connection.abort(str(error))
            self._failed(LinkEvent.LOST, ended)
            return ended.retry, loop.time() - began
        except BaseException as error:
            await self._leave(connection, orderly=isinstance(error, asyncio.CancelledError))
            raise
        await self._leave(connection, orderly=True)
        return Retry.SOON, loop.time() - began

    async def _connect(self) -> Connection:
        endpoint = self._endpoint()
        self._where = str(endpoint)
        connection = Connection(
            endpoint,
            self._client_id,
            on_message=self._on_message,
            will=self._will(),
            receive_maximum=self._receive_maximum,
            window_max=self._window_max,
        )
        try:
            async with asyncio.timeout(endpoint.connect_timeout_s):
                await connection.dial()
                self._machine.on(LinkEvent.DIALLED)
                await connection.greet()
        except TimeoutError as error:
            connection.abort("no connection in time")
            raise LinkError(f"{endpoint} did not answer within {endpoint.connect_timeout_s:g} s") from error
        except BaseException:
            connection.abort("not connected")
            raise
        self._connection = connection
        self._connects += 1
        self._machine.on(LinkEvent.ACCEPTED)
        return connection

    async def _leave(self, connection: Connection, orderly: bool) -> None:
        self._machine.on(LinkEvent.LEAVE)
        try:
            if orderly:
                await connection.disconnect()
            else:
                connection.abort("the session failed")
        finally:
            connection.abort("left")
            self._machine.on(LinkEvent.LEFT)

    async def _pause(self, pause_s: float) -> None:
        self._next_try = asyncio.get_running_loop().time() + pause_s
        self._hurry.clear()
        try:
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _failed(self, event: LinkEvent, error: LinkError) -> None:
        self._failures += 1
        first = str(error) != self._last_error
        self._last_error = str(error)
        (log.warning if first else log.debug)("link_failed", why=str(error), retry=error.retry.value)
        self._machine.on(event)

    def _changed(self, before: LinkState, after: LinkState) -> None:
        self._since = asyncio.get_running_loop().time()
        if after is LinkState.ONLINE:
            self._online.set()
            self._last_error = ""
            log.info("link_online", broker=self._where, connects=self._connects)
        elif before is LinkState.ONLINE:
            self._online.clear()


async def _converse(connection: Connection, session: Session) -> None:
    """Awaits the session while the connection lives; raises the connection's error when it ends first."""
    loop = asyncio.get_running_loop()
    scope = asyncio.timeout(None)

    talking = True

    def cut(_: asyncio.Future[str]) -> None:
        if talking:
            scope.reschedule(loop.time())

    try:
        async with scope:
            connection.closed.add_done_callback(cut)
            try:
                await session(connection)
            finally:
                talking = False
    except TimeoutError:
        if not scope.expired():
            raise
    if connection.closed.done() and connection.error is not None:
        raise connection.error
