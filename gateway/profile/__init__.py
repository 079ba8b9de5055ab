"""The words of a guest's profile: fields, stamps, registers, documents, merge; must never know a socket or a file."""

from gateway.profile.document import Document, EpochRefused, check_document, check_edit, new_epoch
from gateway.profile.fields import FIELDS, GROUPS, FieldSpec, Kind, Value, group_of
from gateway.profile.hlc import Hlc, HlcClock, stamp_after
from gateway.profile.merge import Conflict, Merged, Taken, merge, take
from gateway.profile.offset import Dated, DatedBy, Exchange, Moment, Offsets, exchange, moment_of
from gateway.profile.register import Edit, Origin, Raw, Register
from gateway.profile.restamp import Pending, rebuilt, restamp

__all__ = [
    "FIELDS",
    "GROUPS",
    "Conflict",
    "Dated",
    "DatedBy",
    "Document",
    "Edit",
    "EpochRefused",
    "Exchange",
    "FieldSpec",
    "Hlc",
    "HlcClock",
    "Kind",
    "Merged",
    "Moment",
    "Offsets",
    "Origin",
    "Pending",
    "Raw",
    "Register",
    "Taken",
    "Value",
    "check_document",
    "check_edit",
    "exchange",
    "group_of",
    "merge",
    "moment_of",
    "new_epoch",
    "rebuilt",
    "restamp",
    "stamp_after",
    "take",
]
