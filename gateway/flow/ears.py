"""Who hears what the cloud says about consent and keys; must never be told what was not signed."""

from collections.abc import Iterable
from typing import Protocol


class ConsentEars(Protocol):
    """Who hears what the cloud says about consent: flow.consent_sync.ConsentSync."""

    def connected(self) -> None:
        """A connection begins; nothing of it has been heard."""
        ...

    def epoch(self, told: int) -> None:
        """The consent epoch of this device, signed."""
        ...

    def authority_says(self, boot: int, seal_key: bytes) -> None:
        """The cloud is there: its boot, and what profiles are sealed to (empty: it keeps none), signed."""
        ...

    def refused(self, unknown_records: Iterable[str], not_allowed: bool) -> None:
        """Records that the cloud lacks, and whether it refused bags for want of consent."""
        ...
