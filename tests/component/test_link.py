"""The link's loop against a real broker: outages, restarts, black holes, wills, farewells."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.errors import ConfigError, LinkError, LinkRefused, Retry
from gateway.link import Backoff, Connection, Endpoint, Link, LinkState, Will
from tests.kit.broker import free_port, mosquitto
from tests.kit.links import Inbox, connected, ended

pytestmark = pytest.mark.needs_mosquitto

STATE = "forecourt/v1/device-1/up/state"


def quick(stable_s: float = 30.0) -> Backoff:
    """A back-off for tests: at most 50 ms, whatever the kind."""
    return Backoff(
        random.Random(1), first_s=0.02, soon_max_s=0.05, later_first_s=0.02, later_max_s=0.05, stable_s=stable_s
    )


class Heard(Backoff):
    """A back-off that tells a test of each failure."""

    def __init__(self, first_s: float, max_s: float) -> None:
        super().__init__(random.Random(1), first_s=first_s, soon_max_s=max_s)
        self.failed_once: asyncio.Queue[float] = asyncio.Queue()

    def failed(self, retry: Retry, online_s: float = 0.0) -> float:
        wait_s = super().failed(retry, online_s)
        self.failed_once.put_nowait(wait_s)
        return wait_s


@contextlib.asynccontextmanager
async def running(link: Link, session: Callable[[Connection], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    """A link that runs in the background of the block and is cancelled at its end."""
    async with asyncio.TaskGroup() as tg:
        task = tg.create_task(link.run(session), name="link")
        try:
            yield task
        finally:
            task.cancel()


def link_to(endpoint: Endpoint, will: Will | None = None, inbox: Inbox | None = None) -> Link:
    """A link of device-1 with a quick back-off."""
    return Link(endpoint, "device-1", on_message=inbox or Inbox(), will=lambda: will, backoff=quick())


class Sessions:
    """A session that stays, and says how often it began and how it ended."""

    def __init__(self) -> None:
        self.began: asyncio.Queue[Connection] = asyncio.Queue()
        self.cancelled = 0

    async def __call__(self, connection: Connection) -> None:
        self.began.put_nowait(connection)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def next(self) -> Connection:
        """The connection of the next session."""
        return await asyncio.wait_for(self.began.get(), 10)


async def test_the_link_comes_back_after_the_broker() -> None:
    """A killed broker cancels the session; the link waits, tries, and begins a new session on a new connection."""
    sessions = Sessions()
    async with mosquitto() as broker:
        link = link_to(broker.endpoint())
        assert link.state is LinkState.STOPPED
        async with running(link, sessions):
            first = await sessions.next()
            assert (link.state, link.connection) == (LinkState.ONLINE, first)
            await broker.kill()
            await ended(first)
            await broker.start()
            second = await sessions.next()
            await link.wait_online()
            assert second is not first
            status = link.status()
            assert (status.state, status.connects, status.window) == (LinkState.ONLINE, 2, 64)
            assert status.failures >= 1
        assert link.state is LinkState.STOPPED
        assert sessions.cancelled == 2


async def test_stopping_says_farewell() -> None:
    """Cancelling run() sends DISCONNECT: the broker sees an orderly end and publishes no will."""
    inbox = Inbox()
    async with mosquitto() as broker, connected(broker.endpoint(), "watcher", on_message=inbox) as watcher:
        await watcher.subscribe(STATE)
        sessions = Sessions()
        async with running(link_to(broker.endpoint(), Will(STATE, b"gone")), sessions):
            connection = await sessions.next()
            assert await connection.publish(STATE, b"here", retain=True) == 0
        await broker.logged("Client device-1 disconnected.")
        await watcher.publish(STATE, b"after")
        assert [message.payload for message in await inbox.count(2)] == [b"here", b"after"]


async def test_an_abort_publishes_the_will() -> None:
    """A dropped socket makes the broker publish the will, retained; what was buffered does not arrive after it."""
    inbox = Inbox()
    async with mosquitto() as broker, connected(broker.endpoint(), "watcher", on_message=inbox) as watcher:
        await watcher.subscribe(STATE, "bulk")
        async with connected(broker.endpoint(), will=Will(STATE, b"gone")) as device:
            assert await device.publish(STATE, b"here", retain=True) == 0
            held = [device.publish("bulk", bytes(1_000_000)) for _ in range(40)]
            assert device.buffered_bytes > 30_000_000
            assert not device.writable
            device.abort("fence")
            for published in held:
                with pytest.raises(LinkError, match="fence"):
                    await published
        messages = await inbox.count(2)
        assert [message.payload for message in messages if message.topic == STATE] == [b"here", b"gone"]
        assert not any(message.topic == "bulk" for message in messages)
        late = Inbox()
        async with connected(broker.endpoint(), "late", on_message=late) as other:
            await other.subscribe(STATE)
            assert [(message.payload, message.retain) for message in await late.count(1)] == [(b"gone", True)]


async def test_a_black_hole_is_noticed_in_flight() -> None:
    """A broker that stops in mid-flight is noticed within the acknowledgement time-out."""
    async with mosquitto() as broker, connected(replace(broker.endpoint(), ack_timeout_s=0.5)) as connection:
        assert await connection.publish(STATE, b"x") in {0x00, 0x10}
        broker.freeze()
        try:
            began = asyncio.get_running_loop().time()
            published = connection.publish(STATE, b"y")
            assert "did not acknowledge within 0.5 s" in await ended(connection)
            assert 0.4 < asyncio.get_running_loop().time() - began < 1.0
            assert published.done()
        finally:
            broker.thaw()


async def test_a_black_hole_is_noticed_when_idle() -> None:
    """A broker that stops while nothing is said is noticed within two keep-alives."""
    async with mosquitto() as broker, connected(replace(broker.endpoint(), keepalive_s=1)) as connection:
        broker.freeze()
        try:
            began = asyncio.get_running_loop().time()
            assert "was silent for" in await ended(connection)
            assert asyncio.get_running_loop().time() - began < 2.0
        finally:
            broker.thaw()


async def test_nobody_there() -> None:
    """Without a broker the link tries on with growing waits; the error names address and reason."""
    port = free_port()
    heard = Heard(0.02, 0.05)
    link = Link(Endpoint("127.0.0.1", port), "device-1", on_message=Inbox(), backoff=heard)
    async with running(link, Sessions()):
        for _ in range(5):
            await asyncio.wait_for(heard.failed_once.get(), 10)
        status = link.status()
        assert f"no connection with mqtt://127.0.0.1:{port} (ECONNREFUSED)" in status.last_error
        assert (status.connects, status.failures_in_row) == (0, status.failures)


async def test_an_unknown_name() -> None:
    """A name that nobody knows is an error that says so, not a hang."""
    with pytest.raises(LinkError, match="not known here"):
        async with connected(Endpoint("nowhere.invalid", 1883)):
            pytest.fail("nowhere exists")


async def test_hurry_ends_a_wait() -> None:
    """A link that waits minutes tries at once when somebody knows that the network is back."""
    slow = Heard(1_000.0, 1_000.0)
    sessions, port = Sessions(), free_port()
    link = Link(Endpoint("127.0.0.1", port), "device-1", on_message=Inbox(), backoff=slow)
    async with running(link, sessions):
        assert await asyncio.wait_for(slow.failed_once.get(), 10) > 1.0
        assert (link.state, link.status().connects) == (LinkState.WAITING, 0)
        async with mosquitto(port=port):
            link.hurry()
            await sessions.next()


async def test_a_session_that_returns_is_followed_by_another() -> None:
    """When the session returns, the link says farewell and connects again."""
    left = 3

    async def session(connection: Connection) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()
            await asyncio.Event().wait()

    done = asyncio.Event()
    async with mosquitto() as broker:
        async with running(link_to(broker.endpoint()), session):
            await asyncio.wait_for(done.wait(), 10)
        assert broker.text.count("Client device-1 disconnected.") >= 2


async def test_a_mistake_in_the_session_comes_out() -> None:
    """What a session raises besides LinkError ends the link with the will published; nothing is swallowed."""

    async def session(connection: Connection) -> None:
        raise ConfigError("a mistake")

    async with mosquitto() as broker:
        link = link_to(broker.endpoint())
        with pytest.raises(ConfigError, match="a mistake"):
            await link.run(session)
        assert link.state is LinkState.STOPPED


async def test_a_link_error_in_the_session_is_a_loss() -> None:
    """A LinkError out of the session drops the connection, with the wait of its kind, and the link goes on."""
    tries = 0

    async def session(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise LinkRefused("not now")
        done.set()
        await asyncio.Event().wait()

    done = asyncio.Event()
    async with mosquitto() as broker:
        link = link_to(broker.endpoint())
        async with running(link, session):
            await asyncio.wait_for(done.wait(), 10)
            assert link.status().failures == 2


async def test_the_endpoint_is_asked_before_each_try() -> None:
    """A link whose broker moved finds it: the endpoint may be a function."""
    sessions, places = Sessions(), [free_port(), 0]
    async with mosquitto() as broker:
        places[1] = broker.port
        link = Link(
            lambda: Endpoint("127.0.0.1", places.pop(0) if len(places) > 1 else places[0]),
            "device-1",
            on_message=Inbox(),
            backoff=quick(),
        )
        async with running(link, sessions):
            await sessions.next()
            assert link.status().failures == 1
