"""The calls of kuksa.val.v2, apart from the provider's stream; must never answer a caller without the scope."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

from forecourt.kuksa.v2 import val_pb2 as v2

from simulators.databroker.access import Access
from simulators.databroker.mailbox import BUFFER_SIZE_MAX, Mailbox
from simulators.databroker.refusals import Refused, Why
from simulators.databroker.tree import Entry, Tree, now
from simulators.databroker.values import check

NAME: Final = "databroker"
VERSION: Final = "0.6.0-forecourt"


def get_value(tree: Tree, request: v2.GetValueRequest, access: Access) -> v2.GetValueResponse:
    """One signal's latest value."""
    return v2.GetValueResponse(data_point=_readable(tree, request.signal_id, access).point)


def get_values(tree: Tree, request: v2.GetValuesRequest, access: Access) -> v2.GetValuesResponse:
    """The latest values of signals; one that is refused refuses all."""
    if not request.signal_ids:
        raise Refused(Why.MALFORMED, "No datapoints requested")
    found = [_readable(tree, signal, access).point for signal in request.signal_ids]
    return v2.GetValuesResponse(data_points=found)


def list_metadata(tree: Tree, request: v2.ListMetadataRequest, _access: Access) -> v2.ListMetadataResponse:
    """Types, units and bounds of what a path, branch or pattern names; needs no scope, as in the databroker."""
    found = tree.match(request.root)
    if not found:
        raise Refused(Why.NOT_FOUND, "Specified root branch does not exist")
    return v2.ListMetadataResponse(metadata=[entry.metadata for entry in found])


def publish_value(tree: Tree, request: v2.PublishValueRequest, access: Access) -> v2.PublishValueResponse:
    """A provider's new value; one without a value says that the signal has none any more."""
    entry = tree.find(request.signal_id)
    access.provide(entry.path)
    tree.publish([(entry, accepted(entry, request.data_point))])
    return v2.PublishValueResponse()


def actuate(tree: Tree, request: v2.ActuateRequest, access: Access) -> v2.ActuateResponse:
    """An order for one actuator."""
    tree.actuate([_order(tree, request, access)])
    return v2.ActuateResponse()


def batch_actuate(tree: Tree, request: v2.BatchActuateRequest, access: Access) -> v2.BatchActuateResponse:
    """Orders that go out together or not at all."""
    tree.actuate([_order(tree, one, access) for one in request.actuate_requests])
    return v2.BatchActuateResponse()


async def actuate_stream(
    tree: Tree, requests: AsyncIterator[v2.ActuateRequest], access: Access
) -> v2.ActuateResponse:  # fmt: skip
    """Orders one after the other; the first refused one ends the stream."""
    async for request in requests:
        tree.actuate([_order(tree, request, access)])
    return v2.ActuateResponse()


def server_info(_tree: Tree, _request: v2.GetServerInfoRequest, _access: Access) -> v2.GetServerInfoResponse:
    """Who answers."""
    return v2.GetServerInfoResponse(name=NAME, version=VERSION, commit_hash="simulated")


async def subscribe(
    tree: Tree,
    request: v2.SubscribeRequest,
    access: Access,
    send: Callable[[v2.SubscribeResponse], Awaitable[None]],
) -> None:
    """The present values of leaves, then what changes, until the token expires."""
    entries = [_readable(tree, v2.SignalID(path=path), access) for path in request.signal_paths]
    box = _mailbox(entries, request.buffer_size)
    end = tree.watch(entries, box)
    try:
        await send(v2.SubscribeResponse(entries={entry.path: entry.point for entry in entries}))
        while True:
            batch = await box.take()
            if access.expired():
                return
            await send(v2.SubscribeResponse(entries={entry.path: point for entry, point in batch.points.items()}))
    finally:
        end()


async def subscribe_by_id(
    tree: Tree,
    request: v2.SubscribeByIdRequest,
    access: Access,
    send: Callable[[v2.SubscribeByIdResponse], Awaitable[None]],
) -> None:
    """The same by numeric ids."""
    entries = [_readable(tree, v2.SignalID(id=number), access) for number in request.signal_ids]
    box = _mailbox(entries, request.buffer_size)
    end = tree.watch(entries, box)
    try:
        await send(v2.SubscribeByIdResponse(entries={entry.id: entry.point for entry in entries}))
        while True:
            batch = await box.take()
            if access.expired():
                return
            await send(v2.SubscribeByIdResponse(entries={entry.id: point for entry, point in batch.points.items()}))
    finally:
        end()


def accepted(entry: Entry, point: v2.Datapoint) -> v2.Datapoint:
    """A provider's datapoint, checked and dated; raises Refused."""
    if point.value.WhichOneof("typed_value") is not None:
        check(entry.leaf, point.value)
    if not point.HasField("timestamp"):
        point.timestamp.CopyFrom(now())
    return point


def _readable(tree: Tree, signal: v2.SignalID, access: Access) -> Entry:
    entry = tree.find(signal)
    access.read(entry.path)
    return entry


def _order(tree: Tree, request: v2.ActuateRequest, access: Access) -> tuple[Entry, v2.Value]:
    entry = tree.find(request.signal_id)
    access.actuate(entry.path)
    if request.value.WhichOneof("typed_value") is None:
        raise Refused(Why.MALFORMED, "No value provided")
    return entry, request.value


def _mailbox(entries: Iterable[Entry], buffer_size: int) -> Mailbox:
    if not entries:
        raise Refused(Why.MALFORMED, "No valid id or path specified")
    if buffer_size > BUFFER_SIZE_MAX:
        raise Refused(Why.MALFORMED, f"Subscription buffer_size max allowed value is {BUFFER_SIZE_MAX}")
    return Mailbox(buffer_size)
