"""What a caller may do; must never allow what its scopes do not name."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from simulators.databroker.patterns import matcher
from simulators.databroker.refusals import Refused, Why

ACTIONS: Final = ("read", "actuate", "provide", "create")


class Access(Protocol):
    """Each raises Refused when the caller may not."""

    def read(self, path: str) -> None:
        """Whether the signal may be read."""
        ...

    def provide(self, path: str) -> None:
        """Whether the signal's value may be published."""
        ...

    def actuate(self, path: str) -> None:
        """Whether the actuator may be moved."""
        ...

    def expired(self) -> bool:
        """Whether the caller may nothing any more; refuses nothing."""
        ...


class Everything:
    """No tokens: everybody may do everything."""

    def read(self, path: str) -> None:
        """See Access."""

    def provide(self, path: str) -> None:
        """See Access."""

    def actuate(self, path: str) -> None:
        """See Access."""

    def expired(self) -> bool:
        """See Access."""
        return False


class Scopes:
    """Scopes of a token, such as `read:Vehicle.Speed provide:Vehicle.Cabin actuate`, until it expires.

    A scope without a path is for all; whoever may actuate or provide may read. Raises Refused for a scope that is none.
    """

    def __init__(self, scopes: Iterable[str], expires_s: float, now: Callable[[], float] = time.time) -> None:
        """`expires_s`: seconds since 1970."""
        self._expires_s, self._now = expires_s, now
        self._allowed: Mapping[str, list[Callable[[str], bool]]] = {action: [] for action in ACTIONS}
        for scope in scopes:
            action, _, path = scope.partition(":")
            test = matcher(path)
            if action not in self._allowed or test is None:
                raise Refused(Why.UNAUTHENTICATED, f"the token's scope {scope!r:.80} is none")
            self._allowed[action].append(test)

    def read(self, path: str) -> None:
        """See Access."""
        self._judge(ACTIONS, path)

    def provide(self, path: str) -> None:
        """See Access."""
        self._judge(("provide",), path)

    def actuate(self, path: str) -> None:
        """See Access."""
        self._judge(("actuate",), path)

    def expired(self) -> bool:
        """See Access."""
        return self._now() >= self._expires_s

    def _judge(self, actions: Iterable[str], path: str) -> None:
        if self.expired():
            raise Refused(Why.EXPIRED, path)
        if not any(test(path) for action in actions for test in self._allowed[action]):
            raise Refused(Why.DENIED, path)
