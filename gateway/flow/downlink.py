"""Reads what comes down: receipts, the cloud's state, the consent epoch; must never believe an unsigned byte."""

from collections import Counter, deque
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from forecourt.v1 import downlink_pb2

from gateway.errors import InputError, SignatureError
from gateway.flow.trust import read_signed
from gateway.link import Connection, Message
from gateway.log import Log
from gateway.wire.messages import read_cloud_state, read_consent_epoch, read_receipt
from gateway.wire.topics import CLOUD_STATE, Topics

log = Log("flow")

_BOOTS_REMEMBERED = 16


class Downlink:
    """Sorts messages by topic, checks signatures and counts what is not believed: `forged`, `malformed`, `foreign`."""

    def __init__(
        self,
        topics: Topics,
        keys: Sequence[Ed25519PublicKey],
        *,
        on_receipt: Callable[[downlink_pb2.Receipt], None],
        on_cloud_boot: Callable[[], None],
        on_command: Callable[[bytes, Callable[[], None]], None],
        on_epoch: Callable[[int], None],
        on_authority: Callable[[int, bytes], None] = lambda *_: None,
    ) -> None:
        """`on_cloud_boot` is called when a boot of the cloud is heard of for the first time.

        `on_authority` hears the cloud's boot and what profiles are sealed to, as often as the cloud says it.
        """
        self._topics, self._keys = topics, keys
        self._on_receipt, self._on_cloud_boot = on_receipt, on_cloud_boot
        self._on_command, self._on_epoch = on_command, on_epoch
        self._on_authority = on_authority
        self._boots: deque[int] = deque(maxlen=_BOOTS_REMEMBERED)
        self.counters: Counter[str] = Counter()
        self.cloud_online: bool | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to, at every connect."""
        return (self._topics.receipt, self._topics.command, self._topics.epoch, CLOUD_STATE)

    def take(self, connection: Connection, message: Message) -> None:
        """A message came; it is acknowledged once it is done with."""
        if message.topic == self._topics.command:
            self._on_command(message.payload, lambda: connection.ack(message))
            return
        try:
            self._read(message.topic, message.payload)
        except SignatureError:
            self._count("forged", message.topic)
        except InputError:
            self._count("malformed", message.topic)
        finally:
            connection.ack(message)

    def _read(self, topic: str, payload: bytes) -> None:
        if topic == self._topics.receipt:
            receipt = read_signed(read_receipt, topic, payload, self._keys)
            self._hear(receipt.cloud_boot)
            self._on_receipt(receipt)
        elif topic == CLOUD_STATE:
            state = read_signed(read_cloud_state, topic, payload, self._keys)
            self.cloud_online = state.online
            if state.online:
                self._hear(state.cloud_boot)
                self._on_authority(state.cloud_boot, state.seal_key)
        elif topic == self._topics.epoch:
            self._on_epoch(read_signed(read_consent_epoch, topic, payload, self._keys).epoch)
        else:
            self._count("foreign", topic)

    def _hear(self, boot: int) -> None:
        """Notes the cloud's boot. One heard of before is an old message that was late, not a change."""
        if boot not in self._boots:
            self._boots.append(boot)
            self._on_cloud_boot()

    def _count(self, why: str, topic: str) -> None:
        self.counters[why] += 1
        (log.warning if self.counters[why] == 1 else log.debug)("downlink_refused", why=why, topic=topic)
