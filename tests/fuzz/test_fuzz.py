"""The short form of the fuzzer, and that it finds what it looks for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import InputError
from tests.fuzz import engine
from tests.fuzz.__main__ import main
from tests.fuzz.engine import FAILURES_KEPT, fuzz
from tests.fuzz.targets import Target, targets

SEED, RUNS_EACH = 20_261_125, 2_000
RUNS = {"inbox": 300, "profile_sealed": 300}  # which take ten times as long as others
NEVER_READ = {"account_token", "signature"}
DECODERS = {
    "account_answer", "account_claims", "account_keys", "account_token",
    "advert", "batch", "birth", "cloud_state", "columns_body", "columns_frame", "command", "epoch",
    "guest_request", "hub_log", "identity_body", "inbox",
    "profile_document", "profile_edit", "profile_record", "profile_request", "profile_sealed",
    "receipt", "record", "rows_body", "rows_frame", "seal", "sighting_frame",
    "signature", "topic",
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
    runs = RUNS.get(name, RUNS_EACH)
    outcome = fuzz(targets()[name], SEED, runs)
    assert [failure.text for failure in outcome.failures] == []
    assert outcome.runs == runs
    assert outcome.refused > 0
    assert outcome.read > 0 or name in NEVER_READ


def planted(call: Callable[[bytes], object]) -> Target:
    """A target with a fault."""
    return Target("planted", [bytes(40)], call)


def test_the_fuzzer_finds_a_planted_fault() -> None:
    """A decoder that trips over one byte is caught, and the seed it names trips it again at once."""

    def tripping(data: bytes) -> None:
        if b"\xff" in data:
            raise IndexError("tripped")
        raise InputError("refused")

    outcome = fuzz(planted(tripping), 1, 5_000)
    assert len(outcome.failures) == FAILURES_KEPT
    assert outcome.runs == outcome.refused + FAILURES_KEPT
    number = int(outcome.failures[0].text.split("--seed ")[1].split()[0])
    assert len(fuzz(planted(tripping), number, 1).failures) == 1


def test_the_fuzzer_finds_who_takes_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and a processor's time of one input are bounded, though it is read in the end."""
    monkeypatch.setattr(engine, "INPUT_CPU_S", 0.05)
    monkeypatch.setattr(engine, "INPUT_MEMORY_BYTES", 32 << 20)
    greedy = fuzz(planted(lambda _: bytearray(200 << 20)), 1, 1)
    assert "MB of memory" in greedy.failures[0].text
    assert greedy.memory_bytes > 100 << 20
    slow = fuzz(planted(lambda _: sum(range(10_000_000))), 1, 1)
    assert "s of a processor" in slow.failures[0].text


def test_the_fuzzer_ends_in_time_and_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds bound it where runs do not."""
    monkeypatch.setattr(engine, "TOLD_EACH_S", 0.05)
    heard: list[int] = []
    outcome = fuzz(targets()["topic"], 1, 10**9, 0.3, lambda so_far: heard.append(so_far.runs))
    assert 0 < outcome.runs < 10**9
    assert heard == sorted(heard)
    assert heard


def test_the_command_ends_with_the_verdict(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 when all is well; 1 with seed, command and the saved input when a decoder fails."""
    chosen = ["--runs", "50", "--seed", "7", "--save", str(tmp_path / "failed")]
    assert main(["--target", "topic", "--target", "epoch", *chosen]) == 0
    assert "seed 7" in capsys.readouterr().out
    assert not (tmp_path / "failed").exists()
    monkeypatch.setitem(targets(), "topic", planted(lambda data: data[99]))
    assert main(["--target", "topic", *chosen]) == 1
    said = capsys.readouterr().out
    assert "IndexError" in said
    assert "--target planted --seed 7 --runs 1 --trace" in said
    assert (tmp_path / "failed" / "planted-0.bin").read_bytes() == planted(len).damaged(7)
