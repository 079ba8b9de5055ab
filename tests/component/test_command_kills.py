"""Proves at-most-once with real kills: SIGKILL at each point of a command's life, then another life."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from forecourt.v1 import downlink_pb2

from gateway.clock import BUILD_TIME_US
from gateway.flow.journal import Stage
from gateway.wire.signing import sign
from tests.component.command_life import KEY, POINTS, TOPIC
from tests.kit.zygote import Zygote

KILLED = -9


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """A process that has imported the life of a device."""
    found = Zygote("tests.component.command_life")
    yield found
    found.close()


def lines(path: Path) -> list[str]:
    """Lines of a file that may not be there."""
    return path.read_text("ascii").splitlines() if path.exists() else []


@pytest.mark.parametrize("again", [False, True], ids=["silent", "redelivered"])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_each_point(zygote: Zygote, tmp_path: Path, point: str, again: bool) -> None:
    """The effect is there once or not at all, and the command is answered, whether or not the cloud sends it again."""
    message = downlink_pb2.Command(
        id=1, kind="test.effect", issued_us=BUILD_TIME_US, not_after_us=BUILD_TIME_US + 60_000_000, counter=1, body=b"x"
    )
    payload = sign(KEY, TOPIC, message.SerializeToString()).hex()
    log, target = tmp_path / "log", "tests.component.command_life:live"
    first = zygote.spawn(target, log, folder=str(tmp_path), payload=payload, point=point, wait_s=20.0)
    assert first.wait() == KILLED, log.read_text()
    second = zygote.spawn(
        target,
        log,
        folder=str(tmp_path),
        payload=payload if again else "",
        point="",
        wait_s=1.0 if point == "told" and not again else 20.0,
    )
    assert second.wait() == 0, log.read_text()
    replies = [line.split(" ") for line in lines(tmp_path / "replies")]
    final = [(int(stage), reason) for _, stage, reason, _ in replies if int(stage) >= Stage.DONE]
    effects = lines(tmp_path / "effects")
    if point in {"running", "ran"}:
        assert set(final) == {(Stage.FAILED, "interrupted")}
        assert len(effects) == (1 if point == "ran" else 0)
    else:
        assert set(final) == {(Stage.DONE, "")}
        assert effects == [b"x".hex()]
