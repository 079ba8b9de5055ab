"""Climate, radio and home between models: zones, units, levels, bands, stations; must never heat more than wished."""

import pytest

from gateway.profile.fields import Value
from gateway.profile.fit import Card, Fit, Setting, card_from_toml, fit, load_card, load_cards, middle_readings, unfit
from gateway.profile.fit.radio import presets_for, receivable, service
from tests.unit.profile_fit.texts import SALOON, changed, text_of

STATION = "Vehicle.Cabin.HVAC.Station."
WISHES: dict[str, Value] = {
    "climate.driver.temperature_c": 21.5,
    "climate.driver.fan_pct": 42.0,
    "climate.driver.seat_heating_pct": 70.0,
    "climate.air_distribution": "DOWN",
    "climate.passenger.temperature_c": 24.0,
    "climate.passenger.seat_heating_pct": -50.0,
    "climate.rear.temperature_c": 22.4,
    "climate.rear.fan_pct": 60.0,
    "climate.rear.seat_heating_pct": 99.0,
}


def settings(found: Fit) -> dict[str, Setting]:
    """Settings by field."""
    return {one.field: one.value for one in found.targets}


def why(found: Fit, field: str) -> str:
    """Why a field was left out."""
    return dict(found.skipped)[field]


def test_three_zones() -> None:
    """Each zone has its own, on its own steps."""
    assert settings(fit(WISHES, {}, load_card("suv"))) == {
        "climate.driver.temperature_c": 21.5, "climate.driver.fan_pct": 40, "climate.driver.seat_heating_pct": 60,
        "climate.air_distribution": "DOWN", "climate.passenger.temperature_c": 24,
        "climate.passenger.seat_heating_pct": -40, "climate.rear.temperature_c": 22, "climate.rear.fan_pct": 50,
        "climate.rear.seat_heating_pct": 50,
    }  # fmt: skip


def test_two_zones_and_levels() -> None:
    """The rear is left out; heating goes down to a level that the car has, and what only heats does not cool."""
    found = fit(WISHES, {}, load_card("saloon"))
    assert settings(found)["climate.driver.seat_heating_pct"] == 66
    assert settings(found)["climate.passenger.seat_heating_pct"] == 0
    assert "driver's wishes hold" in why(found, "climate.rear.temperature_c")


def test_one_zone_takes_the_drivers_wishes() -> None:
    """Case 9: passenger and rear are told why, and an air that the car does not blow is not blown."""
    found = fit(WISHES, {}, load_card("city"))
    assert settings(found) == {
        "climate.driver.temperature_c": 22, "climate.driver.fan_pct": 50, "climate.driver.seat_heating_pct": 50,
    }  # fmt: skip
    assert "driver's wishes hold" in why(found, "climate.passenger.temperature_c")
    assert why(found, "climate.air_distribution") == "this car does not blow that way"


def test_a_temperature_beyond_the_range_is_clamped_and_told() -> None:
    """Only the range clamps; the next step is no shortcoming."""
    found = fit({"climate.driver.temperature_c": 15.0}, {}, load_card("city"))
    (one,) = found.targets
    assert (one.value, one.clamped, one.residual) == (17, True, 2)
    assert "17 to 27" in one.why
    (one,) = fit({"climate.driver.temperature_c": 21.3}, {}, load_card("city")).targets
    assert (one.value, one.clamped) == (21, False)


def test_a_car_in_fahrenheit() -> None:
    """The profile is in Celsius; the card says what its leaf takes."""
    text = changed(
        'Driver.Temperature" = { unit = "celsius", low = 16, high = 28, step = 0.5',
        'Driver.Temperature" = { unit = "fahrenheit", low = 60, high = 84, step = 1',
    )(SALOON)
    card = card_from_toml(text)
    (one,) = fit({"climate.driver.temperature_c": 21.5}, {}, card).targets
    assert one.value == 71
    assert one.residual == pytest.approx(0.1667, abs=1e-3)
    assert unfit({one.path: 71}, card)["climate.driver.temperature_c"] == pytest.approx(21.667, abs=1e-3)


@pytest.mark.parametrize("name", ["saloon", "suv", "city"])
def test_heating_is_never_stronger_than_wished(name: str) -> None:
    """Nor is cooling, whatever the levels."""
    card = load_card(name)
    for wish in range(-100, 101):
        for one in fit({"climate.driver.seat_heating_pct": float(wish)}, {}, card).targets:
            assert isinstance(one.value, int | float)
            assert abs(one.value) <= abs(wish)
            assert one.value * wish >= 0


def test_keys_of_stations() -> None:
    """What is none is none: no host without a scheme, no frequency without digits, nothing endless."""
    assert service("DAB:E0.1001.D3A1") == service("dab:e0.1001.d3a1")
    for key in (
        "",
        "fm:",
        "fm:d3a1@",
        "fm:d3a1@9430a",
        "dab:e0.1001",
        "uri:ftp://x",
        "uri:https://",
        "fm:d3a1@94300\n",
    ):
        assert service(key) is None
    assert service("uri:https://radio.example/" + "x" * 300) is None
    for name in load_cards():
        assert all(service(key) for station in load_card(name).radio.stations for key in station.services)


def test_a_station_is_found_in_another_band_and_region() -> None:
    """By its code, which FM and DAB share; in FM on the frequency of the region."""
    suv, city = load_card("suv").radio, load_card("city").radio
    found = receivable("dab:e0.1001.d3a1", city)
    assert found is not None
    assert (found.key, found.band, found.khz) == ("fm:d3a1@96100", "FM", 96_100)
    found = receivable("fm:d3a1@94300", suv)
    assert found is not None
    assert found.khz == 88_700
    found = receivable("dab:e0.1001.d3a1", suv)
    assert found is not None
    assert found.key == "dab:e0.10bc.d3a1"
    assert receivable("uri:https://radio.example/other", city) is None
    assert receivable("fm:ffff@76000", suv) is None, "outside of the band"


def test_tuning_in_a_car_without_dab() -> None:
    """Band, service and frequency go together, and the change of band is told."""
    wishes: dict[str, Value] = {"radio.band": "DAB", "radio.service_id": "dab:e0.1001.d3a1", "radio.volume_pct": 90.0}
    found = fit(wishes, {}, load_card("city"))
    assert settings(found) == {
        "radio.service_id": "fm:d3a1@96100", "radio.band": "FM", "radio.frequency_khz": 96_100, "radio.volume_pct": 80,
    }  # fmt: skip
    assert {one.field: one.why for one in found.targets}["radio.band"] == "is received by FM here"
    assert {one.field: one.clamped for one in found.targets}["radio.volume_pct"] is True
    lost = fit({"radio.band": "ONLINE", "radio.service_id": "uri:https://radio.example/x"}, {}, load_card("city"))
    assert lost.targets == ()
    assert why(lost, "radio.service_id") == "this station cannot be received in this car"


def test_a_frequency_alone() -> None:
    """Is tuned to where the raster has it."""
    suv = load_card("suv")
    assert settings(fit({"radio.band": "FM", "radio.frequency_khz": 94_300}, {}, suv)) == {
        "radio.band": "FM", "radio.frequency_khz": 94_300,
    }  # fmt: skip
    assert why(fit({"radio.frequency_khz": 94_350}, {}, suv), "radio.frequency_khz") == "this car cannot tune to it"
    assert why(fit({"radio.band": "LW"}, {}, suv), "radio.band") == "this car has no such band"


def test_favourites() -> None:
    """In their order, none twice, as many as there are keys; what is missing is counted."""
    keys = [
        "dab:e0.1001.d3a1",
        "fm:d3a1@94300",
        "uri:https://radio.example/x",
        *(f"fm:{n:04x}@9{n}000" for n in range(1, 9)),
    ]
    found, reasons = presets_for(keys, load_card("city").radio)
    assert found == ("fm:d3a1@96100", *(f"fm:{n:04x}@9{n}000" for n in range(1, 6)))
    assert reasons == ["1 cannot be received in this car", "3 find no room among its 6 keys"]
    (one,) = fit({"radio.presets": tuple(keys)}, {}, load_card("city")).targets
    assert (one.value, one.clamped) == (found, True)
    assert len(presets_for([f"fm:{n:04x}@94300" for n in range(1_000)], load_card("suv").radio)[0]) == 20


def test_home_is_offered_where_there_is_a_navigation() -> None:
    """And its words appear in no reason."""
    home: dict[str, Value] = {"home.address": "Am Hafen 7", "home.latitude": 53.5438, "home.longitude": 9.9666}
    assert settings(fit(home, {}, load_card("suv"))) == home
    found = fit(home, {}, load_card("city"))
    assert found.targets == ()
    assert "Hafen" not in repr(found)
    assert "53.5" not in repr(found)


def radio_of(card: Card) -> dict[str, Setting]:
    """A tuner that plays."""
    media, private = "Vehicle.Cabin.Infotainment.Media.", "Vehicle.Private.Forecourt."
    return middle_readings(card) | {
        media + "Played.Source": "INTERNET", private + "Radio.Service": "uri:https://radio.example/nordwelle",
        private + "Radio.Presets": ("fm:d3a1@94300", "rubbish"), private + "Radio.Frequency": 0,
        private + "Home.Address": "", private + "Home.Latitude": 1.5,
    }  # fmt: skip


def test_readings_become_fields() -> None:
    """Rubbish, an empty address and a frequency of 0 are none."""
    card = card_from_toml(text_of("suv"))
    found = unfit(radio_of(card), card)
    assert {field: value for field, value in found.items() if field.startswith(("radio.", "home."))} == {
        "radio.band": "ONLINE", "radio.service_id": "uri:https://radio.example/nordwelle",
        "radio.presets": ("fm:d3a1@94300",), "radio.volume_pct": 50.0, "home.latitude": 1.5,
    }  # fmt: skip
