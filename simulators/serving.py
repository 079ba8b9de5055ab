"""What the verbs of `forecourt sim` do until they are told to stop; must never need a terminal."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.clock import SystemClock
from gateway.errors import ConfigError
from simulators.brokers import desk_broker
from simulators.databroker import Catalogue, Databroker, TokenCheck
from simulators.drives import Drive, open_drive
from simulators.player import Player, again_and_again
from simulators.proxy import Proxy, Toxics, proxy

Say = Callable[[str], None]
STATUS_S: Final = 10.0
LINE_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabrokerOptions:
    """What `forecourt sim databroker` was asked for."""

    host: str = "127.0.0.1"
    port: int = 55_555
    vss: Path | None = None
    drive: bool = True
    replay: Path | None = None
    speed: float = 1.0
    once: bool = False
    seed: int = 1
    tls: tuple[Path, Path] | None = None
    token_key: Path | None = None


async def serve_databroker(options: DatabrokerOptions, say: Say, stop: asyncio.Event) -> None:
    """A databroker that plays a drive until `stop`, or the end of the drive. Raises ConfigError and InputError."""
    clock = await asyncio.to_thread(SystemClock)
    catalogue = await asyncio.to_thread(_catalogue, options.vss)
    tokens = await asyncio.to_thread(TokenCheck.read, options.token_key) if options.token_key else None
    drive = await asyncio.to_thread(open_drive, options.replay, options.seed) if options.drive else None
    broker = Databroker(catalogue, host=options.host, port=options.port, tls=options.tls, tokens=tokens)
    async with broker, asyncio.TaskGroup() as group:
        say(f"databroker on {broker.address}: {len(catalogue)} signals, kuksa.val.v1 and v2")
        player = Player(broker, clock, speed=options.speed)
        tasks = [group.create_task(_tell(broker, player, say), name="status")]
        tasks.append(group.create_task(on_lines(lambda line: _command(player, line, say)), name="lines"))
        if drive is not None:
            _say_drive(drive, options.speed, say)
            readings = drive.make() if options.once else again_and_again(drive.make, drive.length_s)
            playing = group.create_task(player.play(readings), name="drive")
            tasks.append(playing)
            if options.once:
                playing.add_done_callback(lambda _: stop.set())
        await stop.wait()
        for task in tasks:
            task.cancel()
    say(_status(broker, player))


async def serve_proxy(
    target: tuple[str, int], port: int, toxics: Toxics, script: Sequence[tuple[float, str]], say: Say,
    stop: asyncio.Event,
) -> None:  # fmt: skip
    """A proxy whose toxics follow a script and typed lines, until `stop`. Raises ConfigError."""
    for _, words in script:
        apply_toxic(Toxics(), words)
    async with proxy(*target, listen_port=port) as line, asyncio.TaskGroup() as group:
        line.toxics = toxics
        say(f"proxy on 127.0.0.1:{line.port} to {target[0]}:{target[1]}; say cut, heal, hole, reset, latency MS …")
        tasks = [
            group.create_task(_play_script(line, script, say), name="script"),
            group.create_task(on_lines(lambda words: _typed(line, words, say)), name="lines"),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
    say(f"{line.connects} connections, {line.refused} refused, {line.bytes_passed} bytes passed")


async def serve_broker(port: int, prefer: str, say: Say, stop: asyncio.Event) -> None:
    """A desk broker until `stop`. Raises ConfigError and LinkError."""
    async with desk_broker(port, prefer) as broker:
        say(f"{broker.name} on {broker.url}; link security: {broker.security}")
        await stop.wait()


def apply_toxic(toxics: Toxics, words: str) -> str:
    """Changes toxics as words say (`cut`, `latency 100`); returns what a proxy has to do. Raises ConfigError."""
    name, *rest = words.split() or [""]
    if name in {"cut", "heal", "reset"} and not rest:
        return name
    if name == "hole" and not rest:
        toxics.black_hole = True
        return "toxics"
    try:
        (value,) = map(float, rest)
        if not 0 <= value < 1e12:
            raise ValueError
    except ValueError:
        name, value = "", 0.0
    match name:
        case "latency":
            toxics.latency_s = value / 1_000
        case "jitter":
            toxics.jitter_s = value / 1_000
        case "rate":
            toxics.rate_bytes_s = value * 125 or None
        case "slice":
            toxics.slice_bytes = int(value) or None
        case _:
            raise ConfigError(
                f"{words!r:.80} is no toxic: say cut, heal, hole, reset, latency MS, jitter MS, rate KBIT, slice BYTES"
            )
    return "toxics"


@contextlib.contextmanager
def kept_or_gone(keep: Path | None, prefix: str) -> Iterator[Path]:
    """The folder to keep, or one that is gone afterwards. Not for the loop."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        yield Path(name)


def _catalogue(vss: Path | None) -> Catalogue:
    return Catalogue.packaged() if vss is None else Catalogue.read(vss)


def _say_drive(drive: Drive, speed: float, say: Say) -> None:
    say(f"playing {drive.name}: {drive.length_s:g} s at {speed:g} x")
    for problem in drive.problems:
        say(f"  left out {problem}")
    if drive.bad_rows > len(drive.problems):
        say(f"  and {drive.bad_rows - len(drive.problems)} rows more")


def _status(broker: Databroker, player: Player) -> str:
    counters = broker.counters
    refused = f", {player.refused.total()} refused" if player.refused else ""
    dropped = (
        f", {counters.dropped_messages} messages dropped for slow subscribers" if counters.dropped_messages else ""
    )
    return (
        f"at {player.at_s:.0f} s: {player.played} readings played{refused}, {counters.published} published in all, "
        f"{counters.subscriptions} subscriptions{dropped}"
    )


async def _tell(broker: Databroker, player: Player, say: Say) -> None:
    told: set[str] = set()
    while True:
        await asyncio.sleep(STATUS_S)
        say(_status(broker, player))
        for path in sorted(set(player.refused) - told):
            say(f"  refused: {path}; name a catalogue that has it with --vss")
            told.add(path)


def _command(player: Player, line: str, say: Say) -> None:
    if line in {"p", "pause"}:
        player.pause()
        say("paused; g goes on")
    elif line in {"g", "go"}:
        player.go()
        say("going on")
    else:
        say("p pauses, g goes on, Ctrl-C ends")


def _typed(line: Proxy, words: str, say: Say) -> None:
    try:
        _do(line, words, say)
    except ConfigError as error:
        say(str(error))


def _do(line: Proxy, words: str, say: Say) -> None:
    match apply_toxic(line.toxics, words):
        case "cut":
            line.cut()
        case "heal":
            line.heal()
        case "reset":
            line.reset()
    say(words)


async def _play_script(line: Proxy, script: Sequence[tuple[float, str]], say: Say) -> None:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    for at_s, words in sorted(script):
        await asyncio.sleep(max(0.0, begun_s + at_s - loop.time()))
        _do(line, words, say)


async def on_lines(act: Callable[[str], None]) -> None:
    """What is typed in a terminal, line by line; without a terminal nothing ever comes."""
    if not sys.stdin or not sys.stdin.isatty():
        return
    loop, typed = asyncio.get_running_loop(), sys.stdin.fileno()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def arrived() -> None:
        # Here and not in a task: by the time one comes to it the loop has called again, and a second read would wait.
        lines.put_nowait(os.read(typed, LINE_MAX))  # a terminal gives one line, and has it already

    loop.add_reader(typed, arrived)
    try:
        while data := await lines.get():
            act(data.decode("utf-8", "replace").strip())
    finally:
        loop.remove_reader(typed)
