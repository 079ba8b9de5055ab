"""The errors of Forecourt, each of which says whether to try again; must never format personal data into a message.

ForecourtError
├── ConfigError          never   what the operator wrote cannot be used
├── InputError           never   bytes or values from outside that cannot be read
│   ├── SignatureError   never   not signed by whom it should be
│   └── TooLarge         never   over a bound of `limits`
├── StoreError           later   the disk refuses or lies
│   ├── StoreFull        later   no room, and nothing that may be evicted
│   └── StoreTooNew      never   written by a newer version
├── LinkError            soon    the connection ended or did not come to be
│   ├── LinkBusy         later   the broker asks for patience
│   └── LinkRefused      later   the broker refuses this client or what it sent
└── Closed               never   the part was closed
"""

from enum import Enum


class Retry(Enum):
    """When the same call may succeed."""

    SOON = "soon"
    LATER = "later"
    NEVER = "never"


class ForecourtError(Exception):
    """Whatever Forecourt raises on purpose."""

    retry = Retry.NEVER


class ConfigError(ForecourtError):
    """A setting cannot be used; the message says which, where and what would do."""


class InputError(ForecourtError):
    """Bytes or values from outside that cannot be read."""


class SignatureError(InputError):
    """A message is not signed by whom it should be."""


class TooLarge(InputError):
    """A message or a value is over a bound of `limits`."""


class StoreError(ForecourtError):
    """The disk refused a read or a commit; nothing of that commit was promised."""

    retry = Retry.LATER


class StoreFull(StoreError):
    """The budget is spent and nothing may be evicted; the event was not kept."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of Forecourt."""

    retry = Retry.NEVER


class LinkError(ForecourtError):
    """The connection ended or did not come to be."""

    retry = Retry.SOON


class LinkBusy(LinkError):
    """The broker asks for patience (MQTT 5 reason codes 0x88, 0x89, 0x97, 0x9F)."""

    retry = Retry.LATER


class LinkRefused(LinkError):
    """The broker refuses this client or what it sent (0x86, 0x87, 0x8A and their like): somebody has to act."""

    retry = Retry.LATER


class Closed(ForecourtError):
    """The part was closed before or while it was asked."""
