"""Tells of hubs that were moved, and keeps how they heard the cars; must never change what a site concludes.

SITE's store/heard.json: how hubs heard the cars' tags, so that a hub that was moved overnight is told of in the
morning. It is of one plan: with another one, or with other cars, it is learnt anew.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.errors import ForecourtError, InputError
from gateway.identity import write_file
from gateway.log import Log
from showroom_agent.hearing import Otherwise
from showroom_agent.site.core import SiteCore

KEEP_S: Final = 300.0
BYTES_MAX: Final = 64 << 20
HINT: Final = (
    "it was moved, turned or covered: put it back; or place it anew (forecourt site place), survey again and start the"
    " site anew; if it is right as it hangs, take away heard.json in the store and start the site anew"
)
log = Log("site")


def trouble_of(found: Otherwise) -> str:
    """What is wrong with a hub, for displays."""
    return f"moved? hears {found.tags} of {found.known} cars otherwise, by up to {found.most_db:.0f} dB"


def moved_hubs(core: SiteCore) -> dict[str, Otherwise]:
    """Hubs that hear the cars otherwise than before, by their ids."""
    return {core.hubs.ids[place]: found for place, found in sorted(core.vehicles.moved.moved.items())}


def tell_moved(before: Mapping[str, Otherwise], now: Mapping[str, Otherwise]) -> None:
    """One event for each hub that was moved, with what to do, and one for each that hears as before again."""
    for hub in now.keys() - before.keys():
        found = now[hub]
        log.warning("hub_moved", hub=hub, cars=found.tags, of=found.known, most_db=found.most_db, hint=HINT)
    for hub in before.keys() - now.keys():
        log.info("hub_in_place", hub=hub)


class Memory:
    """How hubs heard the cars, in a file. `load` and `save` block; `run` keeps it until it is cancelled."""

    def __init__(self, path: Path, core: SiteCore) -> None:
        """Of one site."""
        self._path, self._core = path, core

    def load(self) -> bool:
        """Whether an earlier run of the same plan left something. Damage costs the memory, nothing else."""
        try:
            if not self._path.exists() or self._path.stat().st_size > BYTES_MAX:
                return False
            said = json.loads(self._path.read_bytes())
            if not isinstance(said, dict) or said.get("site") != self._core.parts.digest.hex():
                return False
            self._core.vehicles.moved.restore(said.get("heard"))
        except (OSError, ValueError, RecursionError, InputError) as error:
            log.warning("heard_unreadable", error=str(error)[:200])
            return False
        return True

    def save(self) -> None:
        """Writes it whole."""
        said = {"site": self._core.parts.digest.hex(), "heard": self._core.vehicles.moved.usual()}
        write_file(self._path, json.dumps(said).encode(), private=True)

    async def run(self) -> None:
        """Each KEEP_S."""
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                await asyncio.to_thread(self.save)
            except (ForecourtError, OSError) as error:
                log.warning("heard_not_kept", error=str(error))
