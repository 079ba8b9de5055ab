"""What a hub tells twice a second; must never tell more often, nor anything about a stranger but how many there are."""

from dataclasses import dataclass

from forecourt.v1 import showroom_pb2

from showroom_agent.hub.ears import Ears

FRAME_S = 0.5
HEARTBEAT_S = 2.0
"""A frame goes at least so often, also when nothing was heard: the site tells a deaf hub from a quiet floor."""
EXPIRY_S = 10
TAGS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class ScannerState:
    """How the scanner stands. `fault`: why it is down, empty where it is not."""

    mode: showroom_pb2.ScannerMode = showroom_pb2.SCANNER_MODE_ACTIVE
    fault: str = ""


class FrameMaker:
    """Frames of one run of a hub's process."""

    def __init__(self, hub: str, boot: int, ears: Ears) -> None:
        """`boot`: random id of the run of the kernel."""
        self.hub, self.boot, self.ears = hub, boot, ears
        self._number = 0
        self._last_s: float | None = None
        self._told_s = float("-inf")
        self._state = ScannerState()
        self.left_out = 0
        """Tags that had no room in a frame."""

    def begin(self, now_s: float, wall_us: int) -> None:
        """Listening begins: from now on rotating tags can be named."""
        self._last_s = now_s
        self.ears.wall_at_zero_s = wall_us / 1e6 - now_s

    def make(self, now_s: float, wall_us: int, state: ScannerState) -> showroom_pb2.SightingFrame | None:
        """A frame of what was heard since the last; None when there is nothing new to tell yet.

        `now_s`: CLOCK_BOOTTIME; `wall_us`: the wall clock at the same moment.
        """
        span_s = FRAME_S if self._last_s is None else now_s - self._last_s
        self.ears.wall_at_zero_s = wall_us / 1e6 - now_s
        heard = self.ears.collect()
        self._last_s = now_s
        due = now_s - self._told_s >= HEARTBEAT_S - FRAME_S / 10
        if not (heard.tags or heard.strangers or heard.late or due or state != self._state):
            return None
        self._number += 1
        self._told_s, self._state = now_s, state
        self.left_out += max(len(heard.tags) - TAGS_MAX, 0)
        frame = showroom_pb2.SightingFrame(
            hub=self.hub,
            boot=self.boot,
            frame=self._number,
            boottime_ms=round(now_s * 1_000),
            wall_us=wall_us,
            span_ms=max(round(span_s * 1_000), 0),
            strangers=heard.strangers,
            mode=state.mode,
            fault=state.fault,
            late=heard.late,
        )
        for tag in heard.tags[:TAGS_MAX]:
            interval_ms = round(tag.interval_s * 1_000)
            frame.tags.add(
                tag=tag.tag, best_dbm=tag.best_dbm, mean_dbm=tag.mean_dbm, count=tag.count, interval_ms=interval_ms
            )
        return frame
