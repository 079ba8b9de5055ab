"""Tells what the disk did from what a statement did wrong; must never call a mistake of a sink a failing disk."""

import sqlite3

_DISK = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_INTERNAL,
    }
)
"""Primary codes (https://sqlite.org/rescode.html) that do not depend on what was asked for."""


def of_disk(error: Exception) -> bool:
    """Whether SQLite failed because of the disk, memory or a lock, so that trying later, or elsewhere, may help.

    Everything else is about the statement: a table that is missing, a value that breaks a rule. An error that SQLite
    did not number counts as one of the disk where its class says so.
    """
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, (sqlite3.OperationalError, sqlite3.InternalError))
    return code & 0xFF in _DISK
