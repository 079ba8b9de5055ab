"""Whether a hub still hears tags that rest as it did before; must never take a car that was moved for a moved hub.

Between a hub and a tag that rests the level is the same for hours, but for people who stand between and take some of
it away. So each LOOK_S has a mean, and of those of LATELY_S a high quantile counts, in which nobody stood there. A car
that is moved, or a battery that runs down, changes the levels of its tag at all hubs; a hub that is moved, turned or
covered changes the levels of all tags at this hub. So the changes of a table of tags and hubs are freed of what hubs
share of a tag, and what is left of a hub is judged: as squares in units of PASSING_DB, each of them bounded, so that no
single tag decides.

No position is needed and none is used, so that nothing of it feeds back into the locator or depends on it.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gateway.errors import InputError
from showroom_agent.plan.geometry import Array

LOOK_S: Final = 10.0
LATELY_S: Final = 240.0
BLOCKS: Final = round(LATELY_S / LOOK_S)
BLOCKS_LEAST: Final = 6
QUANTILE: Final = 0.9
USUAL_S: Final = 3_600.0
"""The memory of how it was."""
WARM_S: Final = 300.0
"""So long a tag is listened to before anything is concluded from it."""
LASTING_S: Final = 180.0
"""So long it has to be otherwise."""
ENDING_S: Final = 300.0
FAINT_DBM: Final = -92.0
"""Below this one is as good as not heard: levels count as no fainter."""
PASSING_DB: Final = 2.5
SQUARE_MAX: Final = 9.0
SCORE: Final = 2.0
"""Mean square, each bounded by SQUARE_MAX, from which on a hub hears otherwise; half of it ends that."""
OTHERS, OTHERS_TIMES = 1.0, 4.0
"""It has to be more than this and so many times what it is at the hub in the middle of all."""
CLEAR_DB: Final = 5.0
TAGS_LEAST: Final = 3
CLEAR_LEAST: Final = 2
"""Tags that have to differ by CLEAR_DB."""
ROW_DB: Final = 4.0
ROW_SHARE: Final = 0.4
"""A tag that so many of its hubs hear otherwise by ROW_DB was moved itself, and is learnt anew."""
_FORM: Final = 1
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Otherwise:
    """How a hub hears otherwise. `tags`: how many of `known` tags clearly; `most_db`: the largest change of one."""

    tags: int
    known: int
    most_db: float


class MovedWatch:
    """The hubs of a site and tags that rest, each by its number. Times are seconds on one clock and do not go back."""

    def __init__(self, tags: int, hubs: int) -> None:
        """Nothing is known; H hubs and T tags."""
        shape = tags, hubs
        self._sum, self._count = np.zeros(shape), np.zeros(shape)
        self._blocks = np.full((BLOCKS, *shape), np.nan)
        self._place = 0
        self._usual = np.zeros(shape)
        self._looks = np.zeros(shape)
        """Of how many looks the usual levels are a mean."""
        self._looked_s = -math.inf
        self._since_s, self._well_s = np.full(hubs, math.inf), np.full(hubs, -math.inf)
        self._suspect = np.zeros(hubs, bool)
        self.moved: dict[int, Otherwise] = {}
        """Hubs that hear otherwise than they did."""

    def heard(self, tag: int, hub: int, mean_dbm: float, adverts: int) -> None:
        """A hub heard a tag that rests."""
        self._sum[tag, hub] += mean_dbm * adverts
        self._count[tag, hub] += adverts

    def usual(self) -> dict[str, Any]:
        """How it was, as JSON can say it, for `restore` in another run."""
        tables = self._usual.round(2).tolist(), self._looks.tolist()
        return {"form": _FORM, "tables": tables}

    def restore(self, said: Any) -> None:
        """How it was in an earlier run, of the same tags and hubs in the same order. Raises InputError for else."""
        try:
            tables = np.array(said["tables"], float) if said["form"] == _FORM else np.zeros(0)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("that is not how hubs heard tags") from error
        if tables.shape != (2, *self._usual.shape) or not np.isfinite(tables).all() or (tables[1] < 0).any():
            raise InputError("that is how other hubs heard other tags")
        self._usual, self._looks = tables[0], np.minimum(tables[1], USUAL_S / LOOK_S)

    def step(self, now_s: float, deaf: Collection[int] = ()) -> bool:
        """Whether `moved` has changed; looks each LOOK_S. `deaf`: hubs that do not listen now."""
        if self._looked_s == -math.inf:
            self._looked_s = now_s
        if now_s - self._looked_s < LOOK_S or not self._sum.size:
            return False
        self._looked_s = now_s
        listens = np.ones(self._sum.shape[1], bool)
        listens[list(deaf)] = False
        apart, known = self._learn(self._now(listens))
        judged = np.nonzero(np.sum(known, axis=0) >= TAGS_LEAST)[0]
        if not judged.size:
            return False
        square = np.where(known, np.minimum((apart / PASSING_DB) ** 2, SQUARE_MAX), 0.0)
        scores = square.sum(axis=0)[judged] / np.sum(known, axis=0)[judged]
        # What people do to all hubs of a busy hour is no sign of one of them.
        least = max(SCORE, OTHERS + OTHERS_TIMES * float(np.median(scores)))
        changed = False
        for hub, score in zip(judged, scores, strict=True):
            changed |= self._judge(now_s, int(hub), float(score) / least, apart[known[:, hub], hub])
        return changed

    def _now(self, listens: Mask) -> Array:
        """Levels as they are with nobody between, T x H; NaN where too little was listened."""
        mean = np.where(self._count > 0, self._sum / np.maximum(self._count, 1e-9), -np.inf)
        self._blocks[self._place] = np.where(listens, np.maximum(mean, FAINT_DBM), np.nan)
        self._place = (self._place + 1) % BLOCKS
        self._sum[:], self._count[:] = 0.0, 0.0
        known = np.isfinite(self._blocks).sum(axis=0)
        # NaN is sorted to the end: the quantile is that of those before it.
        place = (QUANTILE * np.maximum(known - 1, 0)).round().astype(np.intp)
        now = np.take_along_axis(np.sort(self._blocks, axis=0), place[np.newaxis], axis=0)[0]
        return np.where(known >= BLOCKS_LEAST, now, np.nan)

    def _learn(self, now: Array) -> tuple[Array, Mask]:
        """Changes of levels less what hubs share of each tag, T x H, and which of them are known. Learns."""
        there = np.isfinite(now)
        warm = there & (self._looks >= WARM_S / LOOK_S)
        known: Mask = warm & (np.maximum(now, self._usual) > FAINT_DBM)
        change = np.where(known, now - self._usual, 0.0)
        clear: Mask = known & (np.minimum(now, self._usual) > FAINT_DBM)
        shared = np.zeros(len(change))
        for tag in np.nonzero(clear.any(axis=1))[0]:
            shared[tag] = np.median(change[tag][clear[tag]])
        apart = np.where(known, change - shared[:, np.newaxis], 0.0)
        otherwise = np.sum(np.abs(apart) > ROW_DB, axis=1) > ROW_SHARE * np.sum(known, axis=1)
        gone = np.any(known, axis=1) & ~np.any(clear, axis=1)
        anew = np.nonzero(otherwise | gone)[0]
        known[anew] = False
        self._looks[anew] = 0.0
        learns = there & ~self._suspect & ~gone[:, np.newaxis]
        self._looks[learns] += 1.0
        self._looks = np.minimum(self._looks, USUAL_S / LOOK_S)
        self._usual[learns] += (now - self._usual)[learns] / self._looks[learns]
        return apart, known

    def _judge(self, now_s: float, hub: int, score: float, apart: Array) -> bool:
        """`score`: 1 raises the warning, half of it ends it."""
        rest = np.abs(apart)
        clear = int((rest >= CLEAR_DB).sum())
        self._suspect[hub] = score >= 0.5
        self._well_s[hub] = math.inf if score >= 0.5 else min(self._well_s[hub], now_s)
        if hub in self.moved:
            if now_s - self._well_s[hub] >= ENDING_S:
                del self.moved[hub]
                return True
            return False
        if score < 1.0 or clear < CLEAR_LEAST:
            self._since_s[hub] = math.inf
            return False
        self._since_s[hub] = min(self._since_s[hub], now_s)
        if now_s - self._since_s[hub] < LASTING_S:
            return False
        self.moved[hub] = Otherwise(clear, len(apart), round(float(rest.max()), 1))
        return True
