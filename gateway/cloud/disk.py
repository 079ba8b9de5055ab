"""Tells what the disk did from what a statement did wrong; must never call a mistake of a sink a failing disk."""

import sqlite3


def of_disk(error: Exception) -> bool:
    """Whether SQLite failed because of the disk, memory or a lock, so that trying later may help.

    SQLITE_ERROR is a statement that cannot be run: a table that is missing, a word that is wrong. An error that SQLite
    did not number counts as one of the disk.
    """
    if not isinstance(error, (sqlite3.OperationalError, sqlite3.InternalError)):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF != sqlite3.SQLITE_ERROR
