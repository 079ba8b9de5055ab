"""Recorded sightings in CSV; must never read the truth that may lie beside them."""

import csv
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from gateway.errors import ConfigError
from showroom_agent.plan.bounds import READINGS_MAX, RSSI_DBM_MAX, RSSI_DBM_MIN
from showroom_agent.plan.site import Site

_COLUMNS = ("t_s", "hub", "tag", "rssi_dbm")


class Reading(NamedTuple):
    """One advertisement as one hub heard it. `t_s`: seconds from the start; `hub`: its place in the plan's list."""

    t_s: float
    hub: int
    tag: str
    rssi_dbm: float


def load_readings(path: Path, site: Site) -> tuple[list[Reading], Counter[str]]:
    """The readings in order of time, and what was left out and why; raises ConfigError for a file of another form."""
    left_out: Counter[str] = Counter()
    found: list[Reading] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{path}: it lacks the columns {', '.join(missing)}")
            for row in reader:
                if len(found) >= READINGS_MAX:
                    raise ConfigError(f"{path}: more than {READINGS_MAX:,} readings; cut the recording into parts")
                why, reading = _reading(row, site)
                if reading is None:
                    left_out[why] += 1
                else:
                    found.append(reading)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such recording") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    found.sort(key=lambda reading: reading.t_s)
    return found, left_out


def _reading(row: dict[str, str], site: Site) -> tuple[str, Reading | None]:
    try:
        t_s, rssi = float(row["t_s"]), float(row["rssi_dbm"])
    except (TypeError, ValueError):
        return "not_a_number", None
    if not math.isfinite(t_s) or abs(t_s) > 1e12:
        return "no_time", None
    if not RSSI_DBM_MIN <= rssi <= RSSI_DBM_MAX:
        return "impossible_rssi", None
    hub = site.index.get(row["hub"])
    if hub is None:
        return "unknown_hub", None
    return "", Reading(t_s, hub, row["tag"] or "", rssi)
