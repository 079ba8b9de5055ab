"""Where a site keeps what joining needs; must never be the hub's side.

SITE/pki/                 the authority, see gateway.identity.issuing
SITE/pki/site.json        name, hosts and ports that hubs are told
SITE/pki/join/            join.crt join.key, the desk's own, and invitations/
SITE/tags.toml            whom hubs shall know; goes to each hub that joins, where it is there
"""

import json
import ssl
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.clock import BUILD_TIME_US, Clock
from gateway.errors import ConfigError
from gateway.identity import Issuer, read_file, write_file
from showroom_agent.joining.bounds import BROKER_PORT, JOIN_PORT, TAGS_BYTES_MAX
from showroom_agent.joining.invitations import Invitations
from showroom_agent.joining.token import pin_of

_LIFE = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Address:
    """How hubs reach the site. The first host is told to them."""

    name: str
    hosts: tuple[str, ...]
    broker_port: int = BROKER_PORT
    join_port: int = JOIN_PORT

    @property
    def broker(self) -> str:
        """What a hub's `link.broker` becomes."""
        host = f"[{self.hosts[0]}]" if ":" in self.hosts[0] else self.hosts[0]
        return f"mqtts://{host}:{self.broker_port}"


class Place:
    """A site's authority, desk key and invitations. Blocks on files: not for the loop."""

    def __init__(self, site: Path, clock: Clock) -> None:
        """Of a site that `make` prepared; ConfigError when it is not."""
        self.folder, self.tags_file = site / "pki", site / "tags.toml"
        self.issuer = Issuer(self.folder, clock)
        self.address = _address(self.folder / "site.json")
        self.invitations = Invitations(self.folder / "join" / "invitations", clock)
        self.pin = _pin(self.folder / "join" / "join.crt")
        """How the desk is recognised."""

    @classmethod
    def make(cls, site: Path, clock: Clock, address: Address) -> "Place":
        """Makes what is absent, and a broker's certificate anew that is due or lacks a host."""
        if not address.hosts:
            raise ConfigError("a site needs a host that hubs reach it by: give --host NAME or an address")
        Issuer.make(site / "pki", clock, address.name, address.hosts)
        write_file(site / "pki" / "site.json", json.dumps(asdict(address), indent=1).encode())
        if not (site / "pki" / "join" / "join.crt").exists():
            _desk_key(site / "pki" / "join")
        return cls(site, clock)

    def tls(self) -> ssl.SSLContext:
        """The desk's side of TLS 1.3."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.folder / "join" / "join.crt", self.folder / "join" / "join.key")
        return context

    def tags(self) -> str:
        """Whom hubs shall know, as TOML; empty where the site has not said it."""
        if not self.tags_file.exists():
            return ""
        data = read_file(self.tags_file)
        if len(data) > TAGS_BYTES_MAX:
            raise ConfigError(f"{self.tags_file} has more than {TAGS_BYTES_MAX:,} bytes")
        return data.decode("utf-8", "replace")


def _pin(path: Path) -> bytes:
    try:
        found = x509.load_pem_x509_certificate(read_file(path))
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: take it away and run `forecourt site pki` again") from error
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return pin_of(found.public_key().public_bytes(serialization.Encoding.DER, spki))


def _desk_key(folder: Path) -> None:
    """Its certificate is only a shell for the key, which the tokens pin: nobody looks at its dates."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Forecourt join desk")])
    start = datetime.fromtimestamp(BUILD_TIME_US / 1e6, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LIFE)
        .sign(key, hashes.SHA256())
    )
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_file(folder / "join.key", key.private_bytes(serialization.Encoding.PEM, pkcs8, plain), private=True)
    write_file(folder / "join.crt", made.public_bytes(serialization.Encoding.PEM))


def _address(path: Path) -> Address:
    try:
        found = json.loads(read_file(path))
        return Address(
            str(found["name"]),
            tuple(str(host) for host in found["hosts"]) or ("localhost",),
            int(found["broker_port"]),
            int(found["join_port"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged: make it again with `forecourt site pki`") from error
