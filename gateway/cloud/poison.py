"""Messages not to be believed or not to be read, kept aside and counted; must never keep more than its bounds."""

import sqlite3
from enum import StrEnum

from gateway.errors import InputError
from gateway.limits import POISON_KEPT_MAX, POISON_PAYLOAD_BYTES_MAX, POISON_UNPROVEN_MAX


class Reason(StrEnum):
    """Why a message was put aside."""

    TOPIC = "topic"
    STRANGER = "stranger"
    SIGNATURE = "signature"
    HEADER = "header"
    MALFORMED = "malformed"
    DICTIONARY = "dictionary"
    NUMBERS = "numbers"
    BAG = "bag"
    LATER = "later"
    """Of a version that this one does not know; it may be read some day, so the device is to keep it."""
    SINK = "sink"
    UNFORESEEN = "unforeseen"


_UNPROVEN = (Reason.TOPIC, Reason.STRANGER, Reason.SIGNATURE)
_UNPROVEN_TEXT = tuple(str(reason) for reason in _UNPROVEN)


class Poison(InputError):
    """A message that is put aside for a reason; acknowledged, so that the broker does not bring it again."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def keep_aside(db: sqlite3.Connection, at_us: int, device: str, topic: str, payload: bytes, poison: Poison) -> None:
    """Keeps the message for people to look at; the oldest goes when there are too many, and long ones are cut.

    What strangers send has a share of its own, so that it cannot push out what devices sent. What comes again, as a bag
    does that is not receipted, is kept once, with the time of the last.
    """
    kept = payload[:POISON_PAYLOAD_BYTES_MAX]
    again = "update poison set at_us = ? where device = ? and reason = ? and bytes = ? and payload = ?"
    if db.execute(again, (at_us, device, str(poison.reason), len(payload), kept)).rowcount:
        return
    db.execute(
        "insert into poison values (?, ?, ?, ?, ?, ?, ?)",
        (
            at_us,
            device,
            topic[:256],
            str(poison.reason),
            poison.detail[:256],
            len(payload),
            kept,
        ),
    )
    unproven = poison.reason in _UNPROVEN
    kept_max = POISON_UNPROVEN_MAX if unproven else POISON_KEPT_MAX - POISON_UNPROVEN_MAX
    share = f"select rowid from poison where reason {'in' if unproven else 'not in'} {_UNPROVEN_TEXT}"
    db.execute(f"delete from poison where rowid in ({share} order by rowid desc limit -1 offset ?)", (kept_max,))
