"""A record of consent as linked data (JSON-LD) in terms of the W3C DPV; must never say more than the record does.

The JSON form of a record already has the fields of ISO/IEC TS 27560. This is the form that tools of the DPV read, after
the guide of its community group to that standard; it is an export, what is signed is the record.
"""

from datetime import UTC, datetime
from typing import Any

from gateway.consent.record import ConsentRecord, PurposeConsent
from gateway.consent.record_form import facts_of
from gateway.model import Scope

CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "fc": "urn:forecourt:terms:",
}
_BASES = {
    "consent": "eu-gdpr:A6-1-a",
    "contract": "eu-gdpr:A6-1-b",
    "legal_obligation": "eu-gdpr:A6-1-c",
    "vital_interest": "eu-gdpr:A6-1-d",
}
_ROLES = {
    "controller": "dpv:DataController",
    "joint controller": "dpv:JointDataControllers",
    "processor": "dpv:DataProcessor",
    "recipient": "dpv:Recipient",
}
_REACH = {
    Scope.NONE: "fc:Nowhere",
    Scope.IN_VEHICLE: "fc:InVehicle",
    Scope.SITE: "fc:Site",
    Scope.CLOUD: "fc:Cloud",
    Scope.CDP: "fc:CustomerDataPlatform",
}


def to_linked(record: ConsentRecord) -> dict[str, Any]:
    """The record as JSON-LD."""
    return {
        "@context": CONTEXT,
        "@id": f"urn:forecourt:consent-record:{record.record_id}",
        "@type": "dpv:ConsentRecord",
        "dpv:hasIdentifier": record.record_id,
        "dct:hasVersion": record.version,
        "dct:issued": _time(record.issued_us),
        "fc:digest": record.digest,
        **({"fc:previousDigest": record.previous} if record.previous else {}),
        "dpv:hasDataSubject": {"@id": f"urn:forecourt:visit:{record.subject:016x}", "@type": "dpv:DataSubject"},
        "dpv:hasDataController": [_party(party) for party in record.parties if "controller" in party["role"]],
        "dpv:hasRecipient": [
            *[_party(party) for party in record.parties if "controller" not in party["role"]],
            *record.place["recipient_third_parties"],
        ],
        "dpv:hasJurisdiction": record.place["jurisdiction"],
        "dpv:hasWithdrawalMethod": record.place["withdrawal_method"],
        "dpv:hasRight": list(record.place["privacy_rights"]),
        "dpv:hasProcess": [_process(one, record) for one in record.purposes],
    }


def _process(one: PurposeConsent, record: ConsentRecord) -> dict[str, Any]:
    facts = one.facts or facts_of(one.purpose)
    told: dict[str, Any] = {
        "@type": "dpv:Process",
        "dct:title": one.purpose.word,
        "dpv:hasPurpose": {"@id": facts["dpv"]},
        "dpv:hasLegalBasis": {"@id": _BASES[facts["lawful_basis"]]},
        "dpv:hasConsentStatus": {"@id": one.state.dpv},
        "dct:date": _time(one.since_us),
        "dpv:hasIndicationMethod": one.surface,
        "dpv:hasPersonalData": [f"fc:{tier}" for tier in facts["pii_tiers"]],
        "dpv:hasStorageCondition": {
            "@type": "dpv:StorageCondition",
            "dpv:hasDuration": {"@type": "xsd:duration", "@value": f"P{facts['retention_days']}D"},
            "dpv:hasLocation": list(record.place["storage_locations"]),
        },
        "fc:reach": {"@id": _REACH[one.scope]},
        "fc:enteredIn": one.record_id,
    }
    if one.valid_until_us is not None:
        told["dct:valid"] = _time(one.valid_until_us)
    if one.notice is not None:
        told["dpv:hasNotice"] = {
            "@id": one.notice.uri,
            "@type": "dpv:ConsentNotice",
            "dct:language": one.notice.language,
            "dct:hasVersion": one.notice.version,
            "fc:sha256": one.notice.sha256,
        }
    if one.evidence:
        told["fc:evidence"] = dict(one.evidence)
    return told


def _party(party: Any) -> dict[str, str]:
    return {
        "@id": f"urn:forecourt:party:{party['id']}",
        "@type": _ROLES.get(party["role"], "dpv:LegalEntity"),
        "dpv:hasName": party["name"],
        "dpv:hasAddress": party["address"],
        "dpv:hasContact": party["contact"],
    }


def _time(at_us: int) -> dict[str, str]:
    told = datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {"@type": "xsd:dateTime", "@value": f"{told}.{at_us % 1_000_000:06}Z"}
