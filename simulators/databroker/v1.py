"""The calls of kuksa.val.v1, as the stock client makes them; must never end all where the protocol refuses each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

from forecourt.kuksa.v1 import val_pb2 as v1
from forecourt.kuksa.v2 import val_pb2 as v2

from simulators.databroker.access import Access
from simulators.databroker.catalogue import Leaf
from simulators.databroker.mailbox import Batch, Mailbox
from simulators.databroker.refusals import Refused, Why
from simulators.databroker.tree import Entry, Point, Tree, now
from simulators.databroker.v2 import NAME, VERSION
from simulators.databroker.values import check, from_v1, to_v1

BUFFER_SIZE: Final = 100
VALUE, TARGET, METADATA = v1.FIELD_VALUE, v1.FIELD_ACTUATOR_TARGET, v1.FIELD_METADATA
Fields = frozenset[int]
_VIEWS: Final = {
    v1.VIEW_CURRENT_VALUE: {VALUE},
    v1.VIEW_TARGET_VALUE: {TARGET},
    v1.VIEW_METADATA: {METADATA},
    v1.VIEW_ALL: {VALUE, TARGET, METADATA},
}


def get(tree: Tree, request: v1.GetRequest, access: Access) -> v1.GetResponse:
    """Values, targets or metadata of what is named; what cannot be had is named in the answer, then with no entries."""
    if not request.entries:
        raise Refused(Why.MALFORMED, "No datapoints requested")
    answer = v1.GetResponse()
    denied = False
    for asked in request.entries:
        fields = _fields(asked.view, asked.fields)
        try:
            found = tree.match(asked.path)
            if not found:
                raise Refused(Why.NOT_FOUND, "No entries found for the provided path")
            if fields & {VALUE, TARGET}:
                for entry in found:
                    access.read(entry.path)
        except Refused as refused:
            denied |= refused.why in {Why.DENIED, Why.EXPIRED}
            answer.errors.append(refused.as_v1(asked.path))
            continue
        answer.entries.extend(_entry(entry, fields) for entry in found)
    if denied:
        del answer.entries[:]
    if answer.errors:
        answer.error.CopyFrom(answer.errors[0].error)
    return answer


def set_(tree: Tree, request: v1.SetRequest, access: Access) -> v1.SetResponse:
    """Sets values and targets; those refused are named in the answer, the others set."""
    return v1.SetResponse(errors=_update(tree, request.updates, access))


async def streamed_update(
    tree: Tree,
    requests: AsyncIterator[v1.StreamedUpdateRequest],
    access: Access,
    send: Callable[[v1.StreamedUpdateResponse], Awaitable[None]],
) -> None:
    """The same again and again."""
    async for request in requests:
        await send(v1.StreamedUpdateResponse(errors=_update(tree, request.updates, access)))


async def subscribe(
    tree: Tree,
    request: v1.SubscribeRequest,
    access: Access,
    send: Callable[[v1.SubscribeResponse], Awaitable[None]],
) -> None:
    """What is named as it is now, then what changes of values and targets, until the token expires."""
    if not request.entries:
        raise Refused(Why.MALFORMED, "Subscription request must contain at least one entry")
    present = v1.SubscribeResponse()
    values: set[Entry] = set()
    targets: set[Entry] = set()
    for asked in request.entries:
        fields = _fields(asked.view, asked.fields)
        found = tree.match(asked.path)
        if not found:
            raise Refused(Why.NOT_FOUND, asked.path)
        for entry in found:
            access.read(entry.path)
            present.updates.append(v1.EntryUpdate(entry=_entry(entry, fields), fields=map(v1.Field.Name, fields)))
        values |= set(found) if VALUE in fields else set()
        targets |= set(found) if TARGET in fields else set()
    box = Mailbox(BUFFER_SIZE)
    end = tree.watch(values, box, targets)
    try:
        await send(present)
        while True:
            batch = await box.take()
            if access.expired():
                return
            await send(_changes(batch))
    finally:
        end()


def server_info(_tree: Tree, _request: v1.GetServerInfoRequest, _access: Access) -> v1.GetServerInfoResponse:
    """Who answers."""
    return v1.GetServerInfoResponse(name=NAME, version=VERSION)


def _fields(view: int, fields: Iterable[int]) -> Fields:
    wanted = frozenset(fields).union(*(its for number, its in _VIEWS.items() if number == view))
    return wanted or frozenset({VALUE})


def _changes(batch: Batch) -> v1.SubscribeResponse:
    answer = v1.SubscribeResponse()
    for entry, point in batch.points.items():
        if batch.target:
            change = v1.DataEntry(path=entry.path, actuator_target=to_v1(point))
        else:
            change = v1.DataEntry(path=entry.path, value=to_v1(point))
        answer.updates.append(v1.EntryUpdate(entry=change, fields=[TARGET if batch.target else VALUE]))
    return answer


def _update(tree: Tree, updates: Iterable[v1.EntryUpdate], access: Access) -> list[v1.DataEntryError]:
    errors: list[v1.DataEntryError] = []
    points: list[Point] = []
    for update in updates:
        wanted = update.entry
        try:
            entry = tree.find(v2.SignalID(path=wanted.path))
            if VALUE in update.fields:
                access.provide(entry.path)
                points.append((entry, _point(entry.leaf, wanted.value)))
            if TARGET in update.fields:
                access.actuate(entry.path)
                tree.set_target(entry, _point(entry.leaf, wanted.actuator_target))
        except Refused as refused:
            errors.append(refused.as_v1(wanted.path))
    tree.publish(points)
    tree.counters.refused += len(errors)
    return errors


def _point(leaf: Leaf, point: v1.Datapoint) -> v2.Datapoint:
    value = from_v1(point)
    if value is not None:
        check(leaf, value)
    return v2.Datapoint(timestamp=point.timestamp if point.HasField("timestamp") else now(), value=value)


def _entry(entry: Entry, fields: Fields) -> v1.DataEntry:
    found = v1.DataEntry(path=entry.path)
    if VALUE in fields and entry.point.HasField("value"):
        found.value.CopyFrom(to_v1(entry.point))
    if TARGET in fields and entry.target is not None:
        found.actuator_target.CopyFrom(to_v1(entry.target))
    if any(field >= METADATA for field in fields):
        found.metadata.CopyFrom(_metadata(entry))
    return found


def _metadata(entry: Entry) -> v1.Metadata:
    leaf, kind = entry.leaf, entry.leaf.kind
    found = v1.Metadata(
        data_type=v2.DataType.Name(kind.number),
        entry_type=v2.EntryType.Name(entry.metadata.entry_type),
    )
    for name in ("description", "comment", "deprecation", "unit"):
        if text := getattr(leaf, name):
            setattr(found, name, text)
    if kind.field.startswith("string"):
        found.value_restriction.string.allowed_values.extend(map(str, leaf.allowed))
    elif kind.is_number:
        _restrict(found.value_restriction, leaf)
    return found


def _restrict(restriction: v1.ValueRestriction, leaf: Leaf) -> None:
    """Bounds and allowed values of a number."""
    numbers = [item for item in leaf.allowed if isinstance(item, int | float)]
    if leaf.kind.low is None:
        floating = restriction.floating_point
        floating.allowed_values.extend(numbers)
        if leaf.low is not None:
            floating.min = leaf.low
        if leaf.high is not None:
            floating.max = leaf.high
        return
    whole = restriction.unsigned if leaf.kind.low == 0 else restriction.signed
    whole.allowed_values.extend(map(int, numbers))
    if leaf.low is not None:
        whole.min = round(leaf.low)
    if leaf.high is not None:
        whole.max = round(leaf.high)
