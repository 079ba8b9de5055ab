"""Bounds of joining, units last; must never be read from a message."""

from typing import Final

JOIN_PORT: Final = 8_884
BROKER_PORT: Final = 8_883
SECRET_BYTES: Final = 16
PIN_BYTES: Final = 16
HOST_BYTES_MAX: Final = 64
INVITATION_S: Final = 900.0
INVITATION_S_MAX: Final = 7 * 86_400.0
INVITATIONS_OPEN_MAX: Final = 200
KEPT_AFTER_S: Final = 86_400.0
"""An invitation that is used or over is remembered so long, so that its holder is told what became of it."""

MESSAGE_BYTES_MAX: Final = 16_384
ANSWER_BYTES_MAX: Final = 1 << 20
TAGS_BYTES_MAX: Final = 512_000
GUESTS_MAX: Final = 16
"""Connections that are looked after at a time; one more is closed at once."""
CONVERSATION_S: Final = 10.0
FAILURES_MAX: Final = 30
FAILURES_S: Final = 60.0
PROOFS_MAX: Final = 5
"""Wrong proofs after which an invitation is over."""
CLOCK_OFF_S: Final = 2.0
