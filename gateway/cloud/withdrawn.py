"""Which bags are late copies of what was withdrawn, by numbers; must never go by a clock where numbers decide."""

import json
import sqlite3
from typing import NamedTuple

from gateway.cloud.schema import signed, unsigned
from gateway.cloud.shares import Shares
from gateway.cloud.streams import StreamKey
from gateway.limits import CLOUD_ERASURES_MAX, CLOUD_SUBJECTS_CACHED_MAX
from gateway.model import PurposeSet


class Place(NamedTuple):
    """Where a bag begins, and where it began before a rescue numbered it anew (0, 0: it was not)."""

    key: StreamKey
    first: int
    origin_epoch: int = 0
    origin_first: int = 0


class _Request(NamedTuple):
    purposes: PurposeSet
    at_us: int
    epoch: int
    heads: dict[str, int]


class Withdrawn:
    """What devices withdrew, in the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, shares: Shares) -> None:
        self._db, self._shares = db, shares
        self._requests: dict[tuple[str, int], list[_Request]] = {}
        self._ranks: dict[str, dict[int, int]] = {}

    def note(
        self, key: StreamKey, subject: int, purposes: PurposeSet, at_us: int, events: int, heads: dict[str, int]
    ) -> None:
        """A withdrawal was done; `key` has the epoch of `heads`. Of too many of a device the oldest goes."""
        if not self._shares.take("erased", key.device, CLOUD_ERASURES_MAX):
            self._db.execute(
                "delete from erased where rowid = (select min(rowid) from erased where device = ?)", (key.device,)
            )
            self._requests.clear()
        self._db.execute(
            "insert into erased values (?, ?, ?, ?, ?, ?, ?)",
            (key.device, signed(subject), purposes, at_us, events, signed(key.epoch), json.dumps(heads)),
        )
        self._requests.pop((key.device, subject), None)

    def covers(self, place: Place, subject: int, purposes: PurposeSet, received_us: int) -> bool:
        """Whether a bag stands on consent that was withdrawn after its events were numbered.

        Such a copy was on its way when the device withdrew it. What is still allowed comes again, narrowed, under the
        same numbers; of the rest the device tells a gap. Numbers decide within the epoch of the request, and the order
        of the births of epochs between two. Where neither is known, the time of receipt has to do.
        """
        for gone, at_us, epoch, heads in self._of(place.key.device, subject):
            if purposes & gone and self._before(place, epoch, heads, received_us <= at_us):
                return True
        return False

    def forget(self) -> None:
        """A transaction was undone: the tables are the truth."""
        self._requests.clear()
        self._ranks.clear()

    def born(self, device: str) -> None:
        """A device has another epoch."""
        self._ranks.pop(device, None)

    def _before(self, place: Place, epoch: int, heads: dict[str, int], by_time: bool) -> bool:
        last = heads.get(str(int(place.key.stream)))
        if epoch == place.key.epoch:
            return by_time if last is None else place.first <= last
        if epoch == place.origin_epoch:
            return by_time if last is None else place.origin_first <= last
        ranks = self._ranks_of(place.key.device)
        own, other = ranks.get(place.origin_epoch or place.key.epoch), ranks.get(epoch)
        return by_time if own is None or other is None else own < other

    def _of(self, device: str, subject: int) -> list[_Request]:
        whose = (device, subject)
        if whose not in self._requests:
            if len(self._requests) >= CLOUD_SUBJECTS_CACHED_MAX:
                self._requests.clear()
            rows = self._db.execute(
                "select purposes, at_us, epoch, heads from erased where device = ? and subject = ?",
                (device, signed(subject)),
            )
            self._requests[whose] = [_Request(row[0], row[1], unsigned(row[2]), json.loads(row[3])) for row in rows]
        return self._requests[whose]

    def _ranks_of(self, device: str) -> dict[int, int]:
        if device not in self._ranks:
            if len(self._ranks) >= CLOUD_SUBJECTS_CACHED_MAX:
                self._ranks.clear()
            rows = self._db.execute("select epoch, rank from born where device = ?", (device,))
            self._ranks[device] = {unsigned(epoch): rank for epoch, rank in rows}
        return self._ranks[device]
