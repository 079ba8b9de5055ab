"""What the consent gate costs from agent to effect, beside a gate that passes all; must never gate less than an agent.

The real gate stands at both ends: the device holds records of the consent authority, whose leases end, so that it also
reads the clock, and the cloud asks again before a batch has an effect. Both sides seal, sign and send alike.
"""

import asyncio
import time
from functools import partial
from pathlib import Path

from forecourt.v1 import consent_pb2
from forecourt.v1.control_pb2 import ControlRecord

from benchmarks.e2e import Figures
from benchmarks.edge import GRANTED, SUBJECT, agent, kind_of, produce, running
from benchmarks.far_end import check
from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, at_least, at_most
from benchmarks.process import tell
from benchmarks.stage import stage
from gateway.consent import Gate, consent
from gateway.consent.notices import notice
from gateway.consent.states import ConsentState
from gateway.guest.desk import CHANGE_CONTEXT
from gateway.model import Kind, Lane, PurposeSet, Scope, Stream, purpose_set
from gateway.runtime import Agent
from gateway.wire.signing import sign

WINDOW = 10_000


class PassAll(Gate):
    """Asks nothing: a lane for whatever comes, and everything may be written and may leave."""

    def lane(self, kind: Kind, subject: int) -> Lane | None:
        """All values, all purposes."""
        try:
            return self._lanes[kind, subject]
        except AttributeError:
            self._lanes: dict[tuple[Kind, int], Lane] = {}
        except KeyError:
            pass
        key_id, key = self._keyring.obtain(subject, kind.purposes)
        assert self._dictionary is not None, "a store that is open"
        kept = self._dictionary.adopt(kind)
        self._lanes[kind, subject] = Lane(kept, subject, kind.purposes, None, key_id, key)
        return self._lanes[kind, subject]

    def may_leave(self, subject: int, purposes: PurposeSet) -> bool:
        """Yes."""
        return True

    def may_keep(self, lane: Lane) -> bool:
        """Yes."""
        return True

    def record(self, body: bytes, purposes: PurposeSet) -> bytes:
        """As it is."""
        return body


async def flood(identity: str, folder: str, broker: str, count: int, gated: bool) -> None:
    """The edge, with the one gate or the other."""
    if not gated:
        consent.Gate = PassAll  # type: ignore[attr-defined]
    async with agent(identity, folder, broker, WINDOW, authority=gated) as one, running(one):
        await one.uplink.link.wait_online()
        if gated:
            await say_yes(one)
        async with asyncio.timeout(30):
            while not one.consent.gate.may_leave(SUBJECT, purpose_set(GRANTED)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        kind = kind_of(one, Stream.BULK)
        begun_s, cpu_s = time.time(), time.process_time()
        await produce(one, kind, count)
        drained = await one.drained(120)
        tell(begun_s=begun_s, edge_cpu_s=time.process_time() - cpu_s, drained=drained)


async def say_yes(one: Agent) -> None:
    """The guest says yes on the device, which tells the authority; the grants are those that it signs."""
    changes = [
        consent_pb2.PurposeChange(
            purpose=int(purpose),  # type: ignore[arg-type]
            state=int(ConsentState.GIVEN),  # type: ignore[arg-type]
            scope=int(Scope.CLOUD),  # type: ignore[arg-type]
            notice_sha256=bytes.fromhex(notice(purpose, "en").sha256),
            language="en",
        )
        for purpose in GRANTED
    ]
    signed = partial(sign, one.identity.key, CHANGE_CONTEXT)
    tell_cloud = one.outbox.control_now
    await one.consent.widen(
        SUBJECT,
        changes,
        signed,
        consent_pb2.CONSENT_SURFACE_HEAD_UNIT,
        lambda db, change: tell_cloud(db, ControlRecord(at_us=1, consent=change)),
    )


async def side(folder: Path, count: int, gated: bool) -> Figures:
    """One run of one side."""
    name = "gate" if gated else "pass"
    async with stage(folder) as place, place.cloud(count, gated) as far_end:
        await far_end.told("ready")
        async with place.agent("benchmarks.gate:flood", count=count, gated=gated) as edge:
            ended_s = await far_end.told("ended_s")
            told = await edge.told_all()
        await far_end.go()
        await far_end.told("closed")
        if not told["drained"]:
            raise NotWholeError("receipts are missing")
        await asyncio.to_thread(check, place.db, count)
    return {name: count / (ended_s - told["begun_s"]), f"{name}_cpu": told["edge_cpu_s"] / count * 10_000}


async def measure(run: Run) -> Figures:
    """Both sides, in an order that turns with the rounds."""
    count = run.count(300_000, 150_000)
    sides = [partial(side, run.folder / str(gated), count, gated) for gated in (True, False)]
    found: Figures = {}
    for each in sides if run.number % 2 else sides[::-1]:
        found |= await each()
    return found


def rows(samples: Samples) -> list[Row]:
    """At most a tenth of the throughput."""
    what = f"agent to effect with the consent gate, window {WINDOW:,}"
    return [
        at_least(what, samples, "gate", "pass", 0.9, "events/s", "pass-all gate"),
        at_most("edge CPU s / 10,000 events", samples, "gate_cpu", "pass_cpu", 1.1, "s", "pass-all gate"),
    ]


ENTRY = Entry(
    "gate", "the consent gates of device and cloud beside a gate that passes everything, agent to effect at the cloud",
    "10,000 unreceipted events", measure, rows,
)  # fmt: skip
