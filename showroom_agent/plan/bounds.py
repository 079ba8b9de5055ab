"""Bounds of what a site's files may hold, units last; must never be derived from a file."""

from typing import Final

from showroom_agent.radio.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN

__all__ = ["RSSI_DBM_MAX", "RSSI_DBM_MIN"]

PLAN_BYTES_MAX: Final = 16 << 20
FEATURES_MAX: Final = 20_000
HUBS_MAX: Final = 1_000
RING_CORNERS_MAX: Final = 5_000
EXTENT_M_MAX: Final = 2_000.0
SURVEY_ROWS_MAX: Final = 2_000_000
SURVEY_POINTS_MAX: Final = 20_000
READINGS_MAX: Final = 20_000_000
