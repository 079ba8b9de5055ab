"""A device with a valid key that sends anything; must never be tested with bytes that a signature stops."""

from contextlib import closing

from forecourt.v1 import control_pb2, event_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cloud.audit import audit
from gateway.cloud.certify import forge
from gateway.cloud.schema import open_database
from gateway.model import SeqRange, Stream
from gateway.wire.signing import sign
from tests.kit.cloudside import Car, Desk

CAR, OTHER = Car(), Car("car-2")
CODECS = (event_pb2.CODEC_IDENTITY, event_pb2.CODEC_ROWS_ZSTD, event_pb2.CODEC_COLUMNS_ZSTD)
RECORDS = (
    forge.gap(11, Stream.LIVE, SeqRange(3, 9)),
    control_pb2.ControlRecord(erasure=control_pb2.ErasureRequest(id=1, subject=7, purposes=[1])),
    control_pb2.ControlRecord(reply=control_pb2.CommandReply(command=5, stage=control_pb2.COMMAND_STAGE_DONE)),
)
GOOD = {
    Stream.LIVE: forge.batch("car-1", 11, Stream.LIVE, [forge.bag(1 + 9 * n, 9, c) for n, c in enumerate(CODECS)]),
    Stream.CONTROL: forge.batch("car-1", 11, Stream.CONTROL, [forge.control_bag(1, RECORDS)]),
}
EDITS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "repeat"]), st.integers(0, 2_000), st.binary(max_size=9)),
    max_size=5,
)


def edited(good: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    """The bytes after these edits."""
    made = bytearray(good)
    for how, where, what in edits:
        at = where % (len(made) or 1)
        if how == "flip" and made:
            made[at] ^= (what or b"\x01")[0] or 1
        elif how == "cut":
            del made[at : at + len(what)]
        elif how == "insert":
            made[at:at] = what
        else:
            made[at:at] = made[at : at + 40]
    return bytes(made)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(GOOD)), EDITS), min_size=1, max_size=4))
def test_whatever_a_device_signs_the_books_are_right(sent: list[tuple[Stream, list[tuple[str, int, bytes]]]]) -> None:
    """Nothing is raised; what was admitted has exactly one row; another device's batch is taken."""
    with closing(open_database(":memory:")) as db:
        desk = Desk(CAR, OTHER, db=db)
        letters = []
        for stream, edits in sent:
            topic = CAR.topics.events(stream)
            letters.append((topic, sign(CAR.key, topic, edited(GOOD[stream].SerializeToString(), edits))))
        outcomes = desk.take(*letters)
        found = audit(db)
        assert sum(item.effects for item in found) == sum(outcome.new for outcome in outcomes)
        assert all(item.faithful and not item.duplicates for item in found)
        assert desk.take(OTHER.letter(forge.bag(1, 5)))[0].new == 5


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([*Stream, None]))
def test_signed_noise_is_put_aside_or_empty(noise: bytes, stream: Stream | None) -> None:
    """Random bytes under a valid signature never take effect by chance and never raise."""
    with closing(open_database(":memory:")) as db:
        desk = Desk(CAR, db=db)
        topic = CAR.topics.state if stream is None else CAR.topics.events(stream)
        assert desk.take((topic, sign(CAR.key, topic, noise)))[0].new == 0
