"""A head unit that only listens: a thousand signals at 1 Hz, beside a bare reader; must never leave the outbox out."""

import asyncio
import time

from benchmarks.figures import Entry, NotWholeError, Row, Run, Samples, bound
from benchmarks.process import gone, party, tell
from benchmarks.stage import stage
from simulators.databroker import Catalogue, Databroker, Leaf

SIGNALS = 1_000
PER_EVENT = 50
SLICES = 10
PATHS = [f"Vehicle.Exterior.Bench.S{i:04}" for i in range(SIGNALS)]
READ_SHARE_MIN = 0.95
Figures = dict[str, float]


def plan_text() -> str:
    """Twenty events of fifty signals, each taken once a second."""
    events = []
    for begin in range(0, SIGNALS, PER_EVENT):
        paths = ", ".join(f'"{path}"' for path in PATHS[begin : begin + PER_EVENT])
        events.append(
            f'[[event]]\nname = "bench_{begin}"\nsignals = [{paths}]\nrate_hz = 1.0\npurposes = ["driving_behaviour"]\n'
        )
    return "\n".join(events)


async def databroker() -> None:
    """Publishes every signal once a second, a tenth of them each 100 ms, once somebody reads."""
    async with Databroker(Catalogue.of([Leaf(path, "float") for path in PATHS])) as broker:
        tell(address=broker.address)
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(_publish(broker), name="publish")
            await gone()
            publishing.cancel()


async def _publish(broker: Databroker) -> None:
    await broker.wait_subscribed()
    loop = asyncio.get_running_loop()
    begun_s, turn = loop.time(), 0
    while True:
        now_us = time.time_ns() // 1_000
        refused = broker.publish(
            [(path, (turn + i) % 997 / 8, now_us) for i, path in enumerate(PATHS[turn % SLICES :: SLICES])]
        )
        assert not refused, refused[:3]
        turn += 1
        await asyncio.sleep(max(0.0, begun_s + turn / SLICES - loop.time()))


async def measure(run: Run) -> Figures:
    """The head unit, then the bare reader."""
    seconds = 10.0 if run.quick else 30.0
    plan = run.folder / "plan.toml"
    await asyncio.to_thread(plan.write_text, plan_text(), "utf-8")
    async with party("benchmarks.idle:databroker") as vehicle:
        address = await vehicle.told("address")
        async with stage(run.folder / "idle") as place, place.cloud(0) as far_end:
            await far_end.told("ready")
            target = "benchmarks.head_unit:unit"
            async with place.agent(target, databroker=address, plan=str(plan), seconds=seconds) as edge:
                ours = await edge.told_all()
            await far_end.go()
            events = await far_end.told("events")
    async with party("benchmarks.idle:databroker") as vehicle:
        address = await vehicle.told("address")
        async with party("benchmarks.rivals.kuksa:reader", databroker=address, seconds=seconds, paths=PATHS) as bare:
            stub = await bare.told_all()
    wanted = SIGNALS / PER_EVENT * seconds * READ_SHARE_MIN
    if ours["missing"] or events < wanted:
        raise NotWholeError(f"{events} events reached the cloud of {wanted:.0f}; {ours}")
    return {"cpu": ours["cpu"], "rss": ours["rss"], "stub_cpu": stub["cpu"], "stub_rss": stub["rss"], "events": events}


def rows(samples: Samples) -> list[Row]:
    """With broker and cloud connected, every second's events durable and sent."""
    what = f"head unit, {SIGNALS:,} signals at 1 Hz"
    return [
        bound(f"{what}: share of a core", samples.mid("cpu"), 5, "%", beside=f"stub {samples.mid('stub_cpu'):.2f}"),
        bound(f"{what}: resident", samples.mid("rss"), 70, "MB", beside=f"stub {samples.mid('stub_rss'):.0f}"),
    ]


ENTRY = Entry(
    "idle", f"a vehicle agent with {SIGNALS:,} signals at 1 Hz, beside a KUKSA stub that only reads", "not full",
    measure, rows, disk=False,
)  # fmt: skip
