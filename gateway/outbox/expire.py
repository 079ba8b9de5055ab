"""What is too old to be worth sending; must never count on the wall clock."""

import sqlite3

from gateway.limits import SWEEP_BAGS_MAX
from gateway.model import GapReason, Stream
from gateway.outbox.core import Core, change
from gateway.outbox.evict import Claims, lose, remove, victims
from gateway.outbox.schema import PENDING, SETTLED, table

_ANY_BYTES = 1 << 62


def due(core: Core, db: sqlite3.Connection) -> list[Stream]:
    """Streams that hold dead rows; on the reader thread, since it may look at every row."""
    bucket = core.ttl.bucket()
    query = "select exists(select 1 from {} where expires between 1 and ?)"
    return [stream for stream in Stream if db.execute(query.format(table(stream)), (bucket,)).fetchone()[0]]


def expire(core: Core, db: sqlite3.Connection, stream: Stream, claims: Claims) -> int:
    """Takes a bounded number of dead bags off the shelf, those in flight excepted; returns how many."""
    dead = f"expires between 1 and {core.ttl.bucket()} and state = "
    with change(core, db) as one:
        kept = victims(one, stream, f"{dead}{SETTLED}", _ANY_BYTES, claims, SWEEP_BAGS_MAX)
        remove(db, stream, kept)
        one.took(stream, kept, kept=True)
        rows = victims(one, stream, f"{dead}{PENDING}", _ANY_BYTES, claims, SWEEP_BAGS_MAX)
        lose(one, stream, rows, GapReason.EXPIRED)
    return len(kept) + len(rows)
