"""What a hub heard, advert by advert, for replay on a desk; must never hold a stranger's address or payload.

JSON lines. A stranger is a number that is only good within one log: it comes from a secret that is never written. So
a replay counts strangers as the hub did, and nobody can be found in a log.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forecourt.v1 import showroom_pb2

from gateway.errors import InputError
from showroom_agent.hub.ears import Ears
from showroom_agent.hub.frames import FrameMaker, ScannerState
from showroom_agent.hub.watch import Watch
from showroom_agent.radio import Advert

VERSION = 1
LINE_CHARS_MAX = 4_096
STRANGER_BYTES = 8
SECONDS_MAX = 1e10
WALL_US_MAX = 1 << 62
TEXT_CHARS_MAX = 64


class Recorder:
    """Lines of a log, in memory until somebody takes them: `take` and write them where it may block."""

    def __init__(self, hub: str, boot: int, now_s: float, wall_us: int) -> None:
        """A log of one run of a hub's process, begun as FrameMaker.begin is."""
        self._salt = os.urandom(16)
        self._lines = [json.dumps({"version": VERSION, "hub": hub, "boot": f"{boot:016x}", "f": now_s, "w": wall_us})]

    def heard(self, advert: Advert, tag: str) -> None:
        """An advert and what Ears.hear answered."""
        line: dict[str, Any] = {"t": advert.at_s, "r": advert.rssi}
        if tag:
            line |= {"a": advert.address.hex(), "p": advert.random}
            if advert.manufacturer:
                line["m"] = {str(company): data.hex() for company, data in advert.manufacturer.items()}
            if advert.services:
                line["s"] = {uuid: data.hex() for uuid, data in advert.services.items()}
        else:
            line["x"] = hashlib.blake2b(advert.address, key=self._salt, digest_size=STRANGER_BYTES).hexdigest()
        self._lines.append(json.dumps(line, separators=(",", ":")))

    def frame(self, now_s: float, wall_us: int, state: ScannerState) -> None:
        """FrameMaker.make was called so."""
        line = {"f": now_s, "w": wall_us, "mode": int(state.mode), "fault": state.fault}
        self._lines.append(json.dumps(line, separators=(",", ":")))

    def take(self) -> bytes:
        """The lines since the last call."""
        lines, self._lines = self._lines, []
        return "".join(line + "\n" for line in lines).encode()


def replay(lines: Iterable[str], watch: Watch) -> Iterator[showroom_pb2.SightingFrame]:
    """The frames of a log, bit for bit as the hub made them, if it knew the same tags.

    Raises InputError with the number of a line that is none of a log.
    """
    maker: FrameMaker | None = None
    for number, line in enumerate(lines, 1):
        entry = read_line(line, number)
        if "t" not in entry and "version" in entry:
            if entry["version"] != VERSION:
                raise InputError(f"line {number}: a log of version {entry['version']}; this program reads {VERSION}")
            maker = FrameMaker(str(entry["hub"]), int(entry["boot"], 16), Ears(watch))
            maker.begin(entry["f"], entry["w"])
        elif maker is None:
            raise InputError(f"line {number}: a log begins with its version, hub and boot")
        elif "t" in entry:
            maker.ears.hear(_advert(entry))
        else:
            frame = maker.make(entry["f"], entry["w"], ScannerState(entry["mode"], entry["fault"]))
            if frame is not None:
                yield frame


def read_line(line: str, number: int) -> dict[str, Any]:
    """An entry with what it must have."""
    if len(line) > LINE_CHARS_MAX:
        raise InputError(f"line {number} has more than {LINE_CHARS_MAX} characters")
    try:
        entry = json.loads(line)
        if not isinstance(entry, dict):
            raise TypeError
        _advert(entry) if "t" in entry else _mark(entry)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputError(f"line {number} is no entry of a hub's log") from error
    return entry


def _mark(entry: Mapping[str, Any]) -> None:
    """Times and texts that a hub can have."""
    _seconds(entry["f"])
    if not isinstance(entry["w"], int) or not abs(entry["w"]) < WALL_US_MAX:
        raise ValueError
    if "version" in entry:
        if not 0 <= int(entry["boot"], 16) < 1 << 64 or not 0 < len(str(entry["hub"])) <= TEXT_CHARS_MAX:
            raise ValueError
    elif not isinstance(entry["fault"], str) or len(entry["fault"]) > TEXT_CHARS_MAX:
        raise ValueError
    else:
        showroom_pb2.ScannerMode.Name(entry["mode"])


def _seconds(value: Any) -> float:
    """A time of CLOCK_BOOTTIME."""
    if not isinstance(value, (int, float)) or not 0 <= value < SECONDS_MAX:
        raise ValueError
    return float(value)


def _advert(entry: Mapping[str, Any]) -> Advert:
    """A stranger's address is one that can be of nobody whom we know: a public one, of more than six bytes."""
    at_s, rssi = _seconds(entry["t"]), None if entry["r"] is None else int(entry["r"])
    if "x" in entry:
        return Advert(bytes.fromhex(entry["x"]), rssi, at_s, random=False)
    manufacturer = {int(company): bytes.fromhex(data) for company, data in entry.get("m", {}).items()}
    services = {str(uuid): bytes.fromhex(data) for uuid, data in entry.get("s", {}).items()}
    return Advert(bytes.fromhex(entry["a"]), rssi, at_s, bool(entry["p"]), manufacturer, services)
