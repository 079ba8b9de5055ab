"""Batches that the broker has not answered for; must never outlive the connection they went out on."""

import asyncio
from dataclasses import dataclass

from gateway.flow.cursor import Batch
from gateway.model import PurposeSet, SeqRange, Stream

NO_SUBSCRIBER = 0x10
FAILURE = 0x80
TOO_BIG = frozenset({0x95, 0x99})


@dataclass(slots=True, eq=False)
class Flight:
    """A batch that the broker has not answered for. `batch` is None for one that is sent again on request."""

    published: asyncio.Future[int]
    stream: Stream
    batch: Batch | None
    bags: tuple[SeqRange, ...]
    about: frozenset[tuple[int, PurposeSet]]
    with_dictionary: bool
    size: int
    sent_at_s: float
    mark: int


@dataclass(slots=True)
class Tally:
    """Counts since the process began."""

    batches: int = 0
    bytes: int = 0
    stale: int = 0
    nobody: int = 0
    refused: int = 0
    quarantined: int = 0
    alarm: int = 0


def concerns(about: frozenset[tuple[int, PurposeSet]], subject: int, purposes: PurposeSet) -> bool:
    """Whether one of these pairs is about the subject and one of the purposes."""
    return any(whose == subject and held & purposes for whose, held in about)
