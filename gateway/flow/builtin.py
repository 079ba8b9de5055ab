"""Commands that every device knows: events.resend and consent.withdraw; must never do more than their body names."""

from collections.abc import Awaitable, Callable

from forecourt.v1 import control_pb2, downlink_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.limits import RESEND_EVENTS_MAX
from gateway.model import PurposeSet, SeqRange, Stream, purpose_set, purposes_of

EVENTS_RESEND = "events.resend"
CONSENT_WITHDRAW = "consent.withdraw"

Resend = Callable[[Stream, SeqRange], Awaitable[int]]
Withdraw = Callable[[int, PurposeSet], Awaitable[object]]


def register_builtin(router: CommandRouter, epoch: int, resend: Resend, withdraw: Withdraw) -> None:
    """Registers both. Neither can do harm late, so both may run while the clock is in doubt.

    events.resend answers with forecourt.v1.Counters {"events": how many were sent}; consent.withdraw with nothing.
    """

    async def events_resend(body: bytes) -> bytes:
        stream, numbers = read_resend(body, epoch)
        counters = control_pb2.Counters(counts={"events": await resend(stream, numbers)})
        return counters.SerializeToString(deterministic=True)

    async def consent_withdraw(body: bytes) -> bytes:
        await withdraw(*read_withdraw(body))
        return b""

    router.register(EVENTS_RESEND, events_resend, safe=True)
    router.register(CONSENT_WITHDRAW, consent_withdraw, safe=True)


def read_resend(body: bytes, epoch: int) -> tuple[Stream, SeqRange]:
    """What to send again; raises InputError, or CommandFailed when it is about another store."""
    message = downlink_pb2.ResendEvents()
    _parse(message, body)
    if message.epoch != epoch:
        raise CommandFailed("unknown_epoch")
    try:
        stream = Stream(message.stream)
    except ValueError as error:
        raise InputError("no such stream") from error
    numbers = SeqRange(message.range.first, message.range.last)
    if not 0 < numbers.first <= numbers.last < 1 << 63:
        raise InputError("no such range")
    if numbers.size > RESEND_EVENTS_MAX:
        raise CommandFailed("too_many")
    return stream, numbers


def read_withdraw(body: bytes) -> tuple[int, PurposeSet]:
    """Whose consent for what; raises InputError."""
    message = downlink_pb2.WithdrawConsent()
    _parse(message, body)
    bits = purpose_set(number for number in set(message.purposes) if number < 64)
    try:
        known = purposes_of(bits)
    except ValueError as error:
        raise InputError("no such purpose") from error
    if not known or len(known) != len(set(message.purposes)):
        raise InputError("no such purpose")
    return message.subject, bits


def _parse(message: downlink_pb2.ResendEvents | downlink_pb2.WithdrawConsent, body: bytes) -> None:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise InputError("the body cannot be read") from error
