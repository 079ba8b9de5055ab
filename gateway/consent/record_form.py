"""The JSON form of a record of consent, in terms of ISO/IEC TS 27560 and the DPV; must never know a key or a clock."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gateway.consent.purposes import PurposeRegister
from gateway.consent.states import ConsentState
from gateway.errors import InputError
from gateway.limits import CONSENT_RECORD_ID_BYTES_MAX
from gateway.model import Purpose, Scope

if TYPE_CHECKING:
    from gateway.consent.record import ConsentRecord, PurposeConsent

_ID = re.compile(rf"[!-~]{{1,{CONSENT_RECORD_ID_BYTES_MAX}}}")
_SHA = re.compile(r"[0-9a-f]{64}")
_PARTY = ("id", "name", "address", "contact", "role")
SURFACES = ("head_unit", "kiosk", "phone", "staff", "system")


def to_json(record: "ConsentRecord") -> dict[str, Any]:
    """The record as JSON; purposes in order of their numbers."""
    return {
        "schema": 1,
        "record_id": record.record_id,
        "receipt_id": record.record_id,
        "pii_principal_id": f"{record.subject:016x}",
        "version": record.version,
        "previous": record.previous,
        "issued_us": record.issued_us,
        "parties": [dict(party) for party in record.parties],
        "purposes": [_purpose(one) for one in sorted(record.purposes, key=lambda one: one.purpose)],
        **{name: record.place[name] for name in PLACE},
    }


PLACE = ("jurisdiction", "storage_locations", "recipient_third_parties", "withdrawal_method", "privacy_rights")
"""What holds for all purposes of an operator: the other mandatory fields of TS 27560."""


def from_json(body: Mapping[str, Any]) -> "ConsentRecord":
    """The record; raises InputError, KeyError, TypeError or ValueError for what is none."""
    from gateway.consent.record import ConsentRecord

    purposes = tuple(one for item in _list(body["purposes"]) if (one := _read(item)) is not None)
    if len({one.purpose for one in purposes}) != len(purposes):
        raise InputError("a purpose that stands there twice")
    record = ConsentRecord(
        record_id=_text(body["record_id"], _ID),
        subject=int(_text(body["pii_principal_id"], re.compile(r"[0-7][0-9a-f]{15}")), 16),
        version=_number(body["version"], 1),
        previous=_text(body["previous"], _SHA) if body["previous"] else "",
        issued_us=_number(body["issued_us"], 1),
        purposes=purposes,
        parties=tuple({name: _text(party[name]) for name in _PARTY} for party in _list(body["parties"])),
        place={name: body[name] for name in PLACE},
    )
    if record.subject == 0 or (record.version == 1) != (record.previous == "") or not record.parties:
        raise InputError("a record of nobody, without a controller or without its history")
    if to_json(record) != body and len(purposes) == len(body["purposes"]):
        raise InputError("fields that the schema does not have")
    return record


FACTS = ("dpv", "lawful_basis", "pii_tiers", "retention_days")
"""What a record says of a purpose itself, as the register had it when the record was written."""


def facts_of(purpose: Purpose) -> dict[str, Any]:
    """What the register says now."""
    entry = PurposeRegister.load()[purpose]
    return {
        "dpv": entry.dpv,
        "lawful_basis": entry.basis,
        "pii_tiers": sorted(tier.name.lower() for tier in entry.tiers),
        "retention_days": entry.retention_days,
    }


def _purpose(one: "PurposeConsent") -> dict[str, Any]:
    notice = one.notice
    return {
        "purpose": one.purpose.word,
        **(one.facts or facts_of(one.purpose)),
        "state": one.state.word,
        "event_state": one.state.dpv,
        "event_type": "explicit",
        "event_time_us": one.since_us,
        "validity_until_us": one.valid_until_us,
        "scope": one.scope.word,
        "record_id": one.record_id,
        "collection_method": one.surface,
        "privacy_notice": None
        if notice is None
        else {"uri": notice.uri, "sha256": notice.sha256, "language": notice.language, "version": notice.version},
        "evidence": dict(one.evidence),
    }


def _read(item: Mapping[str, Any]) -> "PurposeConsent | None":
    """One purpose; None for one that this version does not know, which so stays denied."""
    from gateway.consent.record import NoticeRef, PurposeConsent

    try:
        purpose = Purpose[str(item["purpose"]).upper()]
    except KeyError:
        return None
    notice = item["privacy_notice"]
    surface = item["collection_method"]
    if surface not in SURFACES:
        raise InputError("a surface that nobody knows")
    return PurposeConsent(
        purpose=purpose,
        state=ConsentState[str(item["state"]).upper()],
        scope=Scope[str(item["scope"]).upper()],
        since_us=_number(item["event_time_us"], 0),
        record_id=_text(item["record_id"], _ID),
        valid_until_us=None if item["validity_until_us"] is None else _number(item["validity_until_us"], 0),
        notice=None
        if notice is None
        else NoticeRef(
            _text(notice["uri"]), _text(notice["sha256"], _SHA), _text(notice["language"]), _text(notice["version"])
        ),
        surface=surface,
        evidence=_evidence(item["evidence"]),
        facts=_facts(item, purpose),
    )


def _evidence(value: Any) -> dict[str, str | int]:
    if type(value) is not dict or len(value) > 16 or not all(type(one) in (str, int) for one in value.values()):
        raise InputError("no such evidence")
    return value


def _facts(item: Mapping[str, Any], purpose: Purpose) -> dict[str, Any]:
    """As they were when the record was written; the register may say another retention since, never another basis."""
    _text(item["dpv"])
    if item["lawful_basis"] != PurposeRegister.load()[purpose].basis:
        raise InputError("a legal basis that the purpose does not have")
    _number(item["retention_days"], 1)
    for tier in _list(item["pii_tiers"]):
        _text(tier)
    return {name: item[name] for name in FACTS}


def _list(value: Any) -> list[Any]:
    if type(value) is not list or len(value) > 64:
        raise InputError("no list, or one that is too long")
    return value


def _number(value: Any, least: int) -> int:
    if type(value) is not int or value < least:
        raise InputError("no such number")
    return value


def _text(value: Any, form: re.Pattern[str] | None = None) -> str:
    if type(value) is not str or len(value) > 512 or (form is not None and form.fullmatch(value) is None):
        raise InputError("no such text")
    return value
