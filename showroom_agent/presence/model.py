"""Whether a carrier is inside: what was learnt, and the filter that applies it step by step; must never look ahead."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gateway.errors import ConfigError
from showroom_agent.plan.geometry import Array
from showroom_agent.presence.features import RATE_S, Features
from showroom_agent.presence.phases import INSIDE, OUTSIDE, Phases
from showroom_agent.presence.softmax import probabilities

FORM = 1
_FLOOR = 1e-4
_BLIND_S = 5.0
TEMPER = 0.1
"""Weight of a step's evidence: readings of 0.1 s repeat each other."""


@dataclass(frozen=True, slots=True)
class PresenceModel:
    """For H hubs, F features, K states. `mean`, `scale`: F; `weights`: K x (F + 1); `prior`: K, sum 1."""

    hubs: tuple[str, ...]
    phases: Phases
    mean: Array
    scale: Array
    weights: Array
    prior: Array
    enter: float = 0.6
    leave: float = 0.4
    temper: float = TEMPER

    def evidence(self, features: Array) -> Array:
        """R x F to R x K: how much each state is favoured by a step, already tempered."""
        likely = probabilities((features - self.mean) / self.scale, self.weights) + _FLOOR
        likely /= likely.sum(axis=1, keepdims=True)
        tempered: Array = (likely / self.prior) ** self.temper
        return tempered

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "hubs": list(self.hubs),
            "phases": {"each": self.phases.each, "outside_s": self.phases.outside_s, "inside_s": self.phases.inside_s},
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "weights": self.weights.tolist(),
            "prior": self.prior.tolist(),
            "enter": self.enter,
            "leave": self.leave,
            "temper": self.temper,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "PresenceModel":
        """From what `document` made; raises ValueError, KeyError or TypeError for anything else."""
        arrays = {name: np.array(document[name], float) for name in ("mean", "scale", "weights", "prior")}
        hubs, phases = tuple(map(str, document["hubs"])), Phases(**document["phases"])
        width = Features(len(hubs)).count
        shapes = {"mean": (width,), "scale": (width,), "weights": (phases.count, width + 1), "prior": (phases.count,)}
        if any(arrays[name].shape != shape or not np.isfinite(arrays[name]).all() for name, shape in shapes.items()):
            raise ValueError("a table of another size")
        numbers = {name: float(document[name]) for name in ("enter", "leave", "temper")}
        if not all(0 < number <= 1 for number in numbers.values()) or (arrays["prior"] <= 0).any():
            raise ValueError("a number out of range")
        return cls(hubs, phases, arrays["mean"], arrays["scale"], arrays["weights"], arrays["prior"], **numbers)


@dataclass(frozen=True, slots=True)
class Presence:
    """`inside`: how likely; `present`: what is held, with thresholds; None when no hub hears anything: blind."""

    inside: float
    present: bool | None


class PresenceTrack:
    """One carrier: a call to `step` for each RATE_S."""

    def __init__(self, model: PresenceModel) -> None:
        """Nothing is known yet."""
        self._model = model
        self._features = Features(len(model.hubs))
        self._transition = model.phases.transition()
        self._inside = model.phases.inside
        self._belief = model.prior.copy()
        self._held: bool | None = None
        self._silent_s = 0.0

    def step(self, levels: Array, listening: bool = True) -> Presence:
        """`levels`: dBm of each hub in this step, NaN where it heard nothing. `listening`: any hub works.

        A carrier that no working hub has heard for seconds is absent; with no hub at work nobody knows.
        """
        heard = not bool(np.isnan(levels).all())
        self._silent_s = 0.0 if heard else self._silent_s + RATE_S
        self._belief = self._belief @ self._transition
        features = self._features.step(levels)
        if self._silent_s < _BLIND_S:
            self._belief *= self._model.evidence(features[np.newaxis])[0]
            self._belief /= self._belief.sum()
        inside = float(self._belief[self._inside].sum())
        if self._held is None:
            self._held = inside > 0.5
        elif self._held and inside < self._model.leave:
            self._held = False
        elif not self._held and inside > self._model.enter:
            self._held = True
        return Presence(inside, self._held if listening and self._silent_s < _BLIND_S else None)


def save_models(path: Path, models: Mapping[str, PresenceModel]) -> None:
    """Writes the models of each kind of carrier; raises OSError."""
    document = {"form": FORM, "rate_s": RATE_S, "carriers": {name: one.document() for name, one in models.items()}}
    path.write_text(json.dumps(document), "utf-8")


def load_models(path: Path) -> dict[str, PresenceModel]:
    """What `save_models` wrote; raises ConfigError."""
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["form"] != FORM or document["rate_s"] != RATE_S:
            raise ConfigError(f"{path}: a model of another version; train it again")
        return {str(name): PresenceModel.of(one) for name, one in document["carriers"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: is not a presence model ({type(error).__name__}); train-presence makes one"
        ) from None


def grid_of(times_s: Sequence[float], hubs: Sequence[int], levels: Sequence[float], count: int) -> tuple[float, Array]:
    """Readings as T x H steps of RATE_S, NaN where nothing was heard, and the time of the first step."""
    if not times_s:
        return 0.0, np.full((0, count), np.nan)
    begin = math.floor(times_s[0] / RATE_S) * RATE_S
    places = np.round((np.array(times_s) - begin) / RATE_S).astype(int)
    table = np.full((int(places.max()) + 1, count), np.nan)
    table[places, list(hubs)] = levels
    return begin, table


__all__ = ["INSIDE", "OUTSIDE", "Presence", "PresenceModel", "PresenceTrack", "grid_of", "load_models", "save_models"]
