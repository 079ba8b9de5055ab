"""Real drives in bags of 100: every bit returns, and columns take a quarter of what rows take."""

from collections.abc import Sequence

import pytest

from benchmarks.drives import RECORDED, Drive, packaged, recorded
from benchmarks.figures import NotWholeError, Samples
from benchmarks.sizes import FORMS, codec_figures, drive_figures, rows
from gateway.model import Event, ValueType
from gateway.wire.codec import Encoder
from simulators.drive.car import Reading
from tests.kit.wires import DEVICE_KEY

READINGS = 4_000


def judged(drive: Drive, form: str) -> list[bool | None]:
    """The verdicts of the benchmark on that drive, of bodies and payloads; its bits are compared on the way."""
    figures = drive_figures(drive, form, DEVICE_KEY)
    named = {f"{form} {drive.name} {name}": size for name, size in figures.items()}
    return [row.ok for row in rows(Samples([named | codec_figures()])) if row.goal]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("form", FORMS)
def test_columns_are_a_quarter_of_rows(name: str, form: str) -> None:
    """Bodies and whole payloads beside the same events as uncompressed rows of protobuf, to the bit."""
    assert judged(recorded(name), form) == [True, True]


@pytest.mark.parametrize("form", FORMS)
def test_the_packaged_drive_is_as_small(form: str) -> None:
    """The drive that every checkout has, its first part."""
    drive = packaged()
    drive.readings = drive.readings[:READINGS]
    assert judged(drive, form) == [True, True]


class Forgetful(Encoder):
    """Writes small bodies by forgetting the sign of a zero."""

    def encode(self, events: Sequence[Event]) -> tuple[int, bytes]:
        """As an encoder does, but for -0.0."""
        return super().encode([e._replace(values=tuple(value or 0.0 for value in e.values)) for e in events])


def test_a_body_that_loses_a_bit_does_not_count() -> None:
    """The benchmark measures only bodies that return whole."""
    drive = Drive("test", [Reading(0.1, "Vehicle.Speed", -0.0)], lambda *_: ValueType.FLOAT)
    assert drive_figures(drive, "change", DEVICE_KEY)["body"] > 0
    with pytest.raises(NotWholeError):
        drive_figures(drive, "change", DEVICE_KEY, Forgetful())
