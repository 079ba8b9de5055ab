"""Tables of the profile authority, in the inbox's database; must never hold an account's name, a code or a token."""

import sqlite3

_SCRIPT = """
create table if not exists profile (id integer primary key, epoch blob not null, version integer not null, notice
    integer not null, made_us integer not null);
create table if not exists profile_version (profile integer not null, version integer not null, at_us integer not null,
    actor text not null, groups text not null, body blob not null, primary key (profile, version)) without rowid;
create table if not exists profile_account (handle blob primary key, profile integer not null) without rowid;
create index if not exists profile_account_by_profile on profile_account (profile);
create table if not exists profile_key (public blob primary key, profile integer not null, made_us integer not null)
    without rowid;
create index if not exists profile_key_by_profile on profile_key (profile);
create table if not exists profile_code (mac blob primary key, profile integer not null, device text not null, until_us
    integer not null, stage blob, used_by integer) without rowid;
create index if not exists profile_code_by_profile on profile_code (profile);
create table if not exists profile_visit (subject integer primary key, device text not null, profile integer not null,
    session_key blob not null, opened_us integer not null, ended_us integer, edits_seen integer not null default 0,
    ahead integer not null default 0, told_notice integer not null default 0, reported_version integer not null
    default 0, result blob);
create index if not exists profile_visit_by_profile on profile_visit (profile);
create table if not exists profile_request (subject integer primary key, device text not null, request integer not null,
    session_key blob not null, proof blob not null, received_us integer not null);
create index if not exists profile_request_by_device on profile_request (device);
create table if not exists profile_unstage (stage blob primary key, device text not null) without rowid;
create index if not exists command_waits on command (device, kind, not_after_us) where stage = 0;
create index if not exists profile_visit_by_device on profile_visit (device);
create table if not exists profile_meta (name text primary key, value integer not null) without rowid;
"""


def create(db: sqlite3.Connection) -> None:
    """Makes what is missing."""
    for statement in _SCRIPT.split(";"):
        db.execute(statement)
