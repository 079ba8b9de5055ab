"""The settings that every edge device shares; must never hold a setting that nothing obeys."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from gateway.config.fields import section, setting
from gateway.limits import (
    ACK_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    CONSENT_LEASE_S,
    DEVICE_ID_BYTES_MAX,
    KEEPALIVE_S,
    RECEIPT_TIMEOUT_S,
    STORE_BYTES_DEFAULT,
    STORE_BYTES_MIN,
    UNRECEIPTED_EVENTS_DEFAULT,
    UNRECEIPTED_EVENTS_MAX,
)
from gateway.model import WITHOUT_CONSENT, Purpose

DAY_BYTES_MAX = 1 << 40
DEVICE_ID = rf"[0-9A-Za-z_-]{{1,{DEVICE_ID_BYTES_MAX}}}"


class LogLevel(Enum):
    """From which event upwards the log is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ConsentAuthority(Enum):
    """Whose word counts about a guest."""

    NONE = "none"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """Who this device is."""

    id: str = setting(
        doc="random id of the device, equal to the CN of its certificate; never the VIN",
        pattern=DEVICE_ID,
        form=f"1 to {DEVICE_ID_BYTES_MAX} letters, digits, - and _",
    )
    identity: Path = setting(
        doc="folder with the device's certificate and keys and the cloud's pinned key, as `forecourt pki dev` makes it"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where events wait for their receipts."""

    folder: Path = setting(doc="folder of the store, on a disk that survives a power cut; one process at a time")
    bytes_max: int = setting(
        STORE_BYTES_DEFAULT,
        doc="budget of the store; taken from the disk when it is created",
        unit="bytes",
        low=STORE_BYTES_MIN,
        high=1 << 40,
    )
    bulk_share: float = setting(0.8, doc="most of the budget that bulk events may take", low=0.05, high=0.9)
    live_share: float = setting(0.6, doc="most of the budget that live events may take", low=0.05, high=0.9)
    retain_after_receipt: bool = setting(
        False, doc="keep settled events as long as budget and consent allow, so that the cloud may ask for them again"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How the broker is reached."""

    broker: str = setting(
        doc="the broker: mqtts://HOST:8883 with the device's certificate, or mqtt://HOST:1883 on a desk",
        pattern=r"mqtts?://\S+",
        form="write mqtts://HOST:PORT, or mqtt://HOST:PORT for a broker on this machine",
    )
    keepalive_s: int = setting(
        KEEPALIVE_S, doc="a silent link is noticed within twice this time", unit="s", low=5, high=3_600
    )
    ack_timeout_s: float = setting(
        ACK_TIMEOUT_S, doc="without the broker's acknowledgement in this time, connect anew", unit="s", low=1, high=300
    )
    connect_timeout_s: float = setting(
        CONNECT_TIMEOUT_S, doc="for name, TCP, TLS and the broker's answer together", unit="s", low=1, high=300
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSettings:
    """One yes of the guest, given on this device."""

    purposes: tuple[Purpose, ...] = setting(doc="what the data may be used for")
    valid_from: datetime | None = setting(None, doc="not before this moment")
    valid_until: datetime | None = setting(None, doc="not from this moment on")
    record: str = setting(
        "", doc="id of the record of consent", pattern=r"[!-~]{0,128}", form="at most 128 characters, no spaces"
    )

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """An interval must not be empty, and a grant needs a purpose that asks for one."""
        if self.valid_from is not None and self.valid_until is not None and self.valid_from >= self.valid_until:
            yield "valid_until", "is not after valid_from", ""
        if not self.purposes:
            yield "purposes", "names none", 'write for example ["driving_behaviour"]'
        for purpose in self.purposes:
            if WITHOUT_CONSENT >> purpose & 1:
                yield "purposes", f'"{purpose.word}" is not asked of a guest', "take it out: such data is about nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSettings:
    """Whose data this is and what they said yes to. Without a grant nothing about a person is kept."""

    subject: int = setting(
        0, doc="random handle of the guest whose data this device collects; 0: nobody's", low=0, high=(1 << 63) - 1
    )
    authority: ConsentAuthority = setting(
        ConsentAuthority.NONE,
        doc="whose word counts: none for the grants of this file alone (a desk), "
        "cloud for visits of guests whose yes the cloud countersigns",
    )
    lease_s: int = setting(
        CONSENT_LEASE_S,
        doc="without word from the authority, collection about a guest ends after this time; a showroom takes 3600",
        unit="s",
        low=60,
        high=CONSENT_LEASE_S,
    )
    grant: tuple[GrantSettings, ...] = setting((), doc="grants given on this device")

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """A grant belongs to somebody, and to nobody whom an authority speaks for."""
        if self.authority is ConsentAuthority.CLOUD and (self.grant or self.subject):
            yield "authority", "is cloud beside a subject or grants in this file", "take those out: guests say it"
        if self.grant and not self.subject:
            yield "grant", "belongs to nobody", "set consent.subject to a random number above 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBytes:
    """Most bytes of each stream that leave on one UTC day; without a number there is no bound."""

    urgent: int | None = setting(None, doc="of urgent events", unit="bytes", low=1_000, high=DAY_BYTES_MAX)
    live: int | None = setting(None, doc="of live events", unit="bytes", low=1_000, high=DAY_BYTES_MAX)
    bulk: int | None = setting(None, doc="of bulk events", unit="bytes", low=1_000, high=DAY_BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSettings:
    """What leaves, and how fast."""

    window_events: int = setting(
        UNRECEIPTED_EVENTS_DEFAULT,
        doc="most events on their way without a receipt; more doubles the rate on a link with little delay",
        unit="events",
        low=100,
        high=UNRECEIPTED_EVENTS_MAX,
    )
    receipt_timeout_s: float = setting(
        RECEIPT_TIMEOUT_S, doc="without a receipt in this time, events are sent again", unit="s", low=1, high=3_600
    )
    drain_bytes_per_s: int | None = setting(
        None, doc="bound of the backlog's rate; none: as fast as the link", unit="bytes/s", low=1_000, high=1 << 30
    )
    metered: bool = setting(False, doc="the link costs by the byte: bulk events wait until it does not")
    daily_bytes: DailyBytes = section(DailyBytes, doc="most bytes of a UTC day, by stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """The local health page: /live, /ready and /metrics."""

    port: int | None = setting(None, doc="port of the page (0: any free one); none: no page", low=0, high=65_535)
    host: str = setting("127.0.0.1", doc="address of the page; it has no lock, so keep it on this machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """A Unix socket where apps on this machine and `forecourt consent` ask for the visit; needs consent.authority."""

    path: Path | None = setting(None, doc="the socket, such as /run/forecourt/door; none: no door")
    users: tuple[int, ...] = setting((), doc="ids of users who may ask, beside the agent's own and root")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """The guest's page on the local network; needs consent.authority and forecourt[page]."""

    port: int | None = setting(None, doc="port of the page (0: any free one); none: no page", low=0, high=65_535)
    host: str = setting(
        "127.0.0.1", doc="address of this device in the network that guests join; they reach the page there"
    )
    name: str = setting("localhost", doc="a host name under which the page may be asked for, beside addresses")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is written to standard error."""

    level: LogLevel = setting(LogLevel.INFO, doc="from which event upwards")
    json: bool = setting(False, doc="one JSON object per event instead of text")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What every agent is told. Roles add their own sections."""

    device: DeviceSettings = section(DeviceSettings, doc="who this device is")
    store: StoreSettings = section(StoreSettings, doc="where events wait for their receipts")
    link: LinkSettings = section(LinkSettings, doc="how the broker is reached")
    consent: ConsentSettings = section(ConsentSettings, doc="whose data this is, and the grants given here")
    flow: FlowSettings = section(FlowSettings, doc="what leaves, and how fast")
    health: HealthSettings = section(HealthSettings, doc="the local health page")
    door: DoorSettings = section(DoorSettings, doc="a socket for apps on this machine")
    page: PageSettings = section(PageSettings, doc="the guest's page on the local network")
    log: LogSettings = section(LogSettings, doc="what is written to standard error")
