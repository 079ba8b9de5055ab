"""Proves which commands are believed and done, and how they are answered; on a real store."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.errors import InputError
from gateway.flow.builtin import CONSENT_WITHDRAW, EVENTS_RESEND, register_builtin
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.flow.journal import Stage
from gateway.limits import COMMAND_BODY_BYTES_MAX, COMMAND_LIFE_MAX_S
from gateway.model import ClockQuality, PurposeSet, SeqRange, Stream
from gateway.wire.signing import sign
from tests.component.command_world import KEY, SECOND_US, TOPIC, Answers, World, give


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A device."""
    return World(tmp_path)


async def test_a_command_is_answered_in_stages(world: World) -> None:
    """Accepted, running, done, with the handler's result."""
    answers = Answers()
    async with world.life(answers) as router:
        await give(router, world.command(body=b"hello"))
        (done,) = await answers.final()
    assert answers.stages(1) == [Stage.ACCEPTED, Stage.RUNNING, Stage.DONE]
    assert (done.result, done.reason, world.ran) == (b"echo hello", "", [b"hello"])


async def test_an_unsigned_command_is_not_believed_and_not_answered(world: World) -> None:
    """Another key, an altered byte, another device's topic, or nonsense: counted, neither run nor answered."""
    answers = Answers()
    good = world.command()
    other = downlink_pb2.Command(id=2, kind="test.echo", counter=1).SerializeToString()
    async with world.life(answers) as router:
        for bad in (
            good[:-1] + bytes([good[-1] ^ 1]),
            sign(Ed25519PrivateKey.generate(), TOPIC, other),
            sign(KEY, "forecourt/v1/device-2/down/cmd", other),
            b"",
            b"\xff" * 70,
            sign(KEY, TOPIC, b"\xff\xff"),
            world.command(counter=0),
        ):
            await give(router, bad)
        assert router.counters["bad"] == 7
    assert (answers.replies, world.ran) == ([], [])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "test.unknown"}, "unknown_kind"),
        ({"not_after_us": -1}, "expired"),
        ({"not_after_us": (COMMAND_LIFE_MAX_S + 1) * SECOND_US}, "life_too_long"),
        ({"issued_us": 61 * SECOND_US}, "life_too_long"),
        ({"issued_us": 2 * 86_400 * SECOND_US, "not_after_us": 3 * 86_400 * SECOND_US}, "clock_in_doubt"),
    ],
)
async def test_a_command_is_refused_with_a_word(world: World, fields: dict[str, object], reason: str) -> None:
    """Unknown kinds, expired, too long a life, and one from the future, which says that our clock is behind."""
    answers = Answers()
    now = world.clock.wall_us()
    words = {name: value + now if isinstance(value, int) else value for name, value in fields.items()}
    if reason == "expired":
        words["issued_us"] = now - 10
    async with world.life(answers) as router:
        await give(router, world.command(**words))  # type: ignore[arg-type]
        (failed,) = await answers.final()
    assert (int(failed.stage), failed.reason, world.ran) == (Stage.FAILED, reason, [])


async def test_a_clock_in_doubt_refuses_what_may_be_late(world: World) -> None:
    """Under an untrusted clock only kinds that are declared safe run, expired or not."""
    answers = Answers()
    world.clock.trust = ClockQuality.UNTRUSTED
    async with world.life(answers) as router:
        await give(router, world.command(1))
        await give(router, world.command(2, kind="test.safe", body=b"safe"))
        await answers.final(2)
    assert {reply.command: reply.reason for reply in answers.replies if reply.stage >= Stage.DONE} == {
        1: "clock_in_doubt",
        2: "",
    }
    assert world.ran == [b"safe"]


async def test_handlers_that_go_wrong(world: World) -> None:
    """A word of the handler's own, a body it cannot read, a mistake, a time-out, too large a result: all FAILED."""
    answers = Answers()

    async def says(_: bytes) -> bytes:
        raise CommandFailed("not_now")

    async def chats(_: bytes) -> bytes:
        raise CommandFailed("A Sentence With Data 4711")

    async def rejects(_: bytes) -> bytes:
        raise InputError("no")

    async def breaks(_: bytes) -> bytes:
        raise ZeroDivisionError

    async def sleeps(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def floods(_: bytes) -> bytes:
        return bytes(1 << 20)

    handlers = [says, chats, rejects, breaks, sleeps, floods]

    def more(router: CommandRouter) -> None:
        for handler in handlers:
            router.register(handler.__name__, handler, timeout_s=0.05)

    async with world.life(answers, more) as router:
        for number, handler in enumerate(handlers):
            await give(router, world.command(number, kind=handler.__name__))
        await answers.final(len(handlers))
    final = {reply.command: reply.reason for reply in answers.replies if int(reply.stage) == Stage.FAILED}
    assert [final[number] for number in range(6)] == [
        "not_now",
        "error",
        "bad_body",
        "error",
        "timeout",
        "result_too_large",
    ]


async def test_built_in_kinds(world: World) -> None:
    """events.resend and consent.withdraw call what they were given, and refuse bodies that name nothing real."""
    answers = Answers()
    calls: list[object] = []

    async def resend(stream: Stream, numbers: SeqRange) -> int:
        calls.append((stream, numbers))
        return 3

    async def withdraw(subject: int, purposes: PurposeSet) -> None:
        calls.append((subject, purposes))

    span = control_pb2.Range(first=4, last=6)
    wide = control_pb2.Range(first=1, last=1 << 40)
    bodies: list[tuple[str, bytes, str]] = [
        (EVENTS_RESEND, downlink_pb2.ResendEvents(epoch=5, stream=2, range=span).SerializeToString(), ""),
        (EVENTS_RESEND, downlink_pb2.ResendEvents(epoch=6, stream=2, range=span).SerializeToString(), "unknown_epoch"),
        (EVENTS_RESEND, downlink_pb2.ResendEvents(epoch=5, stream=9, range=span).SerializeToString(), "bad_body"),
        (EVENTS_RESEND, downlink_pb2.ResendEvents(epoch=5, stream=2).SerializeToString(), "bad_body"),
        (EVENTS_RESEND, downlink_pb2.ResendEvents(epoch=5, stream=2, range=wide).SerializeToString(), "too_many"),
        (EVENTS_RESEND, b"\xff", "bad_body"),
        (CONSENT_WITHDRAW, downlink_pb2.WithdrawConsent(subject=8, purposes=[1, 3]).SerializeToString(), ""),
        (CONSENT_WITHDRAW, downlink_pb2.WithdrawConsent(subject=8, purposes=[1, 99]).SerializeToString(), "bad_body"),
        (CONSENT_WITHDRAW, downlink_pb2.WithdrawConsent(subject=8).SerializeToString(), "bad_body"),
    ]
    async with world.life(answers, lambda router: register_builtin(router, 5, resend, withdraw)) as router:
        for number, (kind, body, _) in enumerate(bodies):
            await give(router, world.command(number, kind=kind, body=body))
        await answers.final(len(bodies))
    final = {reply.command: reply for reply in answers.replies if reply.stage >= Stage.DONE}
    assert [final[number].reason for number in range(len(bodies))] == [reason for _, _, reason in bodies]
    assert calls == [(Stream.LIVE, (4, 6)), (8, 0b1010)]
    assert control_pb2.Counters.FromString(final[0].result).counts["events"] == 3


async def test_a_body_over_the_bound_is_refused(world: World) -> None:
    """A command whose body is too large does not run."""
    answers = Answers()
    async with world.life(answers) as router:
        await give(router, world.command(body=bytes(COMMAND_BODY_BYTES_MAX + 1)))
        assert router.counters["bad"] + router.counters["too_large"] == 1
    assert world.ran == []
