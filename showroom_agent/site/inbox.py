"""What comes from the floor: whose it is, and whether it may be used; must never take what is not signed.

A hub is one that the plan names; a phone is any other device that was enrolled. What waits for the next step is
bounded, and what there is no room for is counted.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import showroom_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError, SignatureError
from gateway.wire import verify
from showroom_agent.site.bounds import FRAME_BYTES_MAX, PHONES_MAX, REQUEST_BYTES_MAX, WAITING_MAX
from showroom_agent.site.hubs import read_frame

FILTERS: Final = ("forecourt/v1/+/up/s", "forecourt/v1/+/up/h", "forecourt/v1/+/up/guest")
KeyOf = Callable[[str], Ed25519PublicKey | None]


class FrameIn(NamedTuple):
    """A frame of a hub."""

    frame: showroom_pb2.SightingFrame


class GuestIn(NamedTuple):
    """A request of a guest's phone."""

    phone: str
    request: showroom_pb2.GuestRequest


Incoming = FrameIn | GuestIn


class Inbox:
    """Takes messages as they come; gives them, in that order, to whoever asks. Belongs to the loop's thread."""

    def __init__(self, key_of: KeyOf, hubs: Collection[str]) -> None:
        """`key_of`: the key that a device signs with, None where it is not enrolled; `hubs`: those of the plan."""
        self._key_of, self._hubs = key_of, frozenset(hubs)
        self._waiting: list[Incoming] = []
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self.counters: Counter[str] = Counter()
        """What was left out, and why."""
        self.health: list[showroom_pb2.HubHealth] = []
        """Faults of hubs that nobody has looked at yet."""

    def take(self, topic: str, payload: bytes) -> None:
        """A message. Never raises: what cannot be used is counted."""
        try:
            device, kind = _parts(topic)
            self._check(device, kind, topic, payload)
            self._keep(device, kind, payload)
        except SignatureError:
            self.counters["bad_signature"] += 1
        except (InputError, DecodeError):
            self.counters["unreadable"] += 1

    def swap(self) -> list[Incoming]:
        """What came since the last call."""
        found, self._waiting = self._waiting, []
        return found

    def _check(self, device: str, kind: str, topic: str, payload: bytes) -> None:
        if (device in self._hubs) is (kind == "guest"):
            raise InputError("a hub that asks as a guest, or a phone that tells as a hub")
        if len(payload) > (REQUEST_BYTES_MAX if kind == "guest" else FRAME_BYTES_MAX):
            raise InputError("too large")
        key = self._key_of(device)
        if key is None:
            raise SignatureError("not enrolled")
        verify(key, topic, payload)

    def _keep(self, device: str, kind: str, payload: bytes) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self.counters["no_room"] += 1
        elif kind == "s":
            self._waiting.append(FrameIn(read_frame(payload, device)))
        elif kind == "guest":
            request = showroom_pb2.GuestRequest.FromString(payload)
            if self._is_new(device, request.number):
                self._waiting.append(GuestIn(device, request))
        else:
            health = showroom_pb2.HubHealth.FromString(payload)
            if health.hub != device:
                raise InputError("the message names another hub than its topic")
            self.health.append(health)
            del self.health[:-WAITING_MAX]

    def _is_new(self, phone: str, number: int) -> bool:
        """Requests have rising numbers: one that is played again is left out."""
        if number <= self._numbers.get(phone, 0):
            self.counters["repeated_request"] += 1
            return False
        self._numbers[phone] = number
        self._numbers.move_to_end(phone)
        if len(self._numbers) > PHONES_MAX:
            self._numbers.popitem(last=False)
        return True


def _parts(topic: str) -> tuple[str, str]:
    words = topic.split("/")
    if len(words) != 5 or words[:2] != ["forecourt", "v1"] or words[3] != "up" or words[4] not in {"s", "h", "guest"}:
        raise InputError("no topic of the floor")
    return words[2], words[4]
