"""Remembers in which visit a token was shown first; must never keep a token, only a digest of what was signed."""

import hashlib
from typing import Final

from gateway.limits import ACCOUNT_TOKENS_SEEN_MAX

DROPPED_SHARE: Final = 1 / 16


class Seen:
    """Tokens that opened something and have not expired, at most `tokens_max`; the oldest are forgotten first.

    What is told apart is what the provider signed: of an ECDSA signature anybody can write a second one that holds.
    """

    def __init__(self, tokens_max: int = ACCOUNT_TOKENS_SEEN_MAX) -> None:
        self._tokens_max = tokens_max
        self._visits: dict[bytes, tuple[bytes, float]] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def belongs(self, token: str, visit: bytes, ends_s: float, now_s: float) -> bool:
        """Whether a good token was shown in no other visit; it is `visit`'s until `ends_s` (seconds since 1970)."""
        digest = hashlib.sha256(token.rpartition(".")[0].encode("ascii")).digest()
        if len(self._visits) >= self._tokens_max and digest not in self._visits:
            self._make_room(now_s)
        first, _ = self._visits.setdefault(digest, (hashlib.sha256(visit).digest(), ends_s))
        return first == hashlib.sha256(visit).digest()

    def _make_room(self, now_s: float) -> None:
        self._visits = {digest: shown for digest, shown in self._visits.items() if shown[1] > now_s}
        spare = len(self._visits) - int(self._tokens_max * (1 - DROPPED_SHARE))
        for digest in list(self._visits)[: max(0, spare)]:
            del self._visits[digest]
