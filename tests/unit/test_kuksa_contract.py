"""Proves that our KUKSA messages are, on the wire, those of the databroker's own client."""

import pytest
from forecourt.kuksa.v1 import val_pb2 as our_v1
from forecourt.kuksa.v2 import val_pb2 as our_v2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from kuksa.val.v1 import types_pb2 as their_types_v1
from kuksa.val.v1 import val_pb2 as their_v1
from kuksa.val.v2 import types_pb2 as their_types_v2
from kuksa.val.v2 import val_pb2 as their_v2


def form(field: FieldDescriptor) -> tuple[object, ...]:
    """What decides a field's bytes: number, type, whether it repeats, and what it holds."""
    inner = field.message_type or field.enum_type
    return field.name, field.number, field.type, field.is_repeated, inner.name if inner else None


def messages(files: list[FileDescriptor]) -> dict[str, Descriptor]:
    """Top-level messages by name."""
    return {name: message for file in files for name, message in file.message_types_by_name.items()}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (our_v1.DESCRIPTOR, [their_v1.DESCRIPTOR, their_types_v1.DESCRIPTOR]),
        (our_v2.DESCRIPTOR, [their_v2.DESCRIPTOR, their_types_v2.DESCRIPTOR]),
    ],
    ids=["v1", "v2"],
)
def test_fields_are_those_of_the_databroker(ours: FileDescriptor, theirs: list[FileDescriptor]) -> None:
    """Every message has the same fields with the same numbers, types and labels; every enum the same numbers."""
    real = messages(theirs)
    mine = messages([ours])
    assert len(mine) >= 20
    assert sorted(mine) == sorted(real)
    for name, message in mine.items():
        assert sorted(map(form, message.fields)) == sorted(map(form, real[name].fields)), name
    enums = {name: enum for file in theirs for name, enum in file.enum_types_by_name.items()}
    for name, enum in ours.enum_types_by_name.items():
        assert {v.name: v.number for v in enum.values} == {v.name: v.number for v in enums[name].values}
