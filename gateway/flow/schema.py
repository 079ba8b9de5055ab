"""Tables of flow in the store: counters, what was spent, the journal of commands; must never hold a guest's data."""

from gateway.store import Database, MigrationSet

schema = MigrationSet("flow")
"""The steps of this room, for Store.open."""


@schema()
def tables(db: Database) -> None:
    """Named integers, bytes spent by stream, and commands with what became of them."""
    db.executescript(
        """
        create table flow_state(name text primary key, value integer not null) without rowid;
        create table flow_spent(stream integer primary key, day integer not null, bytes integer not null);
        create table flow_command(id integer primary key, counter integer not null unique, kind text not null,
            not_after_us integer not null, body blob not null, stage integer not null, reason text not null,
            result blob not null, told integer not null);
        create index flow_command_open on flow_command(stage, told);
        """
    )


@schema()
def births(db: Database) -> None:
    """Random names of births: the last one that the cloud answered, and all since, with the next one at the end."""
    db.execute("create table flow_birth(id integer primary key, name integer not null)")


def signed(number: int) -> int:
    """A fixed64 as SQLite keeps it."""
    return number - (1 << 64) if number >> 63 else number


def unsigned(number: int) -> int:
    """A fixed64 as SQLite kept it."""
    return number + (1 << 64) if number < 0 else number
