"""`forecourt hub nearby`: a hub alone, with the real bleak, says where its tags are."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.root import main
from showroom_agent.hub.frames import ScannerState
from showroom_agent.hub.rawlog import Recorder
from showroom_agent.radio import Advert
from simulators.bluez.serve import UUID

TAGS = "".join(f'[[tag]]\nid = "car-{one}"\nbeacon = "ibeacon:{UUID.hex()}:1:{one}"\n' for one in (1, 2, 9))


@pytest.mark.needs_dbus
@pytest.mark.timed
async def test_a_hub_without_site_plan_or_broker_says_near_and_far(tmp_path: Path) -> None:
    """On the simulated air one tag is strong and one is weak; one that is not there is not told of."""
    await asyncio.to_thread((tmp_path / "tags.toml").write_text, TAGS)
    words = [sys.executable, "-m", "gateway"]
    process = await asyncio.create_subprocess_exec(
        *words, "sim", "bluez", "--", *words, "hub", "nearby", "--tags", str(tmp_path / "tags.toml"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said: dict[str, tuple[str, float]] = {}
        async with asyncio.timeout(25):
            while len(said) < 2:
                line = json.loads(await process.stdout.readline())
                said[line["tag"]] = (line["is"], line["dbm"])
    finally:
        process.terminate()
        await process.wait()
    assert {tag: word for tag, (word, _) in said.items()} == {"car-1": "far", "car-2": "near"}
    assert all(-100 <= dbm <= -30 for _, dbm in said.values())


def test_a_raw_log_says_the_same_later(tmp_path: Path) -> None:
    """A tag that was near for ten seconds and then silent."""
    recorder = Recorder("hub-1", 7, 0.0, 0)
    beacon = {0x4C: b"\x02\x15" + UUID + b"\0\1\0\1\xc5"}
    for number in range(1, 61):
        now_s = number / 2
        if number <= 20:
            recorder.heard(Advert(b"\xc0\0\0\0\0\1", -60, now_s - 0.1, manufacturer=beacon), "car-1")
        recorder.frame(now_s, 0, ScannerState())
    (tmp_path / "raw.jsonl").write_bytes(recorder.take())
    (tmp_path / "tags.toml").write_text(TAGS)
    done = CliRunner().invoke(
        main, ["hub", "nearby", "--tags", str(tmp_path / "tags.toml"), "--log", str(tmp_path / "raw.jsonl")]
    )
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["tag"], line["is"], line["dbm"]) for line in lines] == [
        ("car-1", "near", -60.0),
        ("car-1", "absent", None),
    ]
