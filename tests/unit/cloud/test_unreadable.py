"""Batches of which nothing can be read are named to the device that signed them; must never name what it did not."""

from gateway.cloud.certify import forge
from gateway.cloud.inbox import Hardened
from gateway.cloud.receipts import Owed, receipts
from gateway.cloud.schema import open_database
from gateway.limits import BATCH_BAGS_MAX, MESSAGE_BYTES_MAX
from gateway.model import Stream
from gateway.wire.batch import mark_of
from gateway.wire.signing import sign
from tests.kit.cloudside import Car, Desk

CAR = Car()


def test_a_batch_that_was_signed_and_cannot_be_read_is_named() -> None:
    """By the end of its signature; what nobody signed is not, or a stranger could name what a device sent."""
    db = open_database(":memory:")
    desk = Desk(CAR, db=db)
    topic = CAR.topics.events(Stream.LIVE)
    odd = sign(CAR.key, topic, b"\x0a\xff\xff")
    crowded = forge.batch(CAR.device, 11, Stream.LIVE, [forge.bag(n, 1) for n in range(1, BATCH_BAGS_MAX + 2)])
    many = CAR.sealed(crowded)
    bare = (topic, odd[:-1] + bytes([odd[-1] ^ 1]))
    state = (CAR.topics.state, sign(CAR.key, CAR.topics.state, b"\x0a\xff\xff"))
    huge = (topic, bytes(MESSAGE_BYTES_MAX + 1))
    outcomes = desk.take((topic, odd), many, bare, state, huge)
    assert [outcome.unreadable for outcome in outcomes] == [mark_of(odd), mark_of(many[1]), None, None, None]
    assert [reason for _, reason in desk.poison()] == ["malformed", "malformed", "signature", "malformed", "malformed"]
    owed = Owed()
    owed.note(outcomes[0])
    ((device, receipt),) = receipts(owed, Hardened(1, {}), 7)
    assert (device, list(receipt.unreadable)) == (CAR.device, [mark_of(odd)])
    db.close()
