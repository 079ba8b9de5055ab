"""Who may use the page: whoever was shown the link of this visit; must never let one visit open another's page."""

import hmac
import secrets
import time
from collections import deque

FAILURES_MAX = 30
FAILURES_S = 60.0
_SCHEME = "Bearer "


class Access:
    """One token for each visit, in memory only: after a restart the link has to be shown again."""

    def __init__(self) -> None:
        self._subject, self._token = 0, ""
        self._failures: deque[float] = deque(maxlen=FAILURES_MAX)

    def token(self, subject: int) -> str:
        """The token of a visit; a new visit ends that of the one before."""
        if subject != self._subject or not self._token:
            self._subject, self._token = subject, secrets.token_urlsafe(24)
        return self._token

    @property
    def locked(self) -> bool:
        """Whether so many wrong tokens came within a minute that none is looked at."""
        return len(self._failures) == FAILURES_MAX and time.monotonic() - self._failures[0] < FAILURES_S

    def allows(self, header: str, subject: int) -> bool:
        """Whether an Authorization header carries the token of the visit that is open (`subject`, 0 for none)."""
        if self.locked:
            return False
        given = header.removeprefix(_SCHEME) if header.startswith(_SCHEME) else ""
        good = bool(subject) and subject == self._subject and bool(self._token)
        if good and hmac.compare_digest(given.encode(), self._token.encode()):
            return True
        self._failures.append(time.monotonic())
        return False
