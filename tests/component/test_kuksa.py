"""The KUKSA source over gRPC against a scripted databroker: types, refusals signal by signal, tokens, TLS, restarts."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from forecourt.kuksa.v2 import val_pb2 as v2

from gateway.contracts.source import SourceContract
from gateway.errors import LinkError, LinkRefused
from gateway.identity.pki import make_dev_pki
from gateway.model import ValueType
from tests.kit.scripted_kuksa import BELT, MODE, SPEED, TYRE, ScriptedKuksa, message, scripted_kuksa
from vehicle_agent.kuksa import KuksaSource
from vehicle_agent.source import Missing, Reading, SignalInfo

AT_US = 1_800_000_000_000_000


@asynccontextmanager
async def source_of(server: ScriptedKuksa, **settings: object) -> AsyncIterator[KuksaSource]:
    """A source of that databroker."""
    async with aclosing(KuksaSource(server.settings(**settings))) as source:
        yield source


async def take(
    source: KuksaSource, paths: Sequence[str], server: ScriptedKuksa, *messages: v2.SubscribeResponse
) -> list[Sequence[Reading]]:
    """Describes, subscribes, and returns what comes of these messages."""
    await source.describe(paths)
    found = []
    await server.show(messages[0])
    async with aclosing(source.readings(paths)) as stream:
        async for readings in stream:
            found.append(readings)
            if len(found) == len(messages):
                break
            await server.show(messages[len(found)])
    return found


class World:
    """For the contract of sources."""

    number = SPEED

    def __init__(self, server: ScriptedKuksa) -> None:
        self.server = server
        self.source = KuksaSource(server.settings())

    async def show(self, number: int) -> None:
        """The speed is so much."""
        await self.server.show(message(Speed=float(number)))

    async def cut(self) -> None:
        """The databroker is gone."""
        await self.server.stop()

    async def mend(self) -> None:
        """It is back, with other ids."""
        await self.server.start()


class TestContract(SourceContract):
    """The KUKSA source is a source."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        """A scripted databroker with a speed."""
        async with scripted_kuksa() as server:
            world = World(server)
            yield world
            await world.source.aclose()


async def test_types_units_and_bounds() -> None:
    """Metadata become types with bounds; whole numbers keep the bounds of their width; arrays cannot be carried."""
    async with scripted_kuksa() as server, source_of(server) as source:
        server.add(TYRE, v2.DATA_TYPE_UINT16, unit="kPa", max=v2.Value(uint32=900))
        server.add(
            MODE, v2.DATA_TYPE_STRING, allowed_values=v2.Value(string_array=v2.StringArray(values=["ON", "OFF"]))
        )
        server.add("Vehicle.Latitude", v2.DATA_TYPE_DOUBLE, min=v2.Value(double=-90), max=v2.Value(double=90))
        server.add("Vehicle.Gear", v2.DATA_TYPE_INT8)
        server.add("Vehicle.Big", v2.DATA_TYPE_UINT64)
        server.add("Vehicle.List", v2.DATA_TYPE_FLOAT_ARRAY)
        known = await source.describe([*server.entries, "Vehicle.Nowhere"])
    assert known == {
        SPEED: SignalInfo(ValueType.FLOAT, "km/h"),
        BELT: SignalInfo(ValueType.BOOL),
        TYRE: SignalInfo(ValueType.INT, "kPa", 0, 900),
        MODE: SignalInfo(ValueType.STRING, allowed=frozenset({"ON", "OFF"})),
        "Vehicle.Latitude": SignalInfo(ValueType.DOUBLE, low=-90, high=90),
        "Vehicle.Gear": SignalInfo(ValueType.INT, low=-128, high=127),
        "Vehicle.Big": SignalInfo(ValueType.INT, low=0, high=(1 << 63) - 1),
        "Vehicle.List": Missing("has the type float_array, which an event cannot carry"),
        "Vehicle.Nowhere": Missing("is not known to the databroker"),
    }
    assert server.asked == ["ListMetadata", "GetValues"], "one call for all metadata, one for all permissions"


async def test_readings_are_what_was_sent() -> None:
    """Values with their types and times, the explicit buffer, NaN as it is; no value and arrays are None."""
    async with scripted_kuksa() as server, source_of(server) as source:
        first, second, third = await take(
            source,
            [BELT, SPEED],
            server,
            message(Speed=1.5, IsBelted=True, Unasked=7),
            message(None, Speed=math.nan),
            message(5, Speed=None, IsBelted=[1, 2]),
        )
        assert sorted(first) == [Reading(0, AT_US, True), Reading(1, AT_US, 1.5)]
        (reading,) = second
        assert reading.ts_us is None
        assert isinstance(reading.value, float)
        assert math.isnan(reading.value)
        assert sorted(third, key=lambda one: one.signal) == [Reading(0, 5_000_000, None), Reading(1, 5_000_000, None)]
        assert server.buffer_size == 1_000


async def test_refusals_are_found_signal_by_signal() -> None:
    """Of many signals, those that may not be read are named with their reason; the others are read."""
    async with scripted_kuksa() as server, source_of(server) as source:
        paths = [server.add(f"Vehicle.S{number}", v2.DATA_TYPE_FLOAT).path for number in range(300)]
        server.denied = {
            "Vehicle.S7": grpc.StatusCode.PERMISSION_DENIED,
            "Vehicle.S8": grpc.StatusCode.NOT_FOUND,
            "Vehicle.S299": grpc.StatusCode.UNAUTHENTICATED,
        }
        known = await source.describe(paths)
        assert {path: info.why for path, info in known.items() if isinstance(info, Missing)} == {
            "Vehicle.S7": "may not be read: the token lacks the scope read:Vehicle.S7",
            "Vehicle.S8": "is not known to the databroker",
            "Vehicle.S299": "may not be read: the databroker wants a token (databroker.token)",
        }
        assert len(server.asked) < 40
        readable = [path for path in paths if path not in server.denied]
        await server.show(message(S9=4.0))
        async with aclosing(source.readings(readable)) as stream:
            assert await anext(stream) == [Reading(readable.index("Vehicle.S9"), AT_US, 4.0)]


async def test_a_token_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    """Without one, or with a wrong one, somebody has to act, and is told what; a new file is taken at once."""
    token = tmp_path / "token"
    async with scripted_kuksa() as server:
        server.token = "good.token.here"
        async with source_of(server) as source:
            with pytest.raises(LinkRefused, match=r"token is missing, expired or refused.*databroker\.token"):
                await source.describe([SPEED])
            server.lacks.clear()
        async with source_of(server, token=token) as source:
            with pytest.raises(LinkRefused, match="token cannot be read"):
                await source.describe([SPEED])
            token.write_text("old.token")
            with pytest.raises(LinkRefused, match="expired"):
                await source.describe([SPEED])
            token.write_text("good.token.here\n")
            assert len(await take(source, [SPEED], server, message(Speed=1.0))) == 1


async def test_metadata_that_are_refused_as_a_whole() -> None:
    """Where the branch is not known as such, each path is asked for."""
    async with scripted_kuksa() as server, source_of(server) as source:
        known = await source.describe(["Elsewhere.A", SPEED])
        assert isinstance(known[SPEED], SignalInfo)
        assert isinstance(known["Elsewhere.A"], Missing)
        assert isinstance((await source.describe(["Vehicle.Nowhere"]))["Vehicle.Nowhere"], Missing)


async def test_an_old_databroker_says_so() -> None:
    """Without v2 the error names the version that is wanted; without GetValues the subscription tells."""
    server = ScriptedKuksa()
    server.lacks = {"ListMetadata"}
    await server.start()
    async with source_of(server) as source:
        with pytest.raises(LinkRefused, match=r"does not speak kuksa.val.v2: use a databroker of version"):
            await source.describe([SPEED])
    await server.stop()
    server.lacks = {"GetValues"}
    await server.start()
    server.denied = {BELT: grpc.StatusCode.PERMISSION_DENIED}
    async with source_of(server) as source:
        assert isinstance((await source.describe([SPEED, BELT]))[BELT], SignalInfo)
        with pytest.raises(LinkRefused, match="ask for one with the scope read"):
            await anext(source.readings([SPEED, BELT]))
    await server.stop()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, LinkError),
        (grpc.StatusCode.INTERNAL, LinkError),
        (grpc.StatusCode.UNAUTHENTICATED, LinkRefused),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, LinkRefused),
    ],
)
async def test_ends_of_a_subscription(code: grpc.StatusCode, error: type[LinkError]) -> None:
    """Each way to end says whether to come back soon or whether somebody has to act."""
    async with scripted_kuksa() as server, source_of(server) as source:
        await source.describe([SPEED])
        await server.show(message(Speed=1.0))
        async with aclosing(source.readings([SPEED])) as stream:
            await anext(stream)
            server.end(code)
            with pytest.raises(LinkError, match=r"databroker 127\.0\.0\.1") as caught:
                await anext(stream)
            assert type(caught.value) is error


async def test_nobody_listens() -> None:
    """A databroker that is not there is a LinkError at once; readings before a description too."""
    server = ScriptedKuksa()
    await server.start()
    await server.stop()
    async with source_of(server) as source:
        with pytest.raises(LinkError, match="unavailable"):
            await source.describe([SPEED])
        await source.aclose()
        with pytest.raises(LinkError, match="not connected"):
            await anext(source.readings([SPEED]))


async def test_whoever_leaves_ends_the_subscription() -> None:
    """A consumer that stops leaves no stream open at the databroker."""
    async with scripted_kuksa() as server, source_of(server) as source:
        await take(source, [SPEED], server, message(Speed=1.0))
        async with asyncio.timeout(10):
            while server.streams:  # noqa: ASYNC110 - the server sets no event
                await asyncio.sleep(0.01)


async def test_tls(tmp_path: Path) -> None:
    """With an authority the channel is TLS and the name is checked; a strange authority is refused."""
    ours, theirs = [await asyncio.to_thread(make_dev_pki, tmp_path / name, ["car"]) for name in ("ours", "theirs")]
    key, cert = ours.broker_key.read_bytes(), ours.broker_cert.read_bytes()
    server = ScriptedKuksa()
    await server.start(grpc.ssl_server_credentials([(key, cert)]))
    async with source_of(server, ca=ours.ca_cert, server_name="localhost") as source:
        assert len(await take(source, [SPEED], server, message(Speed=1.0))) == 1
    async with source_of(server, ca=theirs.ca_cert, server_name="localhost") as source:
        with pytest.raises(LinkError, match="unavailable"):
            await source.describe([SPEED])
    async with source_of(server, ca=ours.ca_cert, server_name="elsewhere.example") as source:
        with pytest.raises(LinkError, match="unavailable"):
            await source.describe([SPEED])
    await server.stop()
