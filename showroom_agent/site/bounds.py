"""Bounds of the site, units last; must never be derived from what somebody sends."""

from typing import Final

STEP_MS: Final = 500
"""Between two steps of the locator and of all that is derived from it."""
FRAME_BYTES_MAX: Final = 65_536
FRAME_TAGS_MAX: Final = 1_024
FRAME_AGE_MS_MAX: Final = 10_000
"""Sightings are of no use after this."""
TAG_CHARS_MAX: Final = 80
HEARINGS_PER_FRAME_MAX: Final = 8
"""Adverts of one tag in one frame that count on their own; more say nothing more."""
REQUEST_BYTES_MAX: Final = 16_384
WISHES_CHARS_MAX: Final = 8_192
GUESTS_MAX: Final = 256
PHONE_BEACONS_MAX: Final = 256
TAGS_MAX: Final = 1_024
CLOCK_SKEW_MS_MAX: Final = 2_000
"""A hub whose wall clock differs by more is told of."""
TWO_HUBS_MS: Final = 60_000
"""So long after two machines spoke as one hub neither is believed."""
EVENTS_WAITING_MAX: Final = 20_000
JOURNAL_ENTRY_BYTES_MAX: Final = 131_072
WAITING_MAX: Final = 5_000
"""Messages of the floor between two steps; 20 hubs send 20."""
PHONES_MAX: Final = 10_000
JOURNAL_BYTES_MAX: Final = 1 << 30
"""A day and a half of twenty hubs; then nothing more is written."""
