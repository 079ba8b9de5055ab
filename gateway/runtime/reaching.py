"""Who a device is and how it reaches its broker, from its settings; must never open a socket."""

from dataclasses import dataclass
from pathlib import Path

from gateway.clock import Clock
from gateway.config import DeviceSettings, LinkSettings
from gateway.errors import ConfigError
from gateway.identity import Identity, TrustedTime, tls_context
from gateway.identity.keystore import load
from gateway.link import Endpoint

TRUSTED_FILE = "trusted-time"


@dataclass(frozen=True, slots=True)
class Reach:
    """An identity, where its broker is, and what it remembers of trusted time."""

    identity: Identity
    endpoint: Endpoint
    trusted: TrustedTime


def reach(device: DeviceSettings, link: LinkSettings, clock: Clock, folder: Path) -> Reach:
    """Reads keys and certificates, so call it from a thread; `folder`, made where it is absent, keeps trusted time.

    Raises ConfigError when the identity cannot be used or is another device's.
    """
    identity = load(device.identity)
    if identity.device != device.id:
        raise ConfigError(
            f"device.id is {device.id!r}, but the certificate in device.identity names {identity.device!r}: "
            "make them equal"
        )
    folder.mkdir(parents=True, exist_ok=True)
    trusted = TrustedTime(folder / TRUSTED_FILE, clock)
    secure = link.broker.startswith("mqtts:")
    tls = tls_context(identity.tls, clock, last_trusted_us=trusted.last_us) if secure else None
    parsed = Endpoint.parse(link.broker, tls)
    endpoint = Endpoint(
        parsed.host,
        parsed.port,
        tls,
        keepalive_s=link.keepalive_s,
        ack_timeout_s=link.ack_timeout_s,
        connect_timeout_s=link.connect_timeout_s,
    )
    return Reach(identity, endpoint, trusted)
