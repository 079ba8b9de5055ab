"""Proves that a command runs at most once over restarts, replays, floods and a lost journal; on a real store."""

import asyncio
from pathlib import Path

import pytest

from gateway.flow.journal import Stage
from gateway.limits import COMMANDS_KEPT_MAX, COMMANDS_OPEN_MAX
from gateway.model import ClockQuality
from tests.component.command_world import Answers, World, give


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A device."""
    return World(tmp_path)


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
    damage(world)
    world.clock.advance(10)
    async with world.life(answers) as router:
        await give(router, payload)
        found = await answers.final(2)
        await give(router, world.command(9, body=b"new", issued_us=world.clock.wall_us() + 1))
        await answers.final(3)
    assert found[-1].reason == "journal_lost"
    assert world.ran == [b"x", b"new"]


async def test_after_the_journal_was_lost_under_a_clock_at_1970_nothing_older_than_the_first_true_time_runs(
    world: World,
) -> None:
    """What the cloud sends again ran perhaps; only what it issues after the clock was set cannot have."""
    answers = Answers()
    payload, again = world.command(), world.command(2, kind="test.safe", body=b"safe")
    async with world.life(answers) as router:
        await give(router, payload)
        await answers.final()
    damage(world)
    world.clock.trust = ClockQuality.UNTRUSTED
    async with world.life(answers) as router:
        world.clock.trust = ClockQuality.SYNCHRONISED
        world.clock.advance(10)
        await give(router, payload)
        found = await answers.final(2)
        await give(router, again)
        await give(router, world.command(9, body=b"new", issued_us=world.clock.wall_us() + 1))
        await answers.final(4)
    assert found[-1].reason == "journal_lost"
    assert world.ran == [b"x", b"safe", b"new"]


def damage(world: World) -> None:
    """The large files of the store turn to noise."""
    for file in world.folder.iterdir():
        if file.is_file() and file.stat().st_size > 4_096:
            file.write_bytes(b"\xff" * 8_192)
