"""A simulated head unit behind a databroker: provides actuators, tells the car's state; must never move without time.

It is an ordinary provider of kuksa.val.v2: it claims actuators, takes orders, and publishes where they are. Switches of
VSS and the private leaf HAND may be pressed by any client, by an order or by a publication.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
import grpc.aio
from forecourt.kuksa.v2 import val_pb2 as v2

from gateway.errors import LinkError
from gateway.log import Log
from simulators.databroker.catalogue import Catalogue
from simulators.databroker.tree import now
from simulators.databroker.values import message_of
from simulators.headunit.leaves import HAND, catalogue_for, typed
from simulators.headunit.unit import Unit
from simulators.headunit.world import World
from vehicle_agent.cabin.outcome import Setting
from vehicle_agent.cabin.paths import TOUCHED
from vehicle_agent.cabin.plan import Limits

STEP_S: Final = 0.02
TELL_S: Final = 0.05
RETRY_S: Final = 0.5
SERVICE: Final = "/kuksa.val.v2.VAL/"
Request = v2.OpenProviderStreamRequest
Answer = v2.OpenProviderStreamResponse
_log = Log("headunit")


class HeadUnit:
    """The head unit of one car. `run` goes on until it is cancelled, and begins again when the databroker is lost.

    `world` None: somebody else tells the car's state, such as a drive. `missing`: what this car is built without.
    """

    def __init__(
        self,
        address: str,
        limits: Mapping[str, Limits],
        *,
        world: World | None = None,
        missing: Iterable[str] = (),
        private: Catalogue | None = None,
    ) -> None:
        self._address, self._catalogue = address, catalogue_for(limits, private)
        here = {path: one for path, one in limits.items() if path not in set(missing)}
        self.unit = Unit(typed(here, self._catalogue))
        self.world = world
        self.serving = asyncio.Event()
        """Set while the databroker hands orders to it."""
        self._out: asyncio.Queue[Request] = asyncio.Queue()
        self._ids: dict[str, int] = {}
        self._paths: dict[int, str] = {}
        self._told: dict[str, Setting] = {}

    async def run(self) -> None:
        """Serves the databroker, again and again."""
        while True:
            try:
                await self._serve()
            except* grpc.aio.AioRpcError as lost:
                _log.warning("databroker_lost", error=str(lost.exceptions[0])[:200])
            except* LinkError as ended:
                _log.warning("databroker_lost", error=str(ended.exceptions[0]))
            finally:
                self.serving.clear()
            await asyncio.sleep(RETRY_S)

    # Somebody's hands

    def turn(self, path: str, value: Setting) -> bool:
        """A hand at a knob or a screen; the head unit says of which leaf."""
        self._say({TOUCHED: path})
        done = self.unit.turn(path, value)
        self._tell()
        return done

    def by_hand(self, words: str) -> None:
        """PATH=VALUE, a list of words with commas, turns that knob; afterwards HAND is empty again."""
        path, _, text = words.partition("=")
        if not text:
            return
        self._say({HAND: ""})
        value: Setting = text
        if path in self.unit.truths:
            value = text.strip().lower() == "true"
        elif path in self.unit.motors:
            try:
                value = float(text)
            except ValueError:
                _log.warning("hand_not_understood", path=path)
                return
        elif isinstance(self.unit.words.get(path), tuple):
            value = tuple(filter(None, text.split(",")))
        self.turn(path, value)

    def press(self, switch: str, down: bool = True) -> None:
        """A switch of a seat; its leaf shows that it is pressed."""
        self._say({switch: down})
        self.unit.press(switch, down)
        self._tell()

    def stall(self, path: str, stalled: bool = True) -> None:
        """Something is in the way of an actuator, or no longer."""
        self.unit.stall(path, stalled)

    def memory_key(self, values: Mapping[str, Setting]) -> None:
        """A memory key, or easy entry: actuators travel with no hand at their own controls."""
        for path, value in values.items():
            self.unit.order(path, value)

    def tell(self) -> None:
        """Tells the car's state now, after a change of `world`."""
        if self.world is not None:
            self._say(self.world.shown())

    # Serving

    async def _serve(self) -> None:
        channel = grpc.aio.insecure_channel(self._address, options=(("grpc.use_local_subchannel_pool", 1),))
        async with channel:
            await self._learn(channel)
            self._out, self._told = asyncio.Queue(), {}
            self._introduce()
            provide: grpc.aio.StreamStreamMultiCallable[Request, Answer] = channel.stream_stream(
                SERVICE + "OpenProviderStream",
                request_serializer=Request.SerializeToString,
                response_deserializer=Answer.FromString,
            )
            async with asyncio.TaskGroup() as group:
                stream = provide(self._requests())
                group.create_task(self._take(stream), name="head-unit-orders")
                group.create_task(self._watch(channel), name="head-unit-switches")
                group.create_task(self._live(), name="head-unit-motors")

    async def _learn(self, channel: grpc.aio.Channel) -> None:
        """The numbers of this run of the databroker; LinkError when it lacks signals of the car."""
        ask: grpc.aio.UnaryUnaryMultiCallable[v2.ListMetadataRequest, v2.ListMetadataResponse] = channel.unary_unary(
            SERVICE + "ListMetadata",
            request_serializer=v2.ListMetadataRequest.SerializeToString,
            response_deserializer=v2.ListMetadataResponse.FromString,
        )
        listed = (await ask(v2.ListMetadataRequest(root="Vehicle"), timeout=10)).metadata
        self._ids = {entry.path: entry.id for entry in listed if entry.path in self._catalogue}
        self._paths = {number: path for path, number in self._ids.items()}
        lacking = sorted(path for path in self.unit.limits if path not in self._ids)
        if lacking:
            raise LinkError(f"the databroker lacks {len(lacking)} signals of this car, such as {lacking[0]}")

    def _claims(self) -> list[str]:
        here = (*self.unit.motors, *self.unit.words, *self.unit.truths, *self.unit.switches(), HAND)
        return [path for path in here if path in self._ids]

    def _introduce(self) -> None:
        """What it provides, the car's state, and where everything is."""
        mine = [v2.SignalID(id=self._ids[path]) for path in self._claims()]
        provide = v2.ProvideActuationRequest(actuator_identifiers=mine)
        self._out.put_nowait(Request(provide_actuation_request=provide))
        every = {number: v2.SampleInterval() for number in self._ids.values()}
        claim = v2.ProvideSignalRequest(signals_sample_intervals=every)
        self._out.put_nowait(Request(provide_signal_request=claim))
        self.tell()
        self._say(self.unit.shown())

    async def _requests(self) -> AsyncIterator[Request]:
        while True:
            yield await self._out.get()

    async def _take(self, stream: "grpc.aio.StreamStreamCall[Request, Answer]") -> None:
        async for answer in stream:
            match answer.WhichOneof("action"):
                case "provide_signal_response":
                    self.serving.set()
                case "batch_actuate_stream_request":
                    for one in answer.batch_actuate_stream_request.actuate_requests:
                        self._ordered(self._paths[one.signal_id.id], one.value)
        raise LinkError("the databroker ended the provider's stream")

    def _ordered(self, path: str, message: v2.Value) -> None:
        which = message.WhichOneof("typed_value")
        raw = getattr(message, which) if which else None
        if raw is None:
            return
        value: Setting = tuple(raw.values) if which is not None and which.endswith("_array") else raw
        if path == HAND:
            self.by_hand(str(value))
        elif path in self.unit.switches():
            self.press(path, value is True)
        else:
            self.unit.order(path, value)
        self._tell()

    async def _watch(self, channel: grpc.aio.Channel) -> None:
        """What other clients publish on switches and on HAND."""
        follow: grpc.aio.UnaryStreamMultiCallable[v2.SubscribeRequest, v2.SubscribeResponse] = channel.unary_stream(
            SERVICE + "Subscribe",
            request_serializer=v2.SubscribeRequest.SerializeToString,
            response_deserializer=v2.SubscribeResponse.FromString,
        )
        wanted = [path for path in (*self.unit.switches(), HAND) if path in self._ids]
        async for response in follow(v2.SubscribeRequest(signal_paths=wanted, buffer_size=100)):
            for path, point in response.entries.items():
                if path == HAND:
                    self.by_hand(point.value.string)
                elif point.value.HasField("bool"):
                    self._told[path] = point.value.bool
                    self.unit.press(path, point.value.bool)
        raise LinkError("the databroker ended the subscription")

    async def _live(self) -> None:
        """Motors run, and the car's state is told every TELL_S."""
        loop = asyncio.get_running_loop()
        last_s = told_s = loop.time()
        while True:
            moving = self.unit.moving
            await asyncio.sleep(STEP_S if moving else TELL_S)
            now_s = loop.time()
            self.unit.step(now_s - last_s if moving else 0.0)
            last_s = now_s
            self._tell()
            if now_s - told_s >= TELL_S * 0.9:
                told_s = now_s
                self.tell()

    def _tell(self) -> None:
        """Where actuators are, of those that moved."""
        self._say(self.unit.news())

    def _say(self, values: Mapping[str, Setting]) -> None:
        points, stamped = {}, now()
        for path, value in values.items():
            leaf = self._catalogue.get(path)
            if leaf is None or path not in self._ids:
                continue
            if leaf.entry != "sensor" and self._told.get(path) == value and path != HAND:
                continue
            self._told[path] = value
            points[self._ids[path]] = v2.Datapoint(timestamp=stamped, value=message_of(leaf.kind, value))
        if points:
            self._out.put_nowait(Request(publish_values_request=v2.PublishValuesRequest(data_points=points)))

    async def __aenter__(self) -> "HeadUnit":
        self._up = self._served()
        return await self._up.__aenter__()

    async def __aexit__(self, *problem: Any) -> None:
        await self._up.__aexit__(*problem)

    @asynccontextmanager
    async def _served(self) -> AsyncIterator["HeadUnit"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.run(), name="head-unit")
            await self.serving.wait()
            try:
                yield self
            finally:
                task.cancel()
