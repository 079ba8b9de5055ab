"""One hub without a plan: near, far and absent, which do not flap and are not guessed."""

import random
from collections.abc import Iterator

from forecourt.v1 import showroom_pb2

from showroom_agent.joining.nearby import TAGS_MAX, Change, Nearby, Nearness, NearSettings

NEAR, FAR, ABSENT, BLIND = Nearness.NEAR, Nearness.FAR, Nearness.ABSENT, Nearness.BLIND


class Hub:
    """A hub that makes a frame each half second."""

    def __init__(self, nearby: Nearby | None = None) -> None:
        self.nearby, self.number, self.now_s, self.boot = nearby or Nearby(), 0, 100.0, 1
        self.changes: list[Change] = []

    def hear(
        self,
        *levels: float | None,
        mode: showroom_pb2.ScannerMode = showroom_pb2.SCANNER_MODE_ACTIVE,
        interval_ms: int = 200,
    ) -> None:
        """A frame for each level; None: the tag is not heard in it."""
        for level in levels:
            self.number, self.now_s = self.number + 1, self.now_s + 0.5
            frame = showroom_pb2.SightingFrame(
                hub="h", boot=self.boot, frame=self.number, boottime_ms=round(self.now_s * 1_000), mode=mode
            )
            if level is not None:
                frame.tags.add(tag="car-3", best_dbm=round(level), mean_dbm=level, count=2, interval_ms=interval_ms)
            self.changes += self.nearby.frame(frame)

    @property
    def said(self) -> list[Nearness]:
        """What was told, in order."""
        return [change.nearness for change in self.changes]


def noisy(mean: float, count: int, spread_db: float = 5.0, seed: int = 1) -> Iterator[float]:
    """Levels at one place."""
    rng = random.Random(seed)
    return (rng.gauss(mean, spread_db) for _ in range(count))


def test_a_tag_comes_stays_and_goes() -> None:
    """Each is told once, the first at once, and going within the tag's own patience."""
    hub = Hub()
    hub.hear(*noisy(-85, 20))
    hub.hear(*noisy(-55, 20))
    hub.hear(*noisy(-85, 30))
    gone_s = hub.now_s
    hub.hear(*[None] * 20)
    assert hub.said == [FAR, NEAR, FAR, ABSENT]
    assert hub.changes[0].at_s == 100.5
    assert 3.0 < hub.changes[-1].at_s - gone_s <= 4.0
    assert hub.changes[-1].level_dbm is None


def test_a_tag_that_lies_at_the_border_for_an_hour_does_not_flap() -> None:
    """At any level, with 5 dB of noise, one change at most after the first word."""
    for level in range(-80, -55, 3):
        hub = Hub()
        hub.hear(*noisy(level, 7_200, seed=level))
        assert len(hub.changes) <= 2, (level, hub.said)


def test_losses_are_no_absence_and_a_slow_tag_is_given_time() -> None:
    """One frame in five lost for an hour; and a tag that sends each 5 s."""
    rng, hub = random.Random(2), Hub()
    hub.hear(*(None if rng.random() < 0.2 else level for level in noisy(-60, 7_200)))
    assert ABSENT not in hub.said
    slow = Hub()
    for _ in range(50):
        slow.hear(-60.0, *[None] * 9, interval_ms=5_000)
    assert slow.said == [NEAR]
    slow.hear(*[None] * 70)
    assert slow.said == [NEAR, ABSENT]


def test_a_hub_that_does_not_listen_knows_nothing() -> None:
    """Blind, not absent; when it listens again silence counts from then."""
    hub = Hub()
    hub.hear(*[-60.0] * 10)
    hub.hear(*[None] * 60, mode=showroom_pb2.SCANNER_MODE_DOWN)
    assert hub.said == [NEAR, BLIND]
    hub.hear(*[None] * 4)
    assert ABSENT not in hub.said
    hub.hear(-60.0)
    assert hub.said[-1] is NEAR
    hub.hear(*[None] * 10)
    assert hub.said[-1] is ABSENT


def test_old_frames_and_impossible_levels_say_nothing() -> None:
    """A frame that comes twice, and levels of +42 and -128 dBm."""
    hub = Hub()
    hub.hear(42.0, -128.0)
    assert (hub.said, hub.nearby.impossible) == ([], 2)
    hub.hear(-60.0)
    hub.number -= 2
    hub.hear(-90.0, -90.0)
    assert hub.said == [NEAR]


def test_after_a_reboot_the_clock_begins_anew() -> None:
    """Ages on the clock before it say nothing; a tag that is not heard any more becomes absent all the same."""
    hub = Hub()
    hub.hear(*[-60.0] * 10)
    hub.boot, hub.number, hub.now_s = 2, 0, 5.0
    hub.hear(None, None)
    assert hub.said == [NEAR]
    hub.hear(*[None] * 10)
    assert hub.said == [NEAR, ABSENT]


def test_tags_are_bounded() -> None:
    """The one that was silent longest is forgotten."""
    nearby = Nearby(NearSettings())
    for number in range(TAGS_MAX // 1_000 + 1):
        frame = showroom_pb2.SightingFrame(hub="h", boot=1, frame=number + 1, boottime_ms=1_000 + number)
        for one in range(1_000):
            frame.tags.add(tag=f"{number}-{one}", mean_dbm=-60, count=1)
        assert sum(1 for _ in nearby.frame(frame)) == 1_000
    assert len(nearby.now()) == TAGS_MAX
    assert "0-0" not in nearby.now()
