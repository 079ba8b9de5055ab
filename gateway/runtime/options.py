"""What an agent is made of, as values; must never open a store or a socket."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.clock import Clock
from gateway.config import AgentSettings, ConsentAuthority, ConsentSettings
from gateway.consent import Grant
from gateway.flow.budget import BudgetSettings
from gateway.flow.uplink import UplinkSettings
from gateway.identity import Identity, TrustedTime
from gateway.limits import CONSENT_LEASE_S, STORE_BYTES_DEFAULT
from gateway.link import Endpoint
from gateway.model import Stream
from gateway.outbox import Quotas
from gateway.runtime.reaching import reach
from gateway.wire.codec import COLUMNS_ZSTD


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """An agent. `grants` are those given on the device itself; each takes effect once, and a withdrawal outlives it.

    `codec` is one of forecourt.v1.Codec; `trusted` remembers the latest trusted time. `profiles`: a guest may sign in
    and have his profile here, which needs `authority`.
    """

    identity: Identity
    folder: Path
    endpoint: Endpoint | Callable[[], Endpoint]
    clock: Clock
    store_bytes_max: int = STORE_BYTES_DEFAULT
    quotas: Quotas = field(default_factory=Quotas)
    retain_after_receipt: bool = False
    codec: int = COLUMNS_ZSTD
    uplink: UplinkSettings = field(default_factory=UplinkSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    subject: int = 0
    grants: tuple[Grant, ...] = ()
    authority: bool = False
    profiles: bool = False
    lease_s: int = CONSENT_LEASE_S
    door: Path | None = None
    door_users: tuple[int, ...] = ()
    page_port: int | None = None
    page_host: str = "127.0.0.1"
    page_name: str = "localhost"
    health_port: int | None = None
    health_host: str = "127.0.0.1"
    version: str = "0.1.0"
    trusted: TrustedTime | None = None


def options_of(settings: AgentSettings, clock: Clock) -> AgentOptions:
    """The agent that a settings file describes. Reads keys and certificates, so call it from a thread.

    Raises ConfigError when the identity cannot be used or is another device's.
    """
    link, store, flow = settings.link, settings.store, settings.flow
    found = reach(settings.device, link, clock, store.folder)
    daily = {Stream.URGENT: flow.daily_bytes.urgent, Stream.LIVE: flow.daily_bytes.live}
    daily[Stream.BULK] = flow.daily_bytes.bulk
    return AgentOptions(
        identity=found.identity,
        folder=store.folder,
        endpoint=found.endpoint,
        clock=clock,
        store_bytes_max=store.bytes_max,
        quotas=Quotas(bulk=store.bulk_share, live=store.live_share),
        retain_after_receipt=store.retain_after_receipt,
        uplink=UplinkSettings(unreceipted_max=flow.window_events, receipt_timeout_s=flow.receipt_timeout_s),
        budget=BudgetSettings(
            drain_bytes_per_s=flow.drain_bytes_per_s,
            daily_bytes={stream: size for stream, size in daily.items() if size is not None},
            metered=flow.metered,
        ),
        subject=settings.consent.subject,
        grants=grants_of(settings.consent),
        authority=settings.consent.authority is ConsentAuthority.CLOUD,
        lease_s=settings.consent.lease_s,
        door=settings.door.path,
        door_users=settings.door.users,
        page_port=settings.page.port,
        page_host=settings.page.host,
        page_name=settings.page.name,
        health_port=settings.health.port,
        health_host=settings.health.host,
        trusted=found.trusted,
    )


def grants_of(settings: ConsentSettings) -> tuple[Grant, ...]:
    """The grants of a settings file, one for each purpose."""
    return tuple(
        Grant(
            settings.subject,
            purpose,
            _us(given.valid_from) or 0,
            _us(given.valid_until),
            given.record,
        )
        for given in settings.grant
        for purpose in given.purposes
    )


def _us(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000_000)
