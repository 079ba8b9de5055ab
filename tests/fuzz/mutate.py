"""Damage to bytes and to messages, repeatable by a seed; must never grow an input without bound."""

from collections.abc import Sequence
from random import Random
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

BYTES_MAX = 20_000
TELLING = (0, 1, 2, 9, 10, 127, 128, 4_096, 4_097, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)


def varint(number: int) -> bytes:
    """The number as protobuf writes it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def mutated(good: Sequence[bytes], rng: Random) -> bytes:
    """One of the good inputs after one to four kinds of damage."""
    data = bytearray(rng.choice(good))
    for _ in range(rng.choice((1, 1, 2, 4))):
        _damage(data, good, rng)
    return bytes(data[:BYTES_MAX])


def _damage(data: bytearray, good: Sequence[bytes], rng: Random) -> None:
    at = rng.randint(0, len(data))
    span = slice(at, at + rng.choice((1, 1, 2, 4, 16, 64)))
    match rng.randrange(8):
        case 0 if data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        case 1 if data:
            data[at % len(data)] = rng.choice((0, 1, 127, 128, 255))
        case 2:
            del data[span]
        case 3:
            data[at:at] = data[span] * rng.choice((1, 1, 2, 50))
        case 4:
            data[at:at] = rng.randbytes(rng.randint(1, 12))
        case 5:
            data[span] = varint(rng.choice(TELLING))
        case 6:
            other = rng.choice(good)
            start = rng.randint(0, len(other))
            data[at:] = other[start:]
        case _:
            del data[at:]


def reshaped(good: Message, rng: Random) -> bytes:
    """A well-formed message that says something else: fields changed, dropped, doubled, somewhere in its depth."""
    message = type(good)()
    message.CopyFrom(good)
    for _ in range(rng.choice((1, 1, 2, 3))):
        _reshape(message, rng)
    return message.SerializeToString()[: 10 * BYTES_MAX]


def _reshape(message: Message, rng: Random) -> None:
    field = cast(FieldDescriptor, rng.choice(list(message.DESCRIPTOR.fields)))
    held: Any = getattr(message, field.name)
    if field.is_repeated:
        _reshape_list(held, field, rng)
    elif rng.random() < 0.1:
        message.ClearField(field.name)
    elif field.message_type is not None:
        _reshape(held, rng)
    else:
        _set(message, field, rng)


def _reshape_list(held: Any, field: FieldDescriptor, rng: Random) -> None:
    inner = field.message_type
    entry = inner is not None
    if inner is not None and inner.GetOptions().map_entry:
        held.clear()
        return
    if entry and len(held) and rng.random() < 0.7:
        _reshape(rng.choice(held), rng)
    elif len(held) and rng.random() < 0.4:
        del held[rng.randrange(len(held))]
    elif entry:
        held.add().MergeFrom(rng.choice(held)) if len(held) else held.add()
    else:
        value = _value(field, rng)
        held.extend([value] * rng.choice((1, 1, 2, 300)))


def _set(message: Message, field: FieldDescriptor, rng: Random) -> None:
    setattr(message, field.name, _value(field, rng))


def _value(field: FieldDescriptor, rng: Random) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = rng.choice(("", "a", "é" * 2_100, "golden-car", "x" * 5_000))
        return text if field.type == FieldDescriptor.TYPE_STRING else rng.randbytes(rng.choice((0, 1, 4, 8, 64, 400)))
    if kind in {FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE}:
        return rng.choice((0.0, -0.0, float("nan"), float("inf"), 1e300, 5e-324, -1.5))
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    bits = (
        32
        if kind in {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_ENUM}
        else 64
    )
    number = rng.choice(TELLING) % (1 << bits)
    if kind in {FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64}:
        return number
    return number - (1 << bits) if number >= 1 << bits - 1 else number
