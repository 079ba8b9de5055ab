"""Learns presence from labelled runs and judges it on runs it has not seen; must never judge a run by itself."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gateway.errors import ConfigError
from showroom_agent.plan.geometry import Array, Mask
from showroom_agent.plan.readings import load_readings
from showroom_agent.plan.site import Site
from showroom_agent.presence.features import RATE_S, Features
from showroom_agent.presence.measure import Measure, measure, together
from showroom_agent.presence.model import PresenceModel, grid_of
from showroom_agent.presence.phases import Phases
from showroom_agent.presence.softmax import fit

PENALTY = 50.0
_STRIDE = 4
_PASSAGES_MIN = 8
_STAY_S = 20.0
# Thresholds that are tried; the first are those of a model. Wider apart: fewer flips, more delay.
FRONTIER = ((0.6, 0.4), (0.5, 0.5), (0.7, 0.3), (0.8, 0.2), (0.9, 0.1), (0.97, 0.03))


@dataclass(frozen=True, slots=True)
class Run:
    """T steps of a labelled run. `features`: T x F; `inside`: T."""

    name: str
    features: Array
    inside: Mask


@dataclass(frozen=True, slots=True)
class Judged:
    """What a carrier's model is worth on runs it has not seen, at each pair of thresholds."""

    carrier: str
    how: str
    runs: Mapping[str, Measure]
    frontier: tuple[tuple[tuple[float, float], Measure], ...]


def load_run(folder: Path, name: str, site: Site, outside: str) -> Run:
    """A recording with its truth `t_s,zone`; every zone but `outside` counts as inside. Raises ConfigError."""
    readings, _ = load_readings(folder / "tracks" / f"{name}.sightings.csv", site)
    if not readings:
        raise ConfigError(f"run {name}: no hub of the plan heard anything")
    begin, levels = grid_of(
        [one.t_s for one in readings], [one.hub for one in readings], [one.rssi_dbm for one in readings], len(site.hubs)
    )
    changes = _truth(folder / "tracks" / f"{name}.truth.csv")
    times = begin + np.arange(len(levels)) * RATE_S
    place = np.searchsorted([at for at, _ in changes], times + 1e-9, side="right") - 1
    zones = [zone != outside for _, zone in changes]
    inside = np.array([zones[max(index, 0)] for index in place])
    made = Features(len(site.hubs))
    return Run(name, np.array([made.step(row) for row in levels]), inside)


def train(hubs: Sequence[str], runs: Sequence[Run]) -> PresenceModel:
    """A model of all these runs; phases of a passage only where there are passages enough to learn them from."""
    passages = sum(int((run.inside[1:] != run.inside[:-1]).sum()) for run in runs)
    if not passages:
        raise ConfigError("no run goes in or out: there is nothing to learn from")
    phases = replace(_stays(runs), each=2 if passages >= _PASSAGES_MIN else 0)
    rows = np.vstack([run.features for run in runs])[::_STRIDE]
    labels = np.concatenate([phases.label(run.inside) for run in runs])[::_STRIDE]
    counts = np.bincount(labels, minlength=phases.count)
    importance = 1.0 / np.sqrt(np.maximum(counts, 1))[labels]
    importance /= importance.mean()
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    weights = fit((rows - mean) / scale, labels, phases.count, importance, PENALTY)
    prior = np.bincount(labels, weights=importance, minlength=phases.count) + 1e-3
    return PresenceModel(tuple(hubs), phases, mean, scale, weights, prior / prior.sum())


def judge(
    hubs: Sequence[str], carrier: str, runs: Sequence[Run], progress: Callable[[float], None] = lambda _: None
) -> Judged:
    """Leaves one run out at a time; a single run is cut into halves that learn from each other."""
    how = "leave one run out" if len(runs) > 1 else "one run in halves, each judged by the other"
    pairs = list(_left_out(runs) if len(runs) > 1 else _halves(runs[0]))
    measures: dict[tuple[float, float], dict[str, Measure]] = defaultdict(dict)
    for number, (name, others, own) in enumerate(pairs):
        likely = follow(train(hubs, others), own.features)
        for thresholds in FRONTIER:
            measures[thresholds][name] = measure(hold(likely, *thresholds), own.inside)
        progress((number + 1) / len(pairs))
    frontier = tuple((thresholds, together(list(found.values()))) for thresholds, found in measures.items())
    return Judged(carrier, how, measures[FRONTIER[0]], frontier)


def follow(model: PresenceModel, features: Array) -> Array:
    """T: how likely it is inside at each step, by what came before; the filter of PresenceTrack over a whole run."""
    evidence, transition = model.evidence(features), model.phases.transition()
    belief, inside = model.prior.copy(), model.phases.inside
    found = np.empty(len(features))
    for step, row in enumerate(evidence):
        belief = (belief @ transition) * row
        belief /= belief.sum()
        found[step] = belief[inside].sum()
    return found


def hold(likely: Array, enter: float, leave: float) -> Mask:
    """What is held at each step, as PresenceTrack holds it."""
    held, found = bool(likely[0] > 0.5), np.empty(len(likely), bool)
    for step, inside in enumerate(likely):
        if held and inside < leave:
            held = False
        elif not held and inside > enter:
            held = True
        found[step] = held
    return found


def _left_out(runs: Sequence[Run]) -> Iterator[tuple[str, list[Run], Run]]:
    for own in runs:
        yield own.name, [run for run in runs if run is not own], own


def _halves(run: Run) -> Iterator[tuple[str, list[Run], Run]]:
    middle = len(run.inside) // 2
    first = Run(f"{run.name} (1)", run.features[:middle], run.inside[:middle])
    second = Run(f"{run.name} (2)", run.features[middle:], run.inside[middle:])
    yield first.name, [second], first
    yield second.name, [first], second


def _stays(runs: Sequence[Run]) -> Phases:
    """How long one stays outside and inside on the mean; with one stay of 20 s added, for runs with few passages."""
    steps, stays = [0.0, 0.0], [0, 0]
    for run in runs:
        cuts = np.nonzero(run.inside[1:] != run.inside[:-1])[0] + 1
        for part in np.split(run.inside, cuts):
            steps[int(part[0])] += len(part) * RATE_S
            stays[int(part[0])] += 1
    outside_s, inside_s = ((seconds + _STAY_S) / (count + 1) for seconds, count in zip(steps, stays, strict=True))
    return Phases(0, outside_s, inside_s)


def _truth(path: Path) -> list[tuple[float, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            changes = sorted((float(row["t_s"]), row["zone"].strip()) for row in csv.DictReader(file))
    except FileNotFoundError:
        raise ConfigError(f"{path}: to learn, a run needs its truth, t_s,zone") from None
    except (OSError, KeyError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as t_s,zone ({type(error).__name__})") from None
    if not changes:
        raise ConfigError(f"{path}: is empty")
    return changes
