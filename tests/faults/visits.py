"""A thousand guests, one after the other, on one car with a real authority; must never let two of them become one."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from forecourt.v1.record_pb2 import IdentityLink, Record

from gateway.cloud.audit import audit
from gateway.cloud.schema import open_beside
from gateway.guest import GuestDesk, WipeReport
from gateway.model import Event, GapReason, Purpose, Stream, ValueType, purpose_set
from tests.faults.kills import quiet
from tests.faults.oracle import Verdict, received
from tests.kit.consent_loop import Car, loop

DRIVING, LINK, CDP = Purpose.DRIVING_BEHAVIOUR, Purpose.IDENTITY_LINK, Purpose.CDP_PROFILE
EVENTS = 3
SIGNAL = ("Vehicle.Speed", ValueType.STRING, "")


@dataclass(slots=True)
class Truth:
    """What each visit was: its handle, the person who made himself known, whether the network was there."""

    handles: dict[int, int] = field(default_factory=dict)
    persons: dict[int, str] = field(default_factory=dict)
    away: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    wipes: list[WipeReport] = field(default_factory=list)


async def visits(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """So many visits: half make themselves known, every fifth is offline, every seventh says no before it ends."""
    rng, truth = random.Random(seed), Truth()
    async with loop(folder) as one:
        await one.cloud_up()
        async with one.car(subject=0) as car:
            await car.runs()
            desk = car.agent.desk
            assert desk is not None
            for number in range(1, size + 1):
                offline = number % 5 == 0
                if offline:
                    one.network.cut()
                await _visit(car, desk, number, truth, rng, offline=offline)
                if offline:
                    one.network.heal()
                    car.agent.uplink.link.hurry()
                progress(number, size)
            drained = await car.agent.drained(60)
            books = await car.agent.outbox.books()
        verdict = await asyncio.to_thread(_judge, folder / "cloud.db", truth)
    if not drained or not books.balanced or books.pending:
        verdict.unbalanced += 1
        verdict.notes.append(f"drained: {drained}, {books}")
    return verdict


async def _visit(car: Car, desk: GuestDesk, number: int, truth: Truth, rng: random.Random, *, offline: bool) -> None:
    view = await desk.open("head_unit", rng.choice(["de", "en"]))
    car.subject = truth.handles[number] = view.subject
    await desk.grant([DRIVING, LINK, CDP])
    if offline:
        truth.away.add(number)
        desk.wipe.flush_s = 0.0
    else:
        desk.wipe.flush_s = 10.0
        await car.until(lambda: car.may_leave(DRIVING, LINK))
    agent = car.agent
    at = agent.clock.wall_us(), agent.received_ms()
    kind = agent.intern_kind("drive", Stream.LIVE, purpose_set([DRIVING]), [SIGNAL])
    events = [Event(kind, view.subject, *at, (f"visit-{number}",))] * EVENTS
    if number % 2:
        truth.persons[number] = f"person-{number}"
        body = Record(link=IdentityLink(person=truth.persons[number])).SerializeToString()
        links = agent.intern_kind("identity_link", Stream.LIVE, purpose_set([LINK]))
        events.append(Event(links, view.subject, *at, body))
    await agent.append_many(events)
    if number % 7 == 0:
        truth.refused.add(number)
        await desk.withdraw([DRIVING])
    truth.wipes.append(await desk.end())


def _judge(path: Path, truth: Truth) -> Verdict:
    """Whose rows they are, and who is joined to what; counted from the cloud's own tables."""
    verdict = Verdict()
    db = open_beside(path)
    try:
        rows = db.execute("select subject, v0 from effect where v0 is not null").fetchall()
        joined = db.execute("select subject, person from identity_link where unlinked_us is null").fetchall()
        streams, held = audit(db, "car-1"), received(db, "car-1")
        wiped = db.execute(
            "select coalesce(sum(last - first + 1), 0) from gap where reason = ?", (int(GapReason.WIPED),)
        )
        (gaps,) = wiped.fetchone()
    finally:
        db.close()
    of_subject, of_visit = defaultdict(set), defaultdict(set)
    for subject, text in rows:
        number = int(str(text).removeprefix("visit-"))
        of_subject[subject].add(number)
        of_visit[number].add(subject)
    merged = sum(len(some) > 1 for some in (*of_subject.values(), *of_visit.values()))
    merged += sum(truth.handles[number] not in some for number, some in of_visit.items())
    owner = {handle: number for number, handle in truth.handles.items()}
    false_links = sum(truth.persons.get(owner[subject]) != person for subject, person in joined)
    leaked = sum(number in truth.away or number in truth.refused for number in of_visit)
    never = sum(
        part.size
        for s in streams
        for missing in s.missing
        for part in held[s.key.epoch, s.key.stream].missing(*missing)
    )
    known = sum(number not in truth.away for number in truth.persons)
    traces = sum(report.canaries_found for report in truth.wipes)
    verdict.effects, verdict.duplicates = sum(s.effects for s in streams), sum(s.duplicates for s in streams)
    verdict.explained = sum(s.gaps for s in streams)
    verdict.lost, verdict.unexplained = merged + false_links + leaked + traces, never
    slowest = max(report.seconds for report in truth.wipes)
    verdict.summary = (
        f"{len(truth.handles):,} visits on one car, {len(joined):,} of {known:,} joined to a person: {merged} of two "
        f"guests, {false_links} false merges; {len(truth.away)} without a network and {len(truth.refused)} with a no: "
        f"{leaked} of them left anything ({gaps} numbers explained as wiped); {traces} traces in "
        f"{sum(report.bytes_scanned for report in truth.wipes) / 1e9:.1f} GB searched, slowest wipe {slowest:.2f} s; "
        f"unexplained {never}; the books {'balance' if verdict.good else 'OR A PROMISE BROKE'}"
    )
    return verdict
