"""Commands from the cloud: signed, expiring, run at most once, answered in stages; must never trust an unsigned byte.

A command is written to the journal before it is answered, marked as running before its handler is called, and its end
is written before it is told. So after a crash at any point it has run once or not at all, and it is answered.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.clock import Clock
from gateway.errors import ForecourtError, InputError, Retry, StoreError
from gateway.flow.journal import Entry, Journal, Now, Stage
from gateway.flow.trust import read_signed
from gateway.limits import (
    COMMAND_BODY_BYTES_MAX,
    COMMAND_LIFE_MAX_S,
    COMMAND_REPEAT_S,
    COMMAND_RESULT_BYTES_MAX,
    COMMAND_RUN_S,
    COMMAND_SKEW_S,
    COMMANDS_KEPT_MAX,
    COMMANDS_OPEN_MAX,
    COMMANDS_QUEUED_MAX,
)
from gateway.log import Log
from gateway.model import ClockQuality
from gateway.store import Store
from gateway.wire.messages import read_command

log = Log("flow")

Handler = Callable[[bytes], Awaitable[bytes]]
_WORD = re.compile(r"[a-z][a-z_]{0,63}")
_AGAIN_S = 5.0


class CommandFailed(ForecourtError):
    """A handler says why a command cannot be done; the message is one word such as `unknown_epoch`."""


class Replies(Protocol):
    """Where answers go: the outbox."""

    def append_control(self, record: control_pb2.ControlRecord) -> Awaitable[object]:
        """Resolves when the record is durable; raises StoreError."""
        ...


@dataclass(frozen=True, slots=True)
class _Registered:
    handler: Handler
    safe: bool
    timeout_s: float
    turn: asyncio.Lock


def judge(command: downlink_pb2.Command, now_us: int, quality: ClockQuality, *, known: bool, safe: bool) -> str:
    """Why a command is refused, or an empty word; pure. A kind that is `safe` may run under a clock in doubt."""
    if not known:
        return "unknown_kind"
    if len(command.body) > COMMAND_BODY_BYTES_MAX:
        return "too_large"
    if not 0 <= command.not_after_us - command.issued_us <= COMMAND_LIFE_MAX_S * 1_000_000:
        return "life_too_long"
    if quality is ClockQuality.UNTRUSTED or command.issued_us - now_us > COMMAND_SKEW_S * 1_000_000:
        return "" if safe else "clock_in_doubt"
    return "expired" if now_us > command.not_after_us else ""


class CommandRouter:
    """Takes commands for the kinds that were registered. Commands of one kind run one after the other."""

    def __init__(
        self,
        store: Store,
        replies: Replies,
        clock: Clock,
        topic: str,
        cloud_keys: Sequence[Ed25519PublicKey],
        *,
        journal: Journal | None = None,
    ) -> None:
        self._replies, self._clock, self._topic, self._keys = replies, clock, topic, cloud_keys
        self._journal = journal or Journal(store)
        self._kinds: dict[str, _Registered] = {}
        self._came: deque[tuple[bytes, Callable[[], None]]] = deque()
        self._wake = asyncio.Event()
        self._repeated: dict[int, float] = {}
        self.counters: Counter[str] = Counter()

    def register(self, kind: str, handler: Handler, *, safe: bool = False, timeout_s: float = COMMAND_RUN_S) -> None:
        """Names who does commands of a kind. `safe`: may also be done when the clock cannot say whether it expired."""
        if kind in self._kinds:
            raise ValueError(f"two handlers for {kind}")
        self._kinds[kind] = _Registered(handler, safe, timeout_s, asyncio.Lock())

    @property
    def kinds(self) -> Iterable[str]:
        """The kinds that this device knows, for its birth message."""
        return sorted(self._kinds)

    def offer(self, payload: bytes, done: Callable[[], None]) -> None:
        """A message on the command topic came; `done` is called when it is in the journal, or not worth keeping."""
        if len(self._came) >= COMMANDS_QUEUED_MAX:
            self.counters["dropped"] += 1  # the cloud sends it again after the next birth
            done()
            return
        self._came.append((payload, done))
        self._wake.set()

    async def run(self) -> None:
        """Finishes what an earlier process left, then takes commands for ever."""
        async with asyncio.TaskGroup() as group:
            for entry in await self._journal.open(self._now()):
                group.create_task(self._conduct(entry), name=f"command-{entry.id:x}")
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._came:
                    payload, done = self._came[0]
                    try:
                        await self._admit(payload, group)
                    except StoreError as error:
                        self.counters["not_journaled"] += 1
                        log.warning("command_not_journaled", error=type(error).__name__)
                    self._came.popleft()
                    done()

    async def _admit(self, payload: bytes, group: asyncio.TaskGroup) -> None:
        try:
            command = read_signed(read_command, self._topic, payload, self._keys)
        except InputError as error:
            self.counters["bad"] += 1
            log.warning("command_refused", error=type(error).__name__)
            return
        if not 0 < command.counter < 1 << 63:
            self.counters["bad"] += 1
            return
        kind = self._kinds.get(command.kind)
        safe = kind is not None and kind.safe
        reason = judge(command, self._clock.wall_us(), self._clock.quality(), known=kind is not None, safe=safe)
        stage = Stage.FAILED if reason else Stage.ACCEPTED
        entry = Entry(command.id, command.counter, command.kind, command.not_after_us, command.body, stage, reason)
        admission = await self._journal.admit(entry, command.issued_us, COMMANDS_OPEN_MAX, self._now(), safe=safe)
        if not admission.again:
            self.counters[admission.entry.reason or "accepted"] += 1
            group.create_task(self._conduct(admission.entry), name=f"command-{command.id:x}")
            return
        self.counters["again"] += 1
        if admission.entry.stage.final and self._may_repeat(command.id):
            group.create_task(self._tell(admission.entry), name=f"answer-{command.id:x}")

    def _now(self) -> Now:
        return Now(self._clock.wall_us(), self._clock.quality() is not ClockQuality.UNTRUSTED)

    def _may_repeat(self, command: int) -> bool:
        """An answer is repeated at most so often, so that an old command sent a million times fills no store."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._repeated.get(command, -COMMAND_REPEAT_S) < COMMAND_REPEAT_S:
            return False
        while len(self._repeated) >= COMMANDS_KEPT_MAX:
            del self._repeated[next(iter(self._repeated))]
        self._repeated.pop(command, None)
        self._repeated[command] = now_s
        return True

    async def _conduct(self, entry: Entry) -> None:
        """One command from where the journal says it is to its last answer."""
        if entry.told < Stage.ACCEPTED and not entry.stage.final:
            await self._told(entry, Stage.ACCEPTED)
        if not entry.stage.final:
            entry = await self._execute(entry)
        await self._told(entry, entry.stage)

    async def _execute(self, entry: Entry) -> Entry:
        kind = self._kinds.get(entry.kind)
        if kind is None:
            return await self._finish(replace(entry, stage=Stage.FAILED, reason="unknown_kind"))
        async with kind.turn:
            trusted = self._clock.quality() is not ClockQuality.UNTRUSTED
            if trusted and self._clock.wall_us() > entry.not_after_us:
                return await self._finish(replace(entry, stage=Stage.FAILED, reason="expired"))
            if not await self._until_written(lambda: self._journal.running(entry)):
                return replace(entry, stage=Stage.FAILED, reason="interrupted")
            await self._told(entry, Stage.RUNNING)
            return await self._finish(await self._result(entry, kind))

    async def _result(self, entry: Entry, kind: _Registered) -> Entry:
        """Calls the handler; whatever it does becomes DONE or FAILED with a word."""
        try:
            async with asyncio.timeout(kind.timeout_s):
                result = await kind.handler(entry.body)
            reason = "result_too_large" if len(result) > COMMAND_RESULT_BYTES_MAX else ""
        except TimeoutError:
            reason, result = "timeout", b""
        except CommandFailed as error:
            reason, result = str(error), b""
        except InputError:
            reason, result = "bad_body", b""
        except ForecourtError as error:
            reason, result = "later" if error.retry is not Retry.NEVER else "refused", b""
            log.warning("command_failed", kind=entry.kind, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  a handler's mistake fails its command, not the router
            reason, result = "error", b""
            log.error("command_broke", kind=entry.kind, error=type(error).__name__)
        if not reason:
            return replace(entry, stage=Stage.DONE, result=result)
        return replace(entry, stage=Stage.FAILED, reason=reason if _WORD.fullmatch(reason) else "error")

    async def _finish(self, entry: Entry) -> Entry:
        await self._until_written(lambda: self._journal.finished(entry))
        self.counters["done" if entry.stage is Stage.DONE else "failed"] += 1
        return entry

    async def _told(self, entry: Entry, stage: Stage) -> None:
        await self._tell(replace(entry, stage=stage))
        await self._until_written(lambda: self._journal.told(entry, stage))

    async def _tell(self, entry: Entry) -> None:
        """Puts an answer into the control stream."""
        final = entry.stage.final
        reply = control_pb2.CommandReply(
            command=entry.id,
            stage=control_pb2.CommandStage.Name(entry.stage),
            reason=entry.reason if final else "",
            result=entry.result if final else b"",
        )
        record = control_pb2.ControlRecord(at_us=self._clock.wall_us(), reply=reply)
        await self._until_written(lambda: self._replies.append_control(record))

    async def _until_written(self, write: Callable[[], Awaitable[object]]) -> object:
        """The result of `write`, tried again while the disk refuses."""
        while True:
            try:
                return await write()
            except StoreError as error:
                log.warning("command_waits_for_disk", error=type(error).__name__)
                await asyncio.sleep(_AGAIN_S)
