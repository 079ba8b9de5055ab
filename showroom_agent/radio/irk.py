"""Whose resolvable private address it is; must never remember more addresses than its bound.

Resolution: Core Specification 5.4, Vol 6, Part B, 1.3.2.3 and Vol 3, Part H, 2.2.2: the low half of an address is
ah(IRK, high half), the last 24 bits of AES-128 over the high half padded with zeros.
"""

from collections import OrderedDict
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

CACHE_ADDRESSES_MAX = 4_096
CACHE_S = 900.0
LIVE_ADDRESSES_MAX = 2
_PADDING = bytes(13)


def is_resolvable(address: bytes) -> bool:
    """Whether the two highest bits of a random address say so: 0b01."""
    return len(address) == 6 and address[0] >> 6 == 0b01


class IdentityResolver:
    """Identities by their keys. An identity may use two addresses at once; the oldest of three is forgotten."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Identity resolving keys of 16 bytes by identity, most significant byte first."""
        # ECB of single blocks is what the address function is defined as; nothing is encrypted for secrecy here.
        self._checks = [(who, Cipher(algorithms.AES(key), modes.ECB()).encryptor().update) for who, key in keys.items()]  # noqa: S305
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._live: dict[str, OrderedDict[bytes, None]] = {}
        self.checks = 0
        """AES blocks so far."""

    def resolve(self, address: bytes, now_s: float) -> str:
        """The identity, empty for nobody's; answers from a cache where it can."""
        if not self._checks or not is_resolvable(address):
            return ""
        known = self._known.get(address)
        if known is not None and now_s - known[1] <= CACHE_S:
            self._known.move_to_end(address)
            return known[0]
        who = self._search(address)
        self._known[address] = who, now_s
        self._known.move_to_end(address)
        if len(self._known) > CACHE_ADDRESSES_MAX:
            self._known.popitem(last=False)
        if who:
            self._note(who, address)
        return who

    def live(self, who: str) -> tuple[bytes, ...]:
        """Addresses that an identity used lately, the latest last; for tests and counts, not to be told."""
        return tuple(self._live.get(who, ()))

    def _search(self, address: bytes) -> str:
        block, wanted = _PADDING + address[:3], address[3:]
        for number, (who, encrypt) in enumerate(self._checks, 1):
            if encrypt(block)[13:] == wanted:
                self.checks += number
                return who
        self.checks += len(self._checks)
        return ""

    def _note(self, who: str, address: bytes) -> None:
        live = self._live.setdefault(who, OrderedDict())
        live[address] = None
        live.move_to_end(address)
        while len(live) > LIVE_ADDRESSES_MAX:
            gone, _ = live.popitem(last=False)
            self._known.pop(gone, None)
