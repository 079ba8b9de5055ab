"""Tables of the consent authority, in the inbox's database; must never hold an address, a token or a name."""

import sqlite3

_SCRIPT = """
create table if not exists consent_record (id text primary key, subject integer not null, version integer not null,
    raw blob not null, unique (subject, version)) without rowid;
create table if not exists consent_current (subject integer not null, purpose integer not null, state integer not
    null, scope integer not null, yes_since_us integer not null, primary key (subject, purpose)) without rowid;
create table if not exists consent_session (subject integer primary key, device text not null, opened_us integer not
    null, ended_us integer, lease_s integer not null, asked integer not null default 0, changes_seen integer not null
    default 0);
create index if not exists consent_session_by_device on consent_session (device);
create table if not exists consent_epoch (device text primary key, epoch integer not null) without rowid;
create table if not exists consent_push (command integer primary key, device text not null, subject integer not null,
    version integer not null, at_us integer not null);
create index if not exists consent_push_by_subject on consent_push (subject, version);
create table if not exists consent_history (n integer primary key, at_us integer not null, subject integer not null,
    version integer not null, what text not null, digest text not null);
create trigger if not exists consent_history_stays before update on consent_history
    begin select raise(abort, 'the history of consent is not changed'); end;
create trigger if not exists consent_history_is_kept before delete on consent_history
    begin select raise(abort, 'the history of consent is not deleted'); end;
create trigger if not exists consent_record_stays before update on consent_record
    begin select raise(abort, 'a record of consent is not changed'); end;
"""


def create(db: sqlite3.Connection) -> None:
    """Makes what is missing."""
    db.executescript(_SCRIPT)
