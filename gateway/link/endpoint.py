"""Where the broker is and how to speak to it; must never resolve a name or open a socket."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.errors import ConfigError
from gateway.limits import ACK_TIMEOUT_S, CONNECT_TIMEOUT_S, KEEPALIVE_S

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FORM = "write mqtt://HOST:PORT for a broker on this machine, or mqtts://HOST:PORT"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A broker's address and the terms of a connection to it.

    `tls` None means plain TCP. With `clean_start` the broker forgets the last session: the outbox is the truth, not
    the session. `keepalive_s` is what CONNECT announces, `ack_timeout_s` bounds the wait for PUBACK and SUBACK,
    `connect_timeout_s` all of name, TCP, TLS and CONNACK.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    clean_start: bool = True
    keepalive_s: int = KEEPALIVE_S
    ack_timeout_s: float = ACK_TIMEOUT_S
    connect_timeout_s: float = CONNECT_TIMEOUT_S

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65_535:
            raise ConfigError(f"broker port {self.port} is not between 1 and 65535: {_FORM}")
        if not 1 <= self.keepalive_s <= 65_535:
            raise ConfigError(f"keepalive_s {self.keepalive_s} is not between 1 and 65535: choose 10 to 60 seconds")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtt' if self.tls is None else 'mqtts'}://{host}:{self.port}"

    @classmethod
    def parse(cls, url: str, tls: ssl.SSLContext | None = None) -> "Endpoint":
        """The endpoint of `mqtt://host[:port]` (1883) or `mqtts://host[:port]` (8883, needs `tls`).

        Raises ConfigError, which says what to write instead.
        """
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"broker URL has no usable address ({error}): {_FORM}") from error
        if parts.scheme not in _PORTS:
            raise ConfigError(f"broker URL starts with {parts.scheme or 'no scheme'!r}: {_FORM}")
        if parts.username is not None or parts.password is not None:
            raise ConfigError(
                "broker URL carries a user name or password: take it out, the certificate names the device"
            )
        if not parts.hostname:
            raise ConfigError(f"broker URL names no host: {_FORM}")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigError(f"broker URL goes on after the port: {_FORM}")
        port = _PORTS[parts.scheme] if port is None else port
        if parts.scheme == "mqtt":
            return cls(parts.hostname, port)
        if tls is None:
            raise ConfigError("mqtts:// needs an identity: give the folder that `forecourt pki dev` or enrolment made")
        return cls(parts.hostname, port, tls)
