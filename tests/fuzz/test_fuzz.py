"""The short form of the fuzzer, and that it finds what it looks for."""

import pytest

from gateway.errors import InputError
from tests.fuzz.__main__ import main
from tests.fuzz.engine import FAILURES_KEPT, fuzz
from tests.fuzz.targets import Target, targets

SEED, RUNS = 20_261_125, 400
NEVER_READ = {"signature"}
DECODERS = {
    "batch", "birth", "cloud_state", "columns_body", "columns_frame", "command", "epoch", "identity_body", "receipt",
    "record", "rows_body", "rows_frame", "seal", "signature", "topic",
}  # fmt: skip


def test_every_decoder_is_a_target() -> None:
    """Each takes its good input as it is."""
    assert set(targets()) == DECODERS
    for target in targets().values():
        for data in target.good:
            if target.name != "signature":  # which is that of another topic
                target.call(data)


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_damaged_input_is_refused(name: str) -> None:
    """InputError or a reading, never another error; and the damage is neither always deadly nor always harmless."""
    outcome = fuzz(targets()[name], SEED, RUNS)
    assert outcome.failures == []
    assert outcome.runs == RUNS
    assert outcome.refused > 0
    assert outcome.read > 0 or name in NEVER_READ
    assert outcome.slowest_s < 5.0


def test_the_fuzzer_finds_a_planted_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """A decoder that trips over one byte is caught, and the seed it names trips it again at once."""

    def tripping(data: bytes) -> None:
        if b"\xff" in data:
            raise IndexError("tripped")
        raise InputError("refused")

    planted = Target("planted", [bytes(40)], tripping)
    outcome = fuzz(planted, 1, 5_000)
    assert len(outcome.failures) == FAILURES_KEPT
    number = int(outcome.failures[0].split("--seed ")[1].split()[0])
    assert len(fuzz(planted, number, 1).failures) == 1
    assert main(["--target", "topic", "--target", "epoch", "--runs", "50", "--seed", "7"]) == 0
    assert "seed 7" in capsys.readouterr().out
