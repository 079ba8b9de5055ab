"""What a vehicle card may say, and that one which lies is refused; must never trust a number for its format."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from gateway.contracts.vehicle_card import VehicleCardContract
from gateway.errors import ConfigError, InputError
from gateway.profile.fields import FIELDS
from gateway.profile.fit import (
    DriveSide,
    Policy,
    card_from_toml,
    finding,
    load_card,
    load_cards,
    overlay_path,
    paths_of,
)
from gateway.profile.fit.leaves import PRIVATE, known_paths, leaf_kind
from simulators.databroker import Catalogue
from simulators.headunit import catalogue_for
from tests.unit.profile_fit.texts import SALOON, changed, text_of, without
from vehicle_agent.cabin.fitting import limits_of
from vehicle_agent.cabin.paths import Moves, leaf_of


class TestSaloon(VehicleCardContract):
    """Ours keep the contract too."""

    def toml(self) -> str:
        """A left-hand drive with two zones."""
        return text_of("saloon")


class TestSuv(VehicleCardContract):
    """Three zones."""

    def toml(self) -> str:
        """A left-hand drive with everything."""
        return text_of("suv")


class TestCity(VehicleCardContract):
    """One zone, right-hand drive, no memory, no lift, no lumbar."""

    def toml(self) -> str:
        """The smallest."""
        return text_of("city")


def test_the_packaged_models_differ() -> None:
    """Both drive sides, one to three zones, with and without memory, lumbar and height."""
    cards = load_cards()
    assert {card.drive_side for card in cards.values()} == {DriveSide.LEFT, DriveSide.RIGHT}
    assert {len(card.zones) for card in cards.values()} == {1, 2, 3}
    assert {"memory_seat" in card.features for card in cards.values()} == {True, False}
    lumbar = "seat.lumbar_depth_pct"
    assert {lumbar in paths_of(card) for card in cards.values()} == {True, False}
    assert set().union(*(paths_of(card) for card in cards.values())) == FIELDS.keys()


LIES: list[tuple[str, Callable[[str], str], str]] = [
    ("no TOML", lambda text: text + "=", "not TOML"),
    ("too long", lambda text: text + "#" * 140_000, "longer than"),
    ("no id", changed('id = "saloon"\n', ""), "id: is missing"),
    ("id with a space", changed('id = "saloon"', 'id = "my car"'), "id: 'my car' is no id"),
    ("no revision", changed("revision = 1\n", ""), "revision: is missing"),
    ("drive side", changed('drive_side = "left"', 'drive_side = "middle"'), "none of left, right"),
    ("unknown key", changed("vss_major = 6", "vss_mayor = 6"), "did you mean 'vss_major'"),
    ("switch", changed("DriverSide.Position", "DriverSide.IsForwardSwitchEngaged"), "no leaf that a profile may set"),
    ("brake", changed("Vehicle.Cabin.Infotainment.Media.Volume", "Vehicle.Chassis.ParkingBrake.IsEngaged"), "no leaf"),
    ("wrong unit", changed('Position" = { unit = "mm"', 'Position" = { unit = "cm"'), "'cm' is none of mm"),
    ("no range", changed(" low = 0, high = 255,", ""), "low: is missing: what has no configured range"),
    ("half a range", changed(" high = 255,", ""), "high: is missing"),
    ("NaN", changed("high = 255", "high = nan"), "no finite number"),
    ("infinite", changed("high = 255", "high = inf"), "no finite number"),
    ("truth for a number", changed("high = 255", "high = true"), "no finite number"),
    ("text for a number", changed("high = 255", 'high = "255"'), "no finite number"),
    ("upside down", changed("low = 0, high = 255", "low = 255, high = 0"), "has to be more than low"),
    ("below VSS", changed("low = 0, high = 255", "low = -5, high = 255"), "outside the range of VSS"),
    ("too long a way", changed("high = 255", "high = 2550"), "longer than any cabin"),
    ("step of nothing", changed("high = 255, step = 1", "high = 255, step = 0"), "step: 0 is not between"),
    ("half a millimetre", changed("high = 255, step = 1", "high = 255, step = 0.5"), "whole numbers only"),
    ("endlessly slow", changed("step = 1, speed_per_s = 22", "step = 1"), "speed_per_s has to say"),
    ("moves at any time", changed("speed_per_s = 22 }", 'speed_per_s = 22, policy = "any_time" }'), "moves a part"),
    ("unknown policy", changed("speed_per_s = 22 }", 'speed_per_s = 22, policy = "sometimes" }'), "none of any_time"),
    ("both lumbars", changed("DriverSide.Headrest.Height", "DriverSide.Backrest.TopLumbarSupport", True), "not both"),
    ("levels go down", changed("levels = [0, 33, 66, 100]", "levels = [0, 66, 33, 100]"), "have to ascend"),
    ("levels without", changed("levels = [0, 33, 66, 100]", "levels = [0, 150]"), "have to ascend within"),
    ("no words", changed('= { words = ["UP", "MIDDLE", "DOWN"] }', "= {}"), "which of UP, MIDDLE, DOWN"),
    ("air everywhere", changed('["UP", "MIDDLE", "DOWN"]', '["EVERYWHERE"]'), "none of UP, MIDDLE, DOWN"),
    ("zone of nothing", changed('passenger = "Row1.Passenger"', 'passenger = "Row3.Passenger"'), "no actuator below"),
    ("zone twice", changed('passenger = "Row1.Passenger"', 'passenger = "Row1.Driver"'), "another zone's station"),
    ("no driver's zone", changed('driver = "Row1.Driver"\n', ""), "driver: is missing"),
    ("band", changed('bands = ["FM", "DAB", "ONLINE"]', 'bands = ["LW"]'), "none of FM, DAB, ONLINE"),
    ("station", changed("dab:e0.1001.d3a7", "dab:nowhere"), "none of dab:ECC.EID.SID"),
    ("hip in the roof", changed("design_hip_z_mm = 265", "design_hip_z_mm = 500"), "Height and hip_z_mm disagree"),
    ("flying", changed("hip_z_mm = 235", "hip_z_mm = 2350"), "not between 80 and 600"),
    ("no geometry of the wheel", without("geometry.wheel"), "wheel: is missing"),
    ("no geometry of a mirror", without("geometry.driver_mirror"), "the mirror moves"),
    ("Pan in VSS 6", changed("DriverSide.Yaw", "DriverSide.Pan"), "turned its direction round"),
    ("Yaw in VSS 5", changed("vss_major = 6", "vss_major = 5"), "VSS 5 has no Yaw"),
    ("a number for a table", lambda text: "actuators = 7\n" + without("actuators")(text), "a table is expected"),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "said"), [(lie, said) for _, lie, said in LIES], ids=[name for name, _, _ in LIES])
def test_a_card_that_lies_is_refused(lie: Callable[[str], str], said: str) -> None:
    """Each with the key and what is wrong."""
    assert card_from_toml(SALOON).id == "saloon"
    text = lie(SALOON)
    assert text != SALOON
    with pytest.raises(InputError) as caught:
        card_from_toml(text)
    assert said in str(caught.value)


def test_a_file_is_read_and_its_mistakes_name_it(tmp_path: Path) -> None:
    """What ends with .toml is a file; absent, binary or lying ones are refused with its name."""
    good = tmp_path / "mine.toml"
    good.write_text(SALOON.replace('id = "saloon"', 'id = "mine"'))
    assert load_card(str(good)).id == "mine"
    assert load_card(good).id == "mine"
    for name, bytes_, said in (
        ("none.toml", None, "No such file"),
        ("binary.toml", b"\xff\xfe", "no text in UTF-8"),
        ("long.toml", b"#" * 200_000, "longer than"),
        ("bad.toml", b"id = 1", "bad.toml: "),
    ):
        if bytes_ is not None:
            (tmp_path / name).write_bytes(bytes_)
        with pytest.raises(ConfigError, match=name) as caught:
            load_card(tmp_path / name)
        assert said in str(caught.value)


def test_a_name_that_nobody_offers_says_what_there_is() -> None:
    """And how to name a file."""
    with pytest.raises(ConfigError, match=r"installed are: saloon, suv, city.*\.toml"):
        load_card("limousine")


def broken() -> str:
    """A card of another package that raises."""
    raise RuntimeError("no")


def other() -> str:
    """A card of another package."""
    return SALOON.replace('id = "saloon"', 'id = "other"')


def later() -> str:
    """Another revision of ours, of which there are cars on the road."""
    return SALOON.replace("revision = 1", "revision = 2")


def number() -> int:
    """No card."""
    return 7


def test_one_bad_package_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken ones and ones under a false name are left out of the list, and refused by name."""
    here = "tests.unit.profile_fit.test_cards"
    offered = EntryPoints(
        EntryPoint(name, f"{here}:{what}", finding.GROUP)
        for name, what in {
            "broken": "broken",
            "other": "other",
            "number": "number",
            "alias": "other",
            "x": "no",
            "saloon@2": "later",
            "saloon": "later",
            "other@1": "other",
        }.items()
    )
    monkeypatch.setattr(finding, "entry_points", lambda group: offered.select(group=group))
    assert list(load_cards()) == ["saloon", "suv", "city", "other", "saloon@2"]
    assert load_card("other").id == "other"
    assert (load_card("saloon").revision, load_card("saloon@2").revision) == (1, 2)
    for name, said in (
        ("broken", "RuntimeError: no"),
        ("number", "the text of a TOML document, not int"),
        ("alias", "its names are other and other@1"),
        ("x", "AttributeError"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_card(name)


def test_a_never_actuator_is_not_asked_for() -> None:
    """A manual seat of a card stays where it is."""
    card = card_from_toml(SALOON.replace("speed_per_s = 22 }", 'policy = "never" }'))
    assert card.actuators["Vehicle.Cabin.Seat.Row1.DriverSide.Position"].policy is Policy.NEVER
    assert "seat.leg_mm" not in paths_of(card)


def test_the_cabin_knows_every_leaf_in_the_same_way() -> None:
    """What a card may call harmless does not move in the cabin's eyes, and what moves there moves here."""
    for path in known_paths():
        kind = leaf_kind(path)
        assert kind is not None
        moves = leaf_of(path).moves
        assert moves is not Moves.FORBIDDEN, path
        assert (kind.does == "motion") is moves.is_motion, path
        assert (kind.does == "heat") is (moves is Moves.HEAT), path


def test_a_simulated_head_unit_serves_each_card() -> None:
    """Every actuator is a leaf of VSS or of the overlay with the same unit and type."""
    private = Catalogue.read(overlay_path())
    assert all(path.startswith(PRIVATE) for path in private)
    for card in load_cards().values():
        catalogue = catalogue_for(limits_of(card), private)
        assert card.actuators.keys() <= catalogue.keys()
        for path, one in card.actuators.items():
            assert one.unit.casefold() == catalogue[path].unit.casefold(), path


@pytest.mark.shared_data
def test_leaves_are_those_of_vss(shared_data: Path) -> None:
    """Names, types, units and bounds, against an export of VSS 6.0."""
    vss = Catalogue.read(shared_data / "vss" / "vss-6.0.json")
    for path in known_paths():
        kind = leaf_kind(path)
        assert kind is not None
        if path.startswith(PRIVATE):
            assert path not in vss
            continue
        leaf = vss[path]
        assert (kind.datatype, leaf.entry) == (leaf.datatype, "actuator"), path
        assert kind.unit.casefold() == leaf.unit.casefold(), path
        assert leaf.low is None or leaf.low == kind.low, path
        assert leaf.high is None or leaf.high == kind.high, path
