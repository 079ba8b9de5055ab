"""What a whole site costs with its hall full: frames in, positions, zones, doubles, ways and views out; one process.

The core as it runs, without broker, signatures and disk: 200 guests with a tag among 20 hubs that each tell twice a
second of everybody they hear. The locator alone is in `positions`; here is everything that a step concludes.
"""

import asyncio
import time

import numpy as np
from forecourt.v1 import showroom_pb2

from benchmarks.figures import Entry, Row, Run, Samples
from gateway.clock import BUILD_TIME_US
from gateway.model import Purpose, purpose_set
from showroom_agent.locator import Locator
from showroom_agent.match import Catalogue
from showroom_agent.plan import read_floor, read_site
from showroom_agent.site import SiteCore, SiteParts
from showroom_agent.site.spoof import Places
from simulators.world import Air, Place, SimHubs
from tests.kit.floors import hub, polygon, rectangle

GUESTS, HUBS, STEP_S, WARM_STEPS, STEPS = 200, 20, 0.5, 24, 8
ARRIVALS = 8
"""They come one after the other in so many steps: what a tag does now and then is not due for all at once."""
EXTENT = 40, 30


def parts() -> SiteParts:
    """A hall of 40 m x 30 m with twenty hubs and four zones, not surveyed."""
    features = [hub(f"h{n}", 4 + n % 5 * 8.0, 4 + n // 5 * 7.0) for n in range(HUBS)]
    corners = [(0, 0), (20, 0), (0, 15), (20, 15)]
    features += [polygon("zone", f"z{n}", rectangle(x, y, x + 20, y + 15)) for n, (x, y) in enumerate(corners)]
    document = {"properties": {"extent_m": [0, 0, *EXTENT]}, "features": features}
    site = read_site(document)
    locator = Locator(site)
    return SiteParts(read_floor(document, site), locator, Catalogue({}, {}), Places(locator), b"")


def share(quick: bool) -> tuple[float, float]:
    """Share of a core that the steps take, and the longest step in seconds, all walking."""
    made, guests = parts(), GUESTS // 10 if quick else GUESTS
    core, sky = SiteCore(made, BUILD_TIME_US), SimHubs(Air(made.floor.site, 1), 7)
    rng = np.random.default_rng(1)
    at, way = rng.uniform((2, 2), (38, 28), (guests, 2)), rng.uniform(0, 2 * np.pi, guests)
    spent_s, longest_s = 0.0, 0.0
    for step in range(1, WARM_STEPS + STEPS + 1):
        for number in range(step - 1, guests, ARRIVALS) if step <= ARRIVALS else ():
            hello = showroom_pb2.GuestHello(tag=f"g{number}", language="en")
            core.request(0, number + 1, showroom_pb2.GuestRequest(hello=hello))
            core.allow(number + 1, purpose_set([Purpose.INDOOR_NAVIGATION]))
        at = np.clip(at + 0.4 * np.column_stack([np.cos(way), np.sin(way)]), (1, 1), (39, 29))
        way += rng.normal(0, 0.3, guests)
        tags = {f"g{number}": Place(float(x), float(y)) for number, (x, y) in enumerate(at)}
        at_ms = 1_000_000 + step * 500
        frames = list(sky.frames(at_ms / 1_000, BUILD_TIME_US + at_ms * 1_000, tags))
        begun_s = time.process_time()
        for frame in frames:
            core.frame(at_ms, frame)
        core.tick(at_ms)
        if step > WARM_STEPS:
            took_s = time.process_time() - begun_s
            spent_s, longest_s = spent_s + took_s, max(longest_s, took_s)
    return spent_s / STEPS / STEP_S * GUESTS / guests, longest_s


async def measure(run: Run) -> dict[str, float]:
    """Nothing but arithmetic."""
    found, longest_s = await asyncio.to_thread(share, run.quick)
    return {"share": found, "longest_s": longest_s}


def rows(samples: Samples) -> list[Row]:
    """Against one core."""
    found = samples.mid("share")
    told = f"longest step {samples.worst('longest_s'):.2f} s"
    return [Row(f"{GUESTS} guests x {HUBS} hubs, a whole site", f"{found:.2f} of a core", "<= 1", told, ok=found <= 1)]


ENTRY = Entry("site", "load of a whole site with its hall full", "none", measure, rows, disk=False)
