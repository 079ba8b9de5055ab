"""A provider's stream of kuksa.val.v2: claims, publications, orders; must never give an actuator two masters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from forecourt.kuksa.v2 import val_pb2 as v2

from simulators.databroker.access import Access
from simulators.databroker.refusals import Refused, Why
from simulators.databroker.tree import Entry, Point, Tree
from simulators.databroker.v2 import accepted

ORDERS_MAX: Final = 1_000
Answer = v2.OpenProviderStreamResponse


class ProviderStream:
    """One provider. The stream stays open when the client has nothing more to say: orders still have to reach it."""

    def __init__(self, tree: Tree, access: Access) -> None:
        self._tree, self._access = tree, access
        self._answers: asyncio.Queue[Answer | Refused] = asyncio.Queue(ORDERS_MAX)
        self._moved: list[Entry] = []
        self._claimed: set[int] | None = None

    async def run(
        self, requests: AsyncIterator[v2.OpenProviderStreamRequest], send: Callable[[Answer], Awaitable[None]]
    ) -> None:
        """Serves it until it goes; raises Refused when it asked for what it may not have."""
        refused: Refused | None = None
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(requests), name="provider-requests")
                while refused is None:
                    answer = await self._answers.get()
                    if isinstance(answer, Refused):
                        refused = answer
                    else:
                        await send(answer)
                reading.cancel()
        finally:
            for entry in self._moved:
                if entry.provider is self:
                    entry.provider = None
        if refused is not None:
            raise refused

    def expired(self) -> bool:
        """See Provider."""
        return self._access.expired()

    def ready(self) -> bool:
        """See Provider; one that does not take its orders is not ready when ORDERS_MAX wait."""
        return not self._answers.full() and not self.expired()

    def actuate(self, orders: Sequence[tuple[Entry, v2.Value]]) -> None:
        """See Provider."""
        wanted = [v2.ActuateRequest(signal_id=v2.SignalID(id=entry.id), value=value) for entry, value in orders]
        self._answers.put_nowait(
            Answer(batch_actuate_stream_request=v2.BatchActuateStreamRequest(actuate_requests=wanted))
        )

    async def _read(self, requests: AsyncIterator[v2.OpenProviderStreamRequest]) -> None:
        async for request in requests:
            try:
                answer = self._answer(request)
            except Refused as refused:
                await self._answers.put(refused)
                return
            if answer is not None:
                await self._answers.put(answer)

    def _answer(self, request: v2.OpenProviderStreamRequest) -> Answer | None:
        match request.WhichOneof("action"):
            case "provide_actuation_request":
                self._provide(request.provide_actuation_request)
                return Answer(provide_actuation_response=v2.ProvideActuationResponse())
            case "provide_signal_request":
                self._claim(request.provide_signal_request)
                return Answer(provide_signal_response=v2.ProvideSignalResponse())
            case "publish_values_request":
                return self._publish(request.publish_values_request)
            case "provider_error_indication":
                self._invalidate()
        return None

    def _provide(self, request: v2.ProvideActuationRequest) -> None:
        entries = [self._tree.find(signal) for signal in request.actuator_identifiers]
        for entry in entries:
            self._access.provide(entry.path)
            if entry.leaf.entry != "actuator":
                raise Refused(Why.NO_ACTUATOR, entry.path)
            if entry.provider not in {None, self} and not entry.provider.expired():
                raise Refused(Why.TAKEN, f"{entry.path} (id {entry.id})")
        for entry in entries:
            entry.provider = self
        self._moved += entries

    def _claim(self, request: v2.ProvideSignalRequest) -> None:
        for number in request.signals_sample_intervals:
            self._access.provide(self._tree.find(v2.SignalID(id=number)).path)
        self._claimed = (self._claimed or set()) | set(request.signals_sample_intervals)

    def _publish(self, request: v2.PublishValuesRequest) -> Answer | None:
        """Keeps what is good; the rest is named in the answer. No answer means that all was good."""
        if self._claimed is None:
            raise Refused(Why.UNCLAIMED)
        good: list[Point] = []
        status: dict[int, v2.Error] = {}
        for number, point in request.data_points.items():
            try:
                entry = self._tree.find(v2.SignalID(id=number))
                if number not in self._claimed:
                    raise Refused(Why.UNCLAIMED, entry.path)
                self._access.provide(entry.path)
                good.append((entry, accepted(entry, point)))
            except Refused as refused:
                status[number] = refused.as_v2()
        self._tree.publish(good)
        if not status:
            return None
        self._tree.counters.refused += len(status)
        return Answer(publish_values_response=v2.PublishValuesResponse(request_id=request.request_id, status=status))

    def _invalidate(self) -> None:
        """The provider cannot read its signals any more: they have no value."""
        if self._claimed is None:
            raise Refused(Why.UNCLAIMED)
        lost = [self._tree.by_id[number] for number in self._claimed]
        self._tree.publish([(entry, accepted(entry, v2.Datapoint())) for entry in lost])
