"""What became of one message; must never hold a decision."""

from dataclasses import dataclass, field
from typing import NamedTuple

from forecourt.v1 import downlink_pb2

from gateway.cloud.control import Reply
from gateway.cloud.poison import Poison
from gateway.cloud.streams import StreamKey
from gateway.model import RefusalReason, SeqRange


class Doubt(NamedTuple):
    """A store that goes on from an old copy: its epoch, and the name of the birth that showed it."""

    epoch: int
    birth: int


class Refusal(NamedTuple):
    """A bag that was put aside alone."""

    key: StreamKey
    numbers: SeqRange
    reason: RefusalReason


@dataclass(slots=True)
class Outcome:
    """What became of one message. `new` and `repeated` count events.

    `key` is set where a receipt is owed, `unknown_dictionary` where one is to be asked for, `born` for a birth, and
    `poison` where the message or a bag of it was put aside, `refused` for bags whose numbers could be read. `doubted`
    where it came from a store that goes on from an old copy; nothing of that is taken. `unknown_record`
    names a record of consent that is to be asked for, `consent_due` says that the device is to be told of consent,
    `profile_due` that somebody is to be told of a profile.
    `unreadable` is the mark of a batch that the device signed and nobody can read.
    """

    device: str = ""
    key: StreamKey | None = None
    new: int = 0
    repeated: int = 0
    unknown_dictionary: int | None = None
    born: downlink_pb2.DeviceState | None = None
    replies: list[Reply] = field(default_factory=list)
    poison: Poison | None = None
    refused: list[Refusal] = field(default_factory=list)
    doubted: Doubt | None = None
    unreadable: int | None = None
    unknown_record: str = ""
    consent_due: bool = False
    profile_due: bool = False
