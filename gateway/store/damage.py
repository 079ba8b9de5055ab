"""What is damage and what is bad luck; must never call a full disk damaged."""

import sqlite3

from gateway.errors import StoreError, StoreFull

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Damaged(StoreError):
    """The file contradicts itself; only a rescue helps."""


def is_damage(error: BaseException) -> bool:
    """Whether SQLite or a room found the file damaged."""
    if isinstance(error, Damaged):
        return True
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the driver: text that is not UTF-8 comes from a damaged page
        return isinstance(error, sqlite3.OperationalError) and "decode" in str(error)
    return code & 0xFF in _DAMAGE


def is_full(error: BaseException) -> bool:
    """Whether the disk or the budget has no room."""
    if isinstance(error, StoreFull):
        return True
    code = getattr(error, "sqlite_errorcode", 0) if isinstance(error, sqlite3.Error) else 0
    return code == sqlite3.SQLITE_IOERR_SHMSIZE or code & 0xFF == sqlite3.SQLITE_FULL


def as_store_error(error: Exception) -> Exception:
    """SQLite's errors as ours; everything else as it is."""
    if not isinstance(error, sqlite3.Error):
        return error
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if is_damage(error):
        made: StoreError = Damaged(f"{name}: {error}")
    else:
        made = (StoreFull if is_full(error) else StoreError)(f"{name}: {error}")
    made.__cause__ = error
    return made
