"""Levels that a receiver measures; must never be derived from what is heard."""

from typing import Final

RSSI_DBM_MIN: Final = -115.0
RSSI_DBM_MAX: Final = -5.0
"""Outside of these no receiver measures: -127 and 0 mean "unknown", positive values are faults."""
