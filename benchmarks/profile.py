"""Which edit of a profile survives: ours beside wall clocks and the order of arrival; must never favour a side.

Three devices, six edits, a quarter of them made offline: the share of runs in which the guest's last wish was lost.
"""

import asyncio

from benchmarks.figures import Entry, Row, Run, Samples
from benchmarks.profile_world import DEVICES, EDITS, Trouble, survives

TROUBLES = (
    Trouble("60 s, edits 10 min apart", 60, 600),
    Trouble("5 min, edits 10 min apart", 300, 600),
    Trouble("1 h, edits 1 h apart", 3_600, 3_600),
    Trouble("30 days, edits 1 h apart", 30 * 86_400, 3_600),
    Trouble("1 h, restarts, dates forgotten, clocks set", 3_600, 3_600, restarts=True),
)
SIDES = ("ours", "hlc", "wall", "arrival")
GOAL_PERCENT = 0.5
RUNS, RUNS_QUICK = 4_000, 1_000


def figures(seed: int, runs: int) -> dict[str, float]:
    """Percent lost by trouble and side."""
    found: dict[str, float] = {}
    for trouble in TROUBLES:
        lost = survives(seed, trouble, runs)
        found |= {f"{trouble.name}: {side}": lost.share(side) for side in SIDES}
        found[f"{trouble.name}: offline"] = 100 * lost.offline / lost.edits
    return found


async def measure(run: Run) -> dict[str, float]:
    """Nothing but arithmetic; each round has its own seed."""
    return await asyncio.to_thread(figures, run.number, run.count(RUNS, RUNS_QUICK))


def rows(samples: Samples) -> list[Row]:
    """Each trouble: ours against the goal, the others beside it. The worst round of ours counts.

    Where dates are forgotten nothing is promised: a device that shows 1970 and restarts again keeps no trace of when.
    """
    found = []
    for trouble in TROUBLES:
        ours, hlc, wall, arrival = (f"{trouble.name}: {side}" for side in SIDES)
        beside = (
            f"order of arrival {samples.mid(arrival):.1f} %, wall clock {samples.mid(wall):.1f} %, "
            f"hybrid clock alone {samples.mid(hlc):.1f} %"
        )
        worst = samples.worst(ours)
        told = f"{samples.mid(ours):.2f} %, worst round {worst:.2f} %"
        goal = "" if trouble.restarts else f"< {GOAL_PERCENT:g} %"
        ok = None if trouble.restarts else worst < GOAL_PERCENT
        found.append(Row(f"last edit lost, clocks wrong by {trouble.name}", told, goal, beside, ok=ok))
    return found


ENTRY = Entry(
    "profile", "which edit of a profile survives, beside wall clocks and the order of arrival",
    f"{DEVICES} devices, {EDITS} edits, a quarter offline", measure, rows, disk=False,
)  # fmt: skip
