"""One advertisement as a hub heard it; must never outlive the hub with its address."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from showroom_agent.radio.bounds import RSSI_DBM_MAX, RSSI_DBM_MIN


@dataclass(frozen=True, slots=True)
class Advert:
    """An advertisement and how strongly it came in.

    `address`: six bytes, most significant first. `random`: whether it is a random address (Core Specification, Vol 6,
    Part B, 1.3). `rssi` in dBm as the controller said it, None for none; `at_s`: the hub's monotonic clock.
    `manufacturer`: company id to data. `services`: 128-bit UUID in lower case to service data.
    """

    address: bytes
    rssi: int | None
    at_s: float
    random: bool = True
    manufacturer: Mapping[int, bytes] = field(default_factory=dict)
    services: Mapping[str, bytes] = field(default_factory=dict)
    name: str = ""
    tx_power: int | None = None


def usable(rssi: int | None) -> bool:
    """Whether a receiver measured that, in dBm: -127, 0, positive levels and none mean "unknown" or a fault."""
    return rssi is not None and RSSI_DBM_MIN <= rssi <= RSSI_DBM_MAX
