"""The short form of the wipes that are cut, and proof that the search would see what it looks for."""

import base64
import struct
from pathlib import Path

import pytest

from tests.faults.wipe import wipes
from tests.faults.wipe_scan import canaries, found_in, secret


@pytest.mark.needs_mosquitto
@pytest.mark.timed
@pytest.mark.timeout(60)
async def test_a_wipe_that_was_killed_ends_before_anything_else(tmp_path: Path) -> None:
    """Guests with profiles, online, offline and staged; three kills, one of them within a no."""
    verdict = await wipes(tmp_path, 3, 5)
    assert verdict.good, "\n".join([verdict.line(), *verdict.notes])
    assert "3 kills, 2 within the wipe of a visit and 1 within a no" in verdict.line()
    assert "0 canaries" in verdict.line()


def test_the_search_knows_every_spelling() -> None:
    """Texts in three encodings, numbers as doubles both ways, each plain, in hex and in base64 wherever it begins."""
    text, number = "Canary-Allee 4711", 52.123456789
    forms = [text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), str(number).encode()]
    forms += [struct.pack("<d", number), struct.pack(">d", number)]
    needles = canaries([(text,), number, "short", 7])
    for form in forms:
        spelt = [form, form.hex().encode(), form.hex().upper().encode()]
        spelt += [base64.b64encode(b"x" * ahead + form + b"yz") for ahead in range(3)]
        spelt += [base64.urlsafe_b64encode(b"x" * ahead + form + b"yz") for ahead in range(3)]
        assert found_in(needles, {str(at): b"before " + one + bytes(999) for at, one in enumerate(spelt)}) == [
            str(at) for at in range(len(spelt))
        ]
    assert found_in(needles, {"other": b"Canary-Allee 4712, 52.12345678, short, 7" + bytes(9_999)}) == []
    assert found_in(secret(bytes(range(32))), {"keyring": bytes(700) + bytes(range(32)) + bytes(700)}) == ["keyring"]
