"""A phone's receiver: adverts of the beacons around it, read as the platforms' apps do; must never know where it is.

An app on a phone gets adverts (Android) or ranged beacons (iOS: identifiers that it has named, a level once a second, 0
where there is none). Both come down to what a beacon says and how loud it was.
"""

from collections.abc import Mapping

from showroom_agent.radio import Advert, Beacon, Parsers, built_in
from simulators.world.radio import Air, Place

APPLE = 0x004C
AT_1_M_DBM = -59
LevelsOf = Mapping[str, list[int]]
"""Levels in dBm of what was heard, by what the beacon says."""


def ibeacon_data(key: str, at_1_m_dbm: int = AT_1_M_DBM) -> bytes:
    """What a beacon sends whose key in the plan is `ibeacon:{uuid}:{major}:{minor}`."""
    _, uuid, major, minor = key.split(":")
    numbers = int(major).to_bytes(2, "big") + int(minor).to_bytes(2, "big")
    return b"\x02\x15" + bytes.fromhex(uuid) + numbers + at_1_m_dbm.to_bytes(1, "big", signed=True)


class PhoneEars:
    """Hears the beacons of a floor, `gain_db` louder or fainter than hubs would."""

    def __init__(self, air: Air, gain_db: float = 0.0) -> None:
        """Only hubs with a beacon in the plan send; the format is iBeacon's."""
        self._air, self._gain_db = air, gain_db
        self._parsers = Parsers(built_in())
        self._sent = [(place, ibeacon_data(hub.beacon)) for place, hub in enumerate(air.hubs) if hub.beacon]

    def hear(self, place: Place, seconds: float) -> LevelsOf:
        """What came in during a while at a place."""
        heard: dict[str, list[int]] = {}
        for hub, data in self._sent:
            for level in self._air.levels(hub, place, self._air.adverts(seconds)):
                said = self._read(Advert(bytes(6), level, 0.0, manufacturer={APPLE: data}))
                if said is not None:
                    heard.setdefault(said.key, []).append(round(level + self._gain_db))
        return heard

    def _read(self, advert: Advert) -> Beacon | None:
        return self._parsers.parse(advert)
