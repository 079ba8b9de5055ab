"""What waits for the site: frames that are of use for ten seconds, health until it is acknowledged; bounded both."""

from collections import deque
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import showroom_pb2

from gateway.errors import LinkError, TooLarge
from gateway.link import Connection
from gateway.wire import sign
from showroom_agent.hub.frames import EXPIRY_S, FRAME_S
from showroom_agent.hub.supervisor import Health

FRAMES_MAX = round(EXPIRY_S / FRAME_S)
HEALTH_MAX = 100
HEALTH_EXPIRY_S = 86_400
CONTENT_TYPE = "application/x-protobuf"


class _Frame(NamedTuple):
    made_s: float
    payload: bytes


class Outgoing:
    """Signed messages of one hub. Times are CLOCK_BOOTTIME in seconds."""

    def __init__(self, hub: str, boot: int, key: Ed25519PrivateKey) -> None:
        """`boot`: random id of the run of the kernel."""
        self._hub, self._boot, self._key = hub, boot, key
        self.sightings, self.health = f"forecourt/v1/{hub}/up/s", f"forecourt/v1/{hub}/up/h"
        self._frames: deque[_Frame] = deque(maxlen=FRAMES_MAX)
        self._health: deque[bytes] = deque(maxlen=HEALTH_MAX)
        self._numbers = 0
        self.sent = self.expired = 0

    def frame(self, frame: showroom_pb2.SightingFrame, now_s: float) -> None:
        """Takes a frame; the oldest makes room."""
        self.expired += len(self._frames) == FRAMES_MAX
        self._frames.append(_Frame(now_s, sign(self._key, self.sightings, frame.SerializeToString())))

    def tell(self, health: Health, now_s: float, wall_us: int) -> None:
        """Takes a fault or its end."""
        self._numbers += 1
        message = showroom_pb2.HubHealth(
            hub=self._hub,
            boot=self._boot,
            number=self._numbers,
            boottime_ms=round(now_s * 1_000),
            wall_us=wall_us,
            cause=health.cause,
            recovered=health.recovered,
            down_ms=round(health.down_s * 1_000),
        )
        self._health.append(sign(self._key, self.health, message.SerializeToString()))

    def send(self, connection: Connection, now_s: float) -> None:
        """Publishes what waits, as far as the connection takes it; never waits itself."""
        try:
            while self._health:
                taken = connection.publish(
                    self.health, self._health[0], expiry_s=HEALTH_EXPIRY_S, content_type=CONTENT_TYPE
                )
                taken.add_done_callback(lambda done: done.cancelled() or done.exception())
                self._health.popleft()
            while self._frames:
                age_s = now_s - self._frames[0].made_s
                if age_s < EXPIRY_S:
                    left_s = max(round(EXPIRY_S - age_s), 1)
                    taken = connection.publish(
                        self.sightings, self._frames[0].payload, expiry_s=left_s, content_type=CONTENT_TYPE
                    )
                    taken.add_done_callback(lambda done: done.cancelled() or done.exception())
                    self.sent += 1
                else:
                    self.expired += 1
                self._frames.popleft()
        except TooLarge:
            self._frames.popleft()
        except LinkError:
            return  # the connection is over or busy; what waits goes with the next turn
