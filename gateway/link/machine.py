"""The states of a link and what moves it between them; must never do I/O or tell the time."""

from collections.abc import Callable
from enum import Enum
from typing import Final


class LinkState(Enum):
    """Where a link stands."""

    STOPPED = "stopped"
    DIALLING = "dialling"
    GREETING = "greeting"
    ONLINE = "online"
    CLOSING = "closing"
    WAITING = "waiting"


class LinkEvent(Enum):
    """What happens to a link."""

    START = "start"
    DIALLED = "dialled"
    ACCEPTED = "accepted"
    FAILED = "failed"
    LOST = "lost"
    LEAVE = "leave"
    LEFT = "left"
    RETRY = "retry"
    STOP = "stop"


TRANSITIONS: Final[dict[tuple[LinkState, LinkEvent], LinkState]] = {
    (LinkState.STOPPED, LinkEvent.START): LinkState.DIALLING,
    (LinkState.DIALLING, LinkEvent.DIALLED): LinkState.GREETING,
    (LinkState.DIALLING, LinkEvent.FAILED): LinkState.WAITING,
    (LinkState.DIALLING, LinkEvent.STOP): LinkState.STOPPED,
    (LinkState.GREETING, LinkEvent.ACCEPTED): LinkState.ONLINE,
    (LinkState.GREETING, LinkEvent.FAILED): LinkState.WAITING,
    (LinkState.GREETING, LinkEvent.STOP): LinkState.STOPPED,
    (LinkState.ONLINE, LinkEvent.LOST): LinkState.WAITING,
    (LinkState.ONLINE, LinkEvent.LEAVE): LinkState.CLOSING,
    (LinkState.CLOSING, LinkEvent.LEFT): LinkState.WAITING,
    (LinkState.WAITING, LinkEvent.RETRY): LinkState.DIALLING,
    (LinkState.WAITING, LinkEvent.STOP): LinkState.STOPPED,
}
"""Every move there is; what is not here is forbidden. An online link is left before it is stopped."""


class Forbidden(AssertionError):
    """An event came in a state in which it cannot happen: a mistake of ours, not of the network."""


class Machine:
    """Holds the state and refuses every move that the table does not name."""

    def __init__(self, on_change: Callable[[LinkState, LinkState], None] | None = None) -> None:
        self.state = LinkState.STOPPED
        self._on_change = on_change

    def on(self, event: LinkEvent) -> LinkState:
        """Moves to the next state and returns it; Forbidden leaves the state as it was."""
        before = self.state
        after = TRANSITIONS.get((before, event))
        if after is None:
            raise Forbidden(f"{event.name} cannot happen to a link that is {before.name}")
        self.state = after
        if self._on_change is not None:
            self._on_change(before, after)
        return after
