"""The words of a guest's profile: fields, stamps, registers, documents, merge; must never know a socket or a file."""

from gateway.profile.document import Document, EpochRefused, check_document, check_edit, new_epoch
from gateway.profile.fields import FIELDS, GROUPS, FieldSpec, Kind, Value, group_of
from gateway.profile.hlc import Hlc, HlcClock, stamp_after
from gateway.profile.merge import Conflict, Merged, Taken, merge, take
from gateway.profile.register import Edit, Origin, Raw, Register

__all__ = [
    "FIELDS",
    "GROUPS",
    "Conflict",
    "Document",
    "Edit",
    "EpochRefused",
    "FieldSpec",
    "Hlc",
    "HlcClock",
    "Kind",
    "Merged",
    "Origin",
    "Raw",
    "Register",
    "Taken",
    "Value",
    "check_document",
    "check_edit",
    "group_of",
    "merge",
    "new_epoch",
    "stamp_after",
    "take",
]
