"""The chain over everything that happened to consent: each entry names all before it; must never skip one."""

import hashlib
import sqlite3

from gateway.consent.record import unsigned


def history_digest(before: str, *entry: str | int) -> str:
    """SHA-256 over the digest before and an entry, in hex."""
    return hashlib.sha256("\n".join([before, *map(str, entry)]).encode()).hexdigest()


def verify_history(db: sqlite3.Connection) -> str:
    """Why the history of consent is not one unbroken chain; empty when it is."""
    before = ""
    for number, at_us, subject, version, what, digest in db.execute("select * from consent_history order by n"):
        content = ""
        if version:
            query = "select raw from consent_record where subject = ? and version = ?"
            row = db.execute(query, (subject, version)).fetchone()
            if row is None:
                return f"entry {number}: its record is missing"
            content = _digest_of(row[0])
        if digest != history_digest(before, number, at_us, subject, version, what, content):
            return f"entry {number} was altered, or one before it is missing"
        before = digest
    return ""


def _digest_of(raw: bytes) -> str:
    return unsigned(raw).digest
