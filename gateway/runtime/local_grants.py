"""Grants written into a device's settings take effect once; must never give back what was withdrawn."""

import hashlib
import sqlite3
from collections.abc import Iterable

from gateway.consent import Consent, Grant
from gateway.log import Log
from gateway.store import Database, MigrationSet, Store

log = Log("runtime")
schema = MigrationSet("runtime")


@schema()
def applied(db: Database) -> None:
    """Digests of the grants that took effect, so that a restart does not repeat them."""
    db.executescript("create table runtime_grant(digest text primary key) without rowid;")


async def apply(store: Store, consent: Consent, grants: Iterable[Grant]) -> int:
    """Puts in force the grants that this store has not seen; returns how many.

    A store that was rescued has forgotten which grants were withdrawn. Then none of them is believed: each needs to be
    given anew, under another record id. Raises InputError and StoreError.
    """
    by_digest = {digest(grant): grant for grant in grants}

    def note(db: sqlite3.Connection) -> list[str]:
        known = {row[0] for row in db.execute("select digest from runtime_grant")}
        new = [name for name in by_digest if name not in known]
        db.executemany("insert or ignore into runtime_grant values(?)", [(name,) for name in new])
        return new

    # Noted before it is given: a kill between the two denies, and the operator gives it anew.
    new = await store.write(note)
    if not new:
        return 0
    if store.rescued:
        log.warning("grants_not_believed", count=len(new), hint="give them anew under other record ids")
        return 0
    await consent.grant([by_digest[name] for name in new])
    return len(new)


def digest(grant: Grant) -> str:
    """Names a grant by its content."""
    parts = (grant.subject, int(grant.purpose), grant.valid_from_us, grant.valid_until_us, grant.record_id)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
