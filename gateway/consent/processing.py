"""The record of processing activities (GDPR Art. 30) as the software enforces it; must never say what it does not."""

from typing import Any

from gateway.consent.events import EventRegister
from gateway.consent.fields import FieldPolicy
from gateway.consent.parties import Parties
from gateway.consent.policy import SignalPolicy
from gateway.consent.purposes import PurposeRegister
from gateway.model import DataTier, Purpose

SECURITY = (
    "default deny: what nobody granted, classified or understood is neither kept nor sent",
    "sealed on the device with a key per visit and set of purposes (AES-GCM), destroyed at withdrawal",
    "signed by device and cloud (Ed25519), carried over TLS; topics, logs and metrics name no person",
    "a random handle per visit instead of a name (pseudonymisation, Art. 4(5))",
)
SUBJECTS = ("guests of a showroom or a test drive",)


def processing(parties: Parties | None = None) -> dict[str, Any]:
    """The record as plain data, an activity for each purpose; raises ConfigError when a register cannot be used."""
    parties = parties or Parties.load()
    purposes, events = PurposeRegister.load(), EventRegister.load()
    signals, fields = SignalPolicy.load(), FieldPolicy()
    return {
        "form": "forecourt-processing-1",
        "controllers": [dict(party) for party in parties.parties if "controller" in party["role"]],
        "jurisdiction": parties.place["jurisdiction"],
        "data_subjects": list(SUBJECTS),
        "activities": [_activity(purpose, purposes, events, signals, fields, parties) for purpose in Purpose],
        "never_collected": sorted(path for path, rule in signals.rules.items() if rule.tier is DataTier.FORBIDDEN),
        "control": [
            {"event": entry.event, "about": entry.about, "retention_days": entry.retention_days, "owner": entry.owner}
            for entry in events.entries.values()
            if not entry.purposes
        ],
        "security": list(SECURITY),
    }


def _activity(
    purpose: Purpose,
    purposes: PurposeRegister,
    events: EventRegister,
    signals: SignalPolicy,
    fields: FieldPolicy,
    parties: Parties,
) -> dict[str, Any]:
    entry, bit = purposes[purpose], 1 << purpose
    return {
        "purpose": purpose.word,
        "title": dict(entry.title),
        "text": dict(entry.text),
        "dpv": entry.dpv,
        "legal_basis": entry.basis,
        "article": entry.article,
        "double_opt_in": entry.double_opt_in,
        "reaches_at_most": entry.scope_max.word,
        "tiers": sorted(tier.name.lower() for tier in entry.tiers),
        "retention_days": entry.retention_days,
        "owner": entry.owner,
        "recipients": [
            *(party["name"] for party in parties.parties if "controller" not in party["role"]),
            *parties.place["recipient_third_parties"],
        ],
        "storage_locations": list(parties.place["storage_locations"]),
        "events": [
            {
                "event": one.event,
                "about": one.about,
                "tier": one.tier.name.lower(),
                "retention_days": one.retention_days,
            }
            for one in events.entries.values()
            if purpose in one.purposes
        ],
        "signals": sorted(path for path, rule in signals.rules.items() if rule.purposes & bit),
        "fields": fields.allowed(bit),
    }


def as_text(record: dict[str, Any]) -> str:
    """The record for people, wrapped by nobody: one line for each fact."""
    lines = ["Record of processing activities (GDPR Art. 30)", ""]
    lines += [
        f"{party['role']}: {party['name']}, {party['address']}, {party['contact']}" for party in record["controllers"]
    ]
    lines += [f"data subjects: {', '.join(record['data_subjects'])}", f"jurisdiction: {record['jurisdiction']}"]
    for one in record["activities"]:
        lines += [
            "",
            f"{one['purpose']}: {one['text']['en']}",
            f"  basis      {one['legal_basis'].replace('_', ' ')}, {one['article']}"
            + (", confirmed by double opt-in" if one["double_opt_in"] else ""),
            f"  tells      at most {', '.join(one['tiers'])}; goes no further than {one['reaches_at_most']}",
            f"  kept       {one['retention_days']} days at most; in {', '.join(one['storage_locations'])}",
            f"  owner      {one['owner']}",
            f"  recipients {', '.join(one['recipients']) or 'none beside the controllers'}",
            f"  events     {', '.join(event['event'] for event in one['events']) or 'none today'}",
            f"  data       {len(one['signals'])} signals or branches, {len(one['fields'])} fields (--json lists them)",
        ]
    lines += ["", "Told by devices of themselves, for no purpose of a guest:"]
    lines += [f"  {one['event']}: {one['about']} {one['retention_days']} days" for one in record["control"]]
    lines += ["", f"Never collected, whatever anybody agrees to: {len(record['never_collected'])} signals or branches"]
    lines += ["", "Security (Art. 32):", *(f"  {one}" for one in record["security"])]
    return "\n".join(lines) + "\n"
