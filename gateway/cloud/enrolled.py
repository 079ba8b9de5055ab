"""The devices that are enrolled, looked for again when a stranger speaks; must never read the disk each time."""

import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.identity import CloudIdentity

REFRESH_S = 5.0


class Enrolled:
    """Finds a device's key. Called on the inbox's thread, so that reading files does not stop the loop."""

    def __init__(self, identity: CloudIdentity, refresh_s: float = REFRESH_S) -> None:
        self._identity, self._refresh_s = identity, refresh_s
        self._looked_at = time.monotonic()

    def __call__(self, device: str) -> Ed25519PublicKey | None:
        """The key of an enrolled device; looks for new enrolments at most once in `refresh_s` seconds."""
        found = self._identity.device_key(device)
        if found is None and time.monotonic() - self._looked_at >= self._refresh_s:
            self._identity.refresh()
            self._looked_at = time.monotonic()
            found = self._identity.device_key(device)
        return found
