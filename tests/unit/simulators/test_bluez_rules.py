"""The stand-in's rules, one by one, as bluetoothd and the kernel have them."""

from collections.abc import Mapping

import pytest

from simulators.bluez.rules import FORGOTTEN_S, Appeared, Changed, Removed, Report, Rules

ADDRESS = "C0:00:00:00:00:01"
LOSSLESS = {"RSSI": -127, "DuplicateData": True}


def report(rssi: int = -60, data: bytes = b"abc", address: str = ADDRESS) -> Report:
    """An advert with data of a company."""
    return Report(address, rssi, {0x4C: data})


def rules(*filters: Mapping[str, object], drops_duplicates: bool = False) -> Rules:
    """An adapter on which a client for each filter discovers."""
    found = Rules("/org/bluez/hci0", drops_duplicates=drops_duplicates)
    for number, one in enumerate(filters):
        found.discovering[f":1.{number}"] = one
    return found


def levels(adapter: Rules, *rssi: int) -> list[int | None]:
    """What clients are told of adverts at these levels; None where they are told no level."""
    found: list[int | None] = []
    for number, level in enumerate(rssi):
        signals = adapter.report(report(level), number / 10)
        found += [signal.properties.get("RSSI") for signal in signals if not isinstance(signal, Removed)]
    return found


def test_nobody_is_told_while_nobody_asks() -> None:
    """No discovery, no monitor."""
    assert rules().report(report(), 0.0) == []


def test_the_first_advert_makes_a_device() -> None:
    """With everything that was in it."""
    (signal,) = rules({}).report(report(-61), 0.0)
    assert isinstance(signal, Appeared)
    assert signal.path == "/org/bluez/hci0/dev_C0_00_00_00_00_01"
    assert (signal.properties["RSSI"], signal.properties["ManufacturerData"]) == (-61, {0x4C: b"abc"})


def test_a_level_comes_again_when_it_moved_by_8_db() -> None:
    """The reason why a scan without filters loses three of four adverts."""
    assert levels(rules({}), -60, -67, -68, -61, -60) == [-60, -68, -60]


def test_duplicates_without_levels_are_told_with_a_stale_level() -> None:
    """Data comes each time, the level only when it moved."""
    assert levels(rules({"DuplicateData": True}), -60, -67, -68) == [-60, None, -68]


def test_a_bound_for_levels_makes_each_come() -> None:
    """And nothing of what is below."""
    assert levels(rules(LOSSLESS), -60, -61, -60, -60) == [-60, -61, -60, -60]
    assert levels(rules({"RSSI": -70}), -60, -71, -61) == [-60, -61]


def test_filters_of_all_clients_are_merged() -> None:
    """Another program's filter changes what we are told."""
    assert levels(rules({}, {"RSSI": -127}), -60, -61) == [-60, -61]
    assert levels(rules({"RSSI": -70}, {}), -60, -71) == [-60, -71]


def test_the_last_stop_takes_levels_back_and_forgets() -> None:
    """Earlier stops do nothing."""
    adapter = rules({}, {})
    adapter.report(report(), 0.0)
    adapter.report(Report("C0:00:00:00:00:02", -50, connectable=True), 0.0)
    assert adapter.stop(":1.0") == []
    told = adapter.stop(":1.1")
    assert [signal for signal in told if isinstance(signal, Changed)] == [
        Changed("/org/bluez/hci0/dev_C0_00_00_00_00_01", {}, ("RSSI",)),
        Changed("/org/bluez/hci0/dev_C0_00_00_00_00_02", {}, ("RSSI",)),
    ]
    assert [signal for signal in told if isinstance(signal, Removed)] == [
        Removed("/org/bluez/hci0/dev_C0_00_00_00_00_01")
    ]
    assert adapter.stop(":1.1") == []


def test_who_is_not_heard_is_forgotten() -> None:
    """After 30 s, whoever discovers."""
    adapter = rules(LOSSLESS)
    adapter.report(report(), 0.0)
    assert adapter.forget_old(FORGOTTEN_S) == []
    assert len(adapter.forget_old(FORGOTTEN_S + 1)) == 1
    assert isinstance(adapter.report(report(), 40.0)[0], Appeared)


@pytest.mark.parametrize("monitored", [False, True])
def test_a_controller_leaves_out_duplicates_unless_a_monitor_is_there(monitored: bool) -> None:
    """The same advert at most each 10 s; other data at once."""
    adapter = rules(LOSSLESS, drops_duplicates=True)
    if monitored:
        adapter.monitors[":1.0", "/m"] = [(0, 1, b"\x06")]
    times = [0.0, 1.0, 5.0, 10.5, 11.0]
    told = [bool(adapter.report(report(-60 - round(now_s)), now_s)) for now_s in times]
    assert told == ([True] * 5 if monitored else [True, False, False, True, False])
    assert adapter.report(report(-60, b"other"), 11.5)


def test_a_monitor_alone_lets_through_what_it_matches() -> None:
    """By type, place and content."""
    adapter = rules()
    adapter.monitors[":1.9", "/m"] = [(0, 0xFF, b"\x4c\x00ab")]
    assert adapter.report(report(), 0.0)
    assert adapter.report(report(data=b"xyz", address="C0:00:00:00:00:03"), 0.0) == []
    adapter.leave(":1.9")
    assert adapter.report(report(-40), 1.0) == []
