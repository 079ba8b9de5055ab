"""Failure cases of the design that merging survives, by their number; must never depend on an order of arrival."""

import random
from dataclasses import replace
from itertools import permutations

import pytest

from gateway.errors import InputError
from gateway.profile import (
    Conflict,
    Document,
    Edit,
    EpochRefused,
    Hlc,
    Origin,
    Register,
    Value,
    check_document,
    check_edit,
    merge,
    new_epoch,
    take,
)
from gateway.profile.document import SCHEMA
from gateway.profile.wording import document_bytes, edit_bytes, read_document, read_edit

NOW_MS = 1_800_000_000_000
EPOCH = new_epoch(NOW_MS)
LEG, TORSO, WARM, FAN = (
    "seat.leg_mm", "seat.torso_deg", "climate.driver.temperature_c", "climate.driver.fan_pct"
)  # fmt: skip
START = (
    Document(EPOCH)
    .with_group("posture", Edit("posture", {LEG: 800.0, TORSO: 25.0}, Hlc(NOW_MS, 0, "app"), Origin("app")).registers())
    .with_group(
        "climate.driver",
        Edit("climate.driver", {WARM: 20.0, FAN: 30.0}, Hlc(NOW_MS, 0, "app"), Origin("app")).registers(),
    )
)


def edit(document: Document, who: str, after_ms: int, group: str, values: dict[str, Value | None]) -> Edit:
    """As a device makes it that knows this document, and as it arrives."""
    made = document.edit(group, values, Hlc(NOW_MS + after_ms, 0, who), Origin(who))
    return read_edit(edit_bytes(1, EPOCH, made))[2]


def content(document: Document) -> dict[str, Register]:
    """All but the version, which counts changes at one place."""
    return dict(document.registers)


def test_case_4_two_cars_offline_change_one_field() -> None:
    """Case 4: whoever comes online first, the later wish holds everywhere, and the conflict names both."""
    edits = [edit(START, who, ms, "posture", {LEG: leg}) for who, ms, leg in (("a", 10, 850.0), ("b", 20, 900.0))]
    found = []
    for order in permutations(edits):
        document, conflicts = START, list[Conflict | None]()
        for one in order:
            taken = take(document, one, NOW_MS + 1_000)
            document = taken.document
            conflicts.append(taken.conflict)
        assert document.values[LEG] == 900.0
        (told,) = [one for one in conflicts if one is not None]
        assert (told.kept.node, told.lost.node, told.why) == ("b", "a", "newer")
        found.append(content(document))
    assert found[0] == found[1]
    cars = [take(START, one).document for one in edits]
    assert {merge(car, replace(START, registers=found[0])).document.values[LEG] for car in cars} == {900.0}


def test_case_4_the_same_millisecond_is_decided_the_same_everywhere() -> None:
    """Case 4: by the device's name, and told as chance."""
    one, other = (edit(START, who, 10, "posture", {LEG: leg}) for who, leg in (("a", 850.0), ("b", 900.0)))
    first = take(take(START, one).document, other)
    second = take(take(START, other).document, one)
    assert content(first.document) == content(second.document)
    assert first.document.values[LEG] == 900.0
    assert first.conflict is not None
    assert first.conflict.why == "same_time"


def test_case_5_two_groups_interleaved() -> None:
    """Case 5: each group is one device's as a whole, in all 24 orders: never A's leg under B's torso."""
    edits = [
        edit(START, "a", 10, "posture", {LEG: 850.0}),
        edit(START, "b", 11, "climate.driver", {WARM: 23.0}),
        edit(START, "a", 12, "climate.driver", {FAN: 60.0}),
        edit(START, "b", 13, "posture", {TORSO: 30.0}),
    ]
    found = []
    for order in permutations(edits):
        document = START
        for one in order:
            document = take(document, one).document
        found.append(content(document))
        assert {key: document.values[key] for key in (LEG, TORSO)} == {LEG: 800.0, TORSO: 30.0}
        assert {key: document.values[key] for key in (WARM, FAN)} == {WARM: 20.0, FAN: 60.0}
    assert all(one == found[0] for one in found)


def test_case_17_an_erased_profile_is_not_written_back() -> None:
    """Case 17: a car with the old epoch brings document and edits; neither leaves one byte in the new profile."""
    erased = Document(new_epoch(NOW_MS + 1))
    old = take(START, edit(START, "car", 99, "posture", {LEG: 999.0})).document
    for first, second in ((erased, old), (old, erased)):
        with pytest.raises(EpochRefused):
            merge(first, second)
    _, epoch, _ = read_edit(edit_bytes(1, old.epoch, edit(START, "car", 99, "posture", {LEG: 999.0})))
    assert epoch == old.epoch != erased.epoch
    assert erased.registers == {}


def test_case_19_and_20_twice_and_in_any_order() -> None:
    """Cases 19 and 20: a set, a deletion and a set again, each up to three times, in any order: one result.

    A late older set brings nothing back that was deleted, and a deletion nothing down that was set later.
    """
    rng = random.Random(5)
    first = edit(START, "a", 10, "posture", {LEG: 850.0})
    known = take(START, first).document
    gone = edit(known, "b", 20, "posture", {LEG: None})
    again = edit(take(known, gone).document, "a", 30, "posture", {LEG: 870.0})
    for chosen, value in (([first, gone], None), ([first, gone, again], 870.0), ([gone, again], 870.0)):
        found = set()
        for _ in range(50):
            letters = [one for one in chosen for _ in range(rng.randint(1, 3))]
            rng.shuffle(letters)
            document, changes = START, 0
            for one in letters:
                taken = take(document, one)
                document, changes = taken.document, changes + taken.changed
            assert document.values.get(LEG) == value
            assert document.values[TORSO] == 25.0
            assert changes <= len(chosen)
            assert document.version == changes
            found.add(repr(sorted(content(document).items())))
        assert len(found) == 1


def test_case_24_a_newer_schema_is_kept_and_passed_on() -> None:
    """Case 24: fields, words and ranges that this version does not know come through it unchanged."""
    stamp, app = Hlc(NOW_MS + 5, 0, "app"), Origin("app")
    newer = {
        one.key: one
        for one in (
            Register("seat.massage_program", "wave", stamp, app, "posture"),
            Register("radio.band", "HD", stamp, app),
            Register(WARM, 41.0, stamp, app),
            Register("radio.presets", "all", stamp, app),
        )
    }
    document = replace(START, registers=dict(START.registers) | newer, schema=SCHEMA + 1)
    through = read_document(document_bytes(document))
    assert through == document
    changed = take(through, edit(through, "car", 50, "posture", {LEG: 860.0})).document
    assert changed.values["seat.massage_program"] == "wave"
    assert changed.registers["seat.massage_program"].group == "posture"
    assert read_document(document_bytes(changed)).values[WARM] == 41.0
    with pytest.raises(InputError, match="lies between"):
        check_document(replace(document, schema=SCHEMA))


def test_case_24_a_group_of_tomorrow_is_edited_by_who_knows_it() -> None:
    """Case 24: and an edit of it is taken by who does not; what no version could hold is still refused."""
    made = Edit("massage", {"massage.program": "wave"}, Hlc(NOW_MS + 1, 0, "app"), Origin("app"))
    assert take(START, check_edit(made)).document.group("massage").keys() == {"massage.program"}
    for bad in ({"massage.program": "w" * 10_000}, {"Massage!": 1.0}, {"massage.level": float("inf")}):
        with pytest.raises(InputError):
            check_edit(replace(made, values=bad))
    with pytest.raises(InputError):
        check_document(
            replace(START, schema=9, registers={LEG: Register(LEG, float("nan"), Hlc(NOW_MS, 0, "a"), Origin("a"))})
        )
