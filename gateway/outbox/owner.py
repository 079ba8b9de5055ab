"""The name that bags are sealed with: that of the device when the store was made; must never change afterwards.

A device that gets another identity still opens what it kept.
"""

import sqlite3

from gateway.log import Log
from gateway.outbox.schema import check_text
from gateway.store.damage import Damaged

_log = Log("outbox")


def owner_of(db: sqlite3.Connection) -> str | None:
    """The device that the store was made for; None before the first open. Raises Damaged."""
    row = db.execute("select device, device_check from owner").fetchone()
    if row is not None and not holds(*row):
        raise Damaged("owner")
    return None if row is None else str(row[0])


def holds(device: object, check: object) -> bool:
    """Whether a row is as it was written."""
    return check == check_text("owner", device)


def write_owner(db: sqlite3.Connection, device: str) -> None:
    """Names the device, once."""
    db.execute("insert or replace into owner values(1, ?, ?)", (device, check_text("owner", device)))


def settle_owner(db: sqlite3.Connection, device: str) -> str:
    """The name to seal with, written if there is none; a device with another identity keeps the old one."""
    owner = owner_of(db)
    if owner is None:
        write_owner(db, device)
        return device
    if owner != device:
        _log.warning("store_of_another_device", sealed_for=owner, device=device)
    return owner
