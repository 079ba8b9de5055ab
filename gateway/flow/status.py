"""How the uplink stands, for people and metrics; must never hold a reference to what changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import Stream


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream: the last number given, sent fresh, and received without a hole; sizes in events."""

    last: int
    fresh: int
    floor: int
    backlog: int
    unreceipted: int
    bytes_today: int


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """A snapshot. Counts are since the process began, ages in seconds, None where there was nothing yet.

    `alarm`: the reason code of a broker that refuses what we publish, 0 for none. `drained`: every number that was
    given has its receipt.
    """

    online: bool
    streams: Mapping[Stream, StreamStatus]
    unreceipted: int
    in_flight: int
    bytes_in_flight: int
    batches: int
    bytes_sent: int
    rewinds: int
    stale_hand_outs: int
    nobody: int
    refused: int
    quarantined: int
    receipts: int
    bad_receipts: int
    receipts_ahead: int
    last_receipt_age_s: float | None
    cloud_online: bool | None
    alarm: int
    drained: bool
