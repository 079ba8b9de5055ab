"""Guests with profiles, one after the other in one car that is killed within each wipe; must never ask the device
whether something is left: its files, its log, the broker and the databroker's leaves are searched from outside.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.cloud.schema import open_beside
from gateway.flow.revocation import Step
from gateway.guest.wipe import WipeStep
from gateway.model import Books
from gateway.profile import Value
from simulators.witness import Mark
from tests.faults.kills import quiet
from tests.faults.oracle import Verdict
from tests.faults.wipe_guests import FAMILIES, Found, Guest
from tests.faults.wipe_rig import DEVICE, Rig, body, rig
from tests.faults.wipe_scan import canaries, files_of, found_in, keys_of, on_the_wire
from tests.kit.databrokers import until
from tests.kit.profile_loop import authority_of

END: Final = ("", *(step.value for step in WipeStep if step is not WipeStep.DONE))
NO: Final = ("", *(step.value for step in Step if step is not Step.DONE))
"""Behind which step the kill comes, at a random time before the next; "": before the first."""
EARLY: Final = 0.3
"""How likely the kill is to come before a word is on the disk, for what each step is."""
BETWEEN: Final = 0.4
"""How many of the kills come between two steps instead of at any time; a no is over in milliseconds."""
USUAL_MS: Final = 30.0
AIR: Final = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"
CUT_AGAIN: Final = 0.25
LONG: Final = 10


async def wipes(folder: Path, size: int, seed: int, progress: Callable[[int, int], None] = quiet) -> Verdict:
    """So many kills, every fifth within a no to the profile; a quarter of the next starts is killed too."""
    values, put = await asyncio.to_thread(body)
    async with rig(folder, put) as one:
        run = _Run(one, values, random.Random(seed))
        for number in range(size):
            await run.visit(number)
            progress(number + 1, size)
        return await run.finish()


class _Run:
    def __init__(self, one: Rig, values: Mapping[str, Value], rng: random.Random) -> None:
        self._rig, self._values, self._rng = one, values, rng
        self._found = Found()
        self._lasts: defaultdict[str, list[float]] = defaultdict(list)
        self._up_ms = 300.0
        self._looked = 0
        self._air = one.unit.unit.shown()[AIR]

    async def visit(self, number: int) -> None:
        """The car lives again, the next guest comes, and it is killed while he goes."""
        guest = await self._invited(number)
        told = await self._up()
        guest.subject = told["subject"]
        self._found.guests.append(guest)
        await self._signs_in(guest)
        await self._changes(guest)
        await self._goes(guest)
        if guest.stage:  # his code is used up, though the authority may never have heard so
            await authority_of(self._rig.loop).unstage(guest.stage, DEVICE)

    async def finish(self) -> Verdict:
        """A last life, in which everything leaves that may, then the verdict on all."""
        found, one = self._found, self._rig
        await self._up()
        one.order(drain=True)
        told = await one.must("drained")
        await one.gone()
        await one.loop.heard.mark()
        await self._arrived()
        self._listen()
        everything = await asyncio.to_thread(self._places, 0)
        needles = canaries(FAMILIES) + [raw for guest in found.guests for raw in (*guest.keys, guest.code.encode())]
        await self._search("at the end", needles, everything)
        verdict = Verdict(lost=found.traces + found.leaked, unexplained=len(found.faults), notes=found.faults)
        if not told["drained"] or not Books(**told["books"]).balanced or told["books"]["pending"]:
            verdict.unbalanced += 1
            verdict.notes.append(f"drained: {told['drained']}, {told['books']}")
        if len(found.guests) >= LONG and not found_in(canaries(guest.marker for guest in found.guests), everything):
            found.faults.append("no event of a guest was ever heard: nothing is proven of those that were not")
        verdict.unexplained = len(found.faults)
        verdict.summary = found.line(verdict.good)
        return verdict

    # One visit

    async def _invited(self, number: int) -> Guest:
        authority = authority_of(self._rig.loop)
        values = dict(self._values) | {
            "home.address": f"Canary-Allee {number:04}",
            "home.latitude": 52.0 + self._rng.random(),
            "home.longitude": 13.0 + self._rng.random(),
            "radio.presets": (f"canary-fm-{number:04}", f"canary-dab-{number:04}"),
        }
        guest = Guest(number, values, f"Canary-Gasse {number:04}")
        guest.profile = await authority.new()
        await authority.set(guest.profile, values)
        return guest

    async def _signs_in(self, guest: Guest) -> None:
        one, authority = self._rig, authority_of(self._rig.loop)
        if guest.kind == "staged":
            guest.code, guest.stage = await authority.stage(guest.profile, DEVICE, lease_s=3_600)
            one.order(staged=True)
            await one.must("staged")
            one.loop.network.cut()
        else:
            guest.code = await authority.code(guest.profile)
        one.order(code=guest.code, staged=False)
        await one.must("applied")
        if guest.kind == "offline":
            one.loop.network.cut()

    async def _changes(self, guest: Guest) -> None:
        one, knob = self._rig, guest.number % 2 == 0
        if found_in(canaries([guest.values["home.address"]]), one.leaves()) == []:
            self._found.faults.append(f"visit {guest.number}: the search does not find what is there")
        if knob:
            one.unit.turn(AIR, 24.0 if one.unit.unit.shown()[AIR] != 24.0 else 19.0)
        one.order(marker=guest.marker, address=guest.address, edits=1 + knob)
        await one.must("edited")
        guest.keys = await asyncio.to_thread(keys_of, one.store, guest.subject)
        if not guest.keys:
            self._found.faults.append(f"visit {guest.number}: no key of the visit is known")

    async def _goes(self, guest: Guest) -> None:
        one = self._rig
        cuts = NO if guest.says_no else END
        (cut,) = self._rng.choices(cuts, [EARLY, *[1.0] * (len(cuts) - 1)])
        usual = self._lasts[cut] or [USUAL_MS]
        between = bool(cut) and self._rng.random() < BETWEEN
        die_ms = 0.0 if between else self._rng.uniform(0.0, sum(usual) / len(usual))
        one.order(cut=cut, die_ms=die_ms, withdraw=guest.says_no)
        await one.must("leaving")
        await one.hear("never")
        guest.steps = [name for name, _ in one.steps]
        for (name, ms), (_, next_ms) in zip([("", 0.0), *one.steps], one.steps, strict=False):
            self._lasts[name].append(next_ms - ms)
        self._found.last[("no:" if guest.says_no else "") + (guest.steps[-1] if guest.steps else "begun")] += 1

    # The next life

    async def _up(self) -> dict[str, Any]:
        """The car lives again; what the kill left is finished before a new visit is there. What it told of that."""
        one, before = self._rig, self._found.guests[-1] if self._found.guests else None
        one.loop.network.heal()
        if before is not None and self._rng.random() < CUT_AGAIN:
            self._found.cut_again += 1
            await one.start(self._rng.uniform(1.0, self._up_ms))
            if await one.hear("open") is not None:
                one.order(idle=True)
                await one.hear("never")
        await one.start()
        told = await one.must("open")
        if before is None:
            one.order()
        else:
            before.after = (await one.loop.heard.mark()).at
            await self._opened(before, told)
        told = await one.must("visit")
        self._up_ms = told["ms"]
        self._found.slowest_ms = max(self._found.slowest_ms, self._up_ms)
        if before is not None:
            await self._gone(before)
        return told

    async def _opened(self, guest: Guest, told: Mapping[str, Any]) -> None:
        """Its rooms are open and nothing runs yet."""
        one = self._rig
        rows = await asyncio.to_thread(_rows, one.store / "store.db")
        kept = rows or told["document"]
        visiting = bool(told["visiting"])
        guest.again = not guest.durable and (bool(kept) if guest.says_no else visiting)
        if guest.durable and kept:
            self._fault(guest, "the profile was taken up again")
        if visiting is not (guest.says_no or guest.again):
            self._fault(guest, "the visit is open again" if visiting else "the visit is gone")
        if not visiting and guest.keys and await asyncio.to_thread(keys_of, one.store, guest.subject) != []:
            self._fault(guest, "its keys are in the keyring")
        needles = guest.needles() if not visiting else canaries([*guest.values.values(), guest.address, guest.code])
        await self._search(f"visit {guest.number}, rooms open", needles, await asyncio.to_thread(self._places))
        one.order(withdraw=guest.says_no and guest.again)
        if visiting:
            await one.must("resumed")
            if guest.says_no:
                await self._emptied(guest)
            one.order()

    async def _emptied(self, guest: Guest) -> None:
        """The visit goes on without a profile: soon nothing of it is on a leaf."""
        needles = canaries(guest.values.values())
        try:
            await until(lambda: not found_in(needles, self._rig.leaves()))
        except TimeoutError:
            self._fault(guest, "after a no the leaves still show the profile")

    async def _gone(self, guest: Guest) -> None:
        """A new visit is open: whatever is left now is left to somebody else."""
        one = self._rig
        if await asyncio.to_thread(_rows, one.store / "store.db"):
            self._fault(guest, "a new visit found a profile")
        if await asyncio.to_thread((one.store / "cabin.json").exists):
            self._fault(guest, "a new visit found what the cabin had to remember")
        if one.unit.unit.shown()[AIR] != self._air:
            self._fault(guest, "a new visit found the climate of the one before")
        places = {**one.leaves(), **await asyncio.to_thread(files_of, one.store)}
        needles = guest.needles() + canaries([guest.marker])
        await self._search(f"visit {guest.number}, the next one open", needles, places)

    def _places(self, since: int | None = None) -> dict[str, bytes]:
        """Store with keyring, log, the broker's folder and log, and what was heard since the last look."""
        loop = self._rig.loop
        wire = on_the_wire(loop.heard, self._looked if since is None else since)
        self._looked = len(loop.heard.heard)
        files = files_of(self._rig.store, loop.broker.folder)
        return {**files, "log": self._rig.log.read_bytes(), "broker": loop.broker.text.encode(), **wire}

    async def _search(self, when: str, needles: list[bytes], places: Mapping[str, bytes]) -> None:
        found = await asyncio.to_thread(found_in, needles, places)
        self._found.searched += sum(map(len, places.values()))
        self._found.traces += len(found)
        self._found.faults += [f"{when}: {', '.join(found[:5])}"] if found else []

    # What left

    def _listen(self) -> None:
        """No event about a guest was heard after the kill, and of those without a network none at all."""
        found, heard = self._found, self._rig.loop.heard
        every = list(heard.events())
        found.heard = len(every)
        for guest in self._found.guests:
            if guest.again:
                continue
            late = heard.events(Mark(guest.after), DEVICE)
            events = [one for one in late if one.subject == guest.subject and guest.over(one.purposes)]
            if guest.kind != "online" and not guest.says_no:
                events += [one for one in every if guest.marker in one.values.values()]
            found.leaked += len(events)
            if events:
                self._fault(guest, f"{len(events)} events left, the first is number {events[0].seq}")

    async def _arrived(self) -> None:
        """What a guest changed without a network, and what was wiped with his visit, is not in his profile."""
        for guest in self._found.guests:
            values = (await authority_of(self._rig.loop).show(guest.profile)).values
            if guest.kind != "online" and not guest.again and values != guest.values:
                self._fault(guest, "his wiped changes arrived")

    def _fault(self, guest: Guest, what: str) -> None:
        how = f"{guest.kind}, {'a no' if guest.says_no else 'an end'}, steps {' '.join(guest.steps) or 'none'}"
        self._found.faults.append(f"visit {guest.number} ({how}): {what}")


def _rows(path: Path) -> int:
    """Profiles of visits that lie in a store."""
    db = open_beside(path)
    try:
        return int(db.execute("select count(*) from profile_visit").fetchone()[0])
    finally:
        db.close()
