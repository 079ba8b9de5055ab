"""Names of MQTT topics, made and read; must never let a name through that holds a wildcard or a person's data."""

import re
from typing import Final, NamedTuple

from gateway.errors import InputError
from gateway.limits import DEVICE_ID_BYTES_MAX
from gateway.model import Stream

ROOT: Final = "forecourt/v1"
CLOUD_STATE: Final = f"{ROOT}/cloud/state"
UP_EVENTS_FILTER: Final = f"{ROOT}/+/up/e/+"
UP_STATE_FILTER: Final = f"{ROOT}/+/up/state"

_DEVICE = re.compile(rf"[0-9A-Za-z_-]{{1,{DEVICE_ID_BYTES_MAX}}}")
_STREAMS = {stream.word: stream for stream in Stream}


def check_device_id(text: str) -> str:
    """`text` if it may name a device: 1 to 64 of 0-9 a-z A-Z _ -, and not `cloud`; raises InputError."""
    if not _DEVICE.fullmatch(text) or text == "cloud":
        raise InputError("a device id has 1 to 64 characters of 0-9 a-z A-Z _ - and is not 'cloud'")
    return text


class Topics:
    """The topics of one device."""

    def __init__(self, device: str) -> None:
        """Raises InputError for an id that cannot stand in a topic."""
        self.device = check_device_id(device)
        base = f"{ROOT}/{device}"
        self.state = f"{base}/up/state"
        self.receipt = f"{base}/down/receipt"
        self.command = f"{base}/down/cmd"
        self.epoch = f"{base}/down/epoch"
        self._events = {stream: f"{base}/up/e/{stream.word}" for stream in Stream}

    def events(self, stream: Stream) -> str:
        """Where batches of a stream go."""
        return self._events[stream]


class UpTopic(NamedTuple):
    """Where a message came from: the device, and the stream of its events or None for its state."""

    device: str
    stream: Stream | None


def parse_up(topic: str) -> UpTopic:
    """Reads a topic of the upward half; raises InputError for any other."""
    parts = topic.split("/")
    if "/".join(parts[:2]) != ROOT or len(parts) < 5 or parts[3] != "up":
        raise InputError("not a topic of a device")
    device = check_device_id(parts[2])
    if parts[4:] == ["state"]:
        return UpTopic(device, None)
    if len(parts) == 6 and parts[4] == "e" and parts[5] in _STREAMS:
        return UpTopic(device, _STREAMS[parts[5]])
    raise InputError("not a topic of events or state")
