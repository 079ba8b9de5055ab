"""Proves that a command runs at most once and is answered, whatever dies when; on a real store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.clock import ManualClock
from gateway.errors import InputError, StoreError
from gateway.flow.builtin import CONSENT_WITHDRAW, EVENTS_RESEND, register_builtin
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.flow.journal import Stage
from gateway.flow.schema import schema
from gateway.limits import COMMAND_BODY_BYTES_MAX, COMMAND_LIFE_MAX_S, COMMANDS_KEPT_MAX, COMMANDS_OPEN_MAX
from gateway.model import ClockQuality, PurposeSet, SeqRange, Stream
from gateway.store import Store
from gateway.wire.signing import sign

TOPIC = "forecourt/v1/device-1/down/cmd"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECOND_US = 1_000_000


class Answers:
    """A control stream that keeps what it is given, and can be told to fail."""

    def __init__(self) -> None:
        self.replies: list[control_pb2.CommandReply] = []
        self.failing = False
        self._came = asyncio.Event()

    async def append_control(self, record: control_pb2.ControlRecord) -> None:
        """Keeps a reply."""
        if self.failing:
            raise StoreError("the disk refuses")
        self.replies.append(record.reply)
        self._came.set()

    async def final(self, count: int = 1) -> list[control_pb2.CommandReply]:
        """Returns when so many final replies are there."""
        async with asyncio.timeout(10):
            while True:
                found = [reply for reply in self.replies if reply.stage >= Stage.DONE]
                if len(found) >= count:
                    return found
                self._came.clear()
                await self._came.wait()

    def stages(self, command: int) -> list[int]:
        """The stages that were told of a command, in order."""
        return [reply.stage for reply in self.replies if reply.command == command]


class World:
    """One device over several lives: its folder stays, everything else is made anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.ran: list[bytes] = []
        self.hold: asyncio.Event | None = None
        self.began = asyncio.Event()
        self._counter = 0

    @contextlib.asynccontextmanager
    async def life(
        self, answers: Answers, more: Callable[[CommandRouter], None] | None = None
    ) -> AsyncIterator[CommandRouter]:
        """A process: store and router from start to the end of the block, which is a kill for the router."""
        store = await Store.open(self.folder, clock=self.clock, bytes_max=1 << 20, migrations=[schema])
        try:
            router = CommandRouter(
                store, answers, self.clock, TOPIC, [Ed25519PrivateKey.generate().public_key(), KEY.public_key()]
            )
            router.register("test.echo", self.echo)
            router.register("test.safe", self.echo, safe=True)
            if more is not None:
                more(router)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(router.run())
                try:
                    yield router
                finally:
                    task.cancel()
        finally:
            await store.aclose()

    async def echo(self, body: bytes) -> bytes:
        """A handler that notes that it ran."""
        self.ran.append(body)
        self.began.set()
        if self.hold is not None:
            await self.hold.wait()
        return b"echo " + body

    def command(self, number: int = 1, kind: str = "test.echo", body: bytes = b"x", **fields: int) -> bytes:
        """A signed command, valid for a minute."""
        now = self.clock.wall_us()
        self._counter += 1
        message = downlink_pb2.Command(
            id=number, kind=kind, issued_us=now, not_after_us=now + 60 * SECOND_US, counter=self._counter, body=body
        )
        for name, value in fields.items():
            setattr(message, name, value)
        return sign(KEY, TOPIC, message.SerializeToString())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A device."""
    return World(tmp_path)


async def give(router: CommandRouter, payload: bytes) -> None:
    """Offers a command and returns when the router is done with the message."""
    taken = asyncio.Event()
    router.offer(payload, taken.set)
    async with asyncio.timeout(10):
        await taken.wait()


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


async def test_a_command_that_comes_again_repeats_its_answer(world: World) -> None:
    """The same message, in this life and in the next, runs nothing and is answered as before, once per while."""
    answers = Answers()
    payload = world.command()
    async with world.life(answers) as router:
        await give(router, payload)
        await answers.final()
        for _ in range(20):
            await give(router, payload)
        await answers.final(2)
        assert router.counters["again"] == 20
    async with world.life(answers) as router:
        await give(router, payload)
        found = await answers.final(3)
    assert len(world.ran) == 1
    assert [reply.result for reply in found] == [b"echo x"] * 3


async def test_a_counter_that_was_used_is_a_replay(world: World) -> None:
    """Another id under a used counter does not run; a smaller counter that was never seen does."""
    answers = Answers()
    async with world.life(answers) as router:
        await give(router, world.command(1, counter=7))
        await give(router, world.command(2, counter=7))
        await give(router, world.command(3, counter=5))
        await answers.final(3)
    final = {reply.command: reply.reason for reply in answers.replies if reply.stage >= Stage.DONE}
    assert final == {1: "", 2: "replayed", 3: ""}
    assert len(world.ran) == 2


async def test_what_an_interrupted_life_was_running_is_never_run_again(world: World) -> None:
    """Killed inside the handler: the next life answers FAILED(interrupted), also when the command comes again."""
    answers, world.hold = Answers(), asyncio.Event()
    payload = world.command()
    async with world.life(answers) as router:
        await give(router, payload)
        await world.began.wait()
    world.hold = None
    async with world.life(answers) as router:
        (failed,) = await answers.final()
        await give(router, payload)
        assert len(await answers.final(2)) == 2
    assert (int(failed.stage), failed.reason, len(world.ran)) == (Stage.FAILED, "interrupted", 1)


async def test_what_was_accepted_and_not_begun_runs_in_the_next_life(world: World) -> None:
    """A command that waits behind another of its kind when the process dies runs once, later; unless it has expired."""
    answers, world.hold = Answers(), asyncio.Event()
    async with world.life(answers) as router:
        await give(router, world.command(1, body=b"1"))
        await world.began.wait()
        await give(router, world.command(2, body=b"2"))
        await give(router, world.command(3, body=b"3", not_after_us=world.clock.wall_us() + 5))
    world.hold = None
    world.clock.advance(1)
    async with world.life(answers) as router:
        await answers.final(3)
    final = {reply.command: reply.reason for reply in answers.replies if reply.stage >= Stage.DONE}
    assert final == {1: "interrupted", 2: "", 3: "expired"}
    assert world.ran == [b"1", b"2"]


async def test_an_answer_that_could_not_be_written_is_written_in_the_next_life(world: World) -> None:
    """The disk refuses every answer; the command has run, and the next life says so."""
    answers = Answers()
    async with world.life(answers) as router:
        await give(router, world.command())
        await answers.final()
        answers.failing = True
        await give(router, world.command(2, kind="test.unknown"))
    answers.failing = False
    async with world.life(answers):
        found = await answers.final(2)
    assert [reply.reason for reply in found] == ["", "unknown_kind"]


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


async def test_open_commands_are_bounded(world: World) -> None:
    """More than may be open at once are refused as busy, and those that are open all run."""
    answers, world.hold = Answers(), asyncio.Event()
    async with world.life(answers) as router:
        for number in range(COMMANDS_OPEN_MAX + 3):
            await give(router, world.command(number))
        busy = await answers.final(3)
        assert {reply.reason for reply in busy} == {"busy"}
        world.hold.set()
        await answers.final(COMMANDS_OPEN_MAX + 3)
    assert len(world.ran) == COMMANDS_OPEN_MAX


async def test_a_flood_is_dropped_and_counted(world: World) -> None:
    """What comes faster than it can be written down is dropped, done with and counted; the router lives."""
    answers = Answers()
    payload = world.command()
    done = []
    async with world.life(answers) as router:
        for _ in range(500):
            router.offer(payload, lambda: done.append(1))
        await answers.final()
        await give(router, payload)
        assert router.counters["dropped"] > 300
    assert (len(done), len(world.ran)) == (500, 1)


async def test_the_journal_is_bounded_and_forgets_no_replay(world: World) -> None:
    """Only the newest commands are kept; one that is forgotten is refused as a replay."""
    answers = Answers()
    first = world.command(1)
    async with world.life(answers) as router:
        await give(router, first)
        await answers.final()
        for start in range(2, COMMANDS_KEPT_MAX + 60, 50):
            for number in range(start, start + 50):
                await give(router, world.command(number, kind="test.unknown"))
            await answers.final(start + 49)
        count = len(await answers.final())
        await give(router, first)
        found = await answers.final(count + 1)
    assert (found[-1].command, found[-1].reason, len(world.ran)) == (1, "replayed", 1)


async def test_after_the_journal_was_lost_no_older_command_runs(world: World) -> None:
    """A store that had to be rescued cannot say what ran, so a command issued before does not."""
    answers = Answers()
    payload = world.command()
    async with world.life(answers) as router:
        await give(router, payload)
        await answers.final()
    for file in world.folder.iterdir():
        if file.is_file() and file.stat().st_size > 4_096:
            file.write_bytes(b"\xff" * 8_192)
    world.clock.advance(10)
    async with world.life(answers) as router:
        await give(router, payload)
        found = await answers.final(2)
        await give(router, world.command(9, body=b"new", issued_us=world.clock.wall_us() + 1))
        await answers.final(3)
    assert found[-1].reason == "journal_lost"
    assert world.ran == [b"x", b"new"]


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
