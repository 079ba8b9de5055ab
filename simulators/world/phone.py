"""A guest's phone as the protocol of the floor has it; must never use what a real phone has not.

Browsers cannot scan beacons, and an iPhone in the background does not advertise iBeacon; so a guest either carries a
tag that hubs hear, or has an app that hears the hubs' beacons. This one can do both, and tells the receiver's fixes.
"""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from forecourt.v1 import classification_pb2, showroom_pb2

from gateway.errors import SignatureError
from gateway.link import Connection, Message
from gateway.wire import sign, verify
from simulators.world.ears import LevelsOf


class Phone:
    """Requests up, views down. Give `message` to a link as its on_message."""

    def __init__(self, name: str, key: Ed25519PrivateKey, site: Ed25519PublicKey) -> None:
        """`site`: the key that the site signs views with."""
        self.topic, self._key, self._site = f"forecourt/v1/{name}/up/guest", key, site
        self.views = f"forecourt/v1/{name}/down/guest"
        self._number = 0
        self.view = showroom_pb2.GuestView()
        self.shown = self.forged = 0
        self.on_view: list[Callable[[showroom_pb2.GuestView], None]] = []

    def hello(
        self, tag: str, wishes: str, purposes: "Sequence[classification_pb2.Purpose]", language: str = "de"
    ) -> bytes:
        """A visit begins; what it agrees to."""
        hello = showroom_pb2.GuestHello(tag=tag, wishes=wishes, purposes=purposes, language=language)
        return self.request(showroom_pb2.GuestRequest(hello=hello))

    def fix(self, latitude_deg: float, longitude_deg: float, accuracy_m: float) -> bytes:
        """What its receiver says."""
        fix = showroom_pb2.GpsFix(latitude_deg=latitude_deg, longitude_deg=longitude_deg, accuracy_m=accuracy_m)
        return self.request(showroom_pb2.GuestRequest(fix=fix))

    def sightings(self, heard: LevelsOf) -> bytes:
        """What was heard since the last report, nothing included: a phone that listens says so."""
        said = showroom_pb2.PhoneSightings()
        for beacon, levels in heard.items():
            mean = sum(levels) / len(levels)
            said.beacons.add(beacon=beacon, best_dbm=max(levels), mean_dbm=mean, count=len(levels))
        return self.request(showroom_pb2.GuestRequest(sightings=said))

    def request(self, request: showroom_pb2.GuestRequest) -> bytes:
        """The payload of a request, numbered and signed."""
        self._number += 1
        request.number = self._number
        return sign(self._key, self.topic, request.SerializeToString())

    def message(self, connection: Connection, message: Message) -> None:
        """A view came; one that the site did not sign is not shown."""
        connection.ack(message)
        try:
            verify(self._site, message.topic, message.payload)
        except SignatureError:
            self.forged += 1
            return
        self.view = showroom_pb2.GuestView.FromString(message.payload)
        self.shown += 1
        for hook in self.on_view:
            hook(self.view)

    @property
    def way(self) -> list[tuple[float, float]]:
        """The corners of the route that is shown."""
        flat = self.view.route_m
        return list(zip(flat[::2], flat[1::2], strict=True))
