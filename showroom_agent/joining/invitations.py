"""The site's open invitations, a file each; must never hold a token, only what recognises one.

States: OPEN, then USED (by the keys that it was used for, which may ask again), or SPOILT by wrong proofs. An
invitation whose time is over counts no more in any state; it is remembered a day, so that its holder is told why.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import ConfigError, InputError
from gateway.identity import check_device_id, read_file, write_file
from showroom_agent.joining.bounds import (
    INVITATION_S,
    INVITATION_S_MAX,
    INVITATIONS_OPEN_MAX,
    KEPT_AFTER_S,
    PROOFS_MAX,
    SECRET_BYTES,
)
from showroom_agent.joining.token import Token


@dataclass(frozen=True, slots=True)
class Invitation:
    """`used_by`: digest of the keys that it was used for. Times in microseconds since 1970."""

    id: str
    key: str = field(repr=False)
    device: str
    until_us: int
    replace: bool = False
    used_by: str = ""
    wrong: int = 0

    @property
    def spoilt(self) -> bool:
        """Whether so many wrong proofs came that none is looked at any more."""
        return self.wrong >= PROOFS_MAX


class Invitations:
    """Blocks on files: not for the loop. One desk writes, `invite` of any process adds."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Files lie in `folder`."""
        self._folder, self._clock = folder, clock

    def invite(
        self, host: str, port: int, pin: bytes, device: str, *, for_s: float = INVITATION_S, replaces: bool = False
    ) -> Token:
        """A new invitation of one device. Its token is nowhere but in the answer."""
        check_device_id(device)
        if not 0 < for_s <= INVITATION_S_MAX:
            raise ConfigError(f"an invitation holds for a second to {INVITATION_S_MAX / 86_400:g} days")
        self.sweep()
        if sum(1 for one in self.all() if not one.used_by) >= INVITATIONS_OPEN_MAX:
            raise ConfigError(f"there are {INVITATIONS_OPEN_MAX} open invitations: withdraw some or wait")
        token = Token(host, port, pin, secrets.token_bytes(SECRET_BYTES))
        token.text()
        until = self._clock.wall_us() + round(for_s * 1e6)
        self._write(Invitation(token.invitation, token.key.hex(), device, until, replaces))
        return token

    def find(self, ident: str) -> Invitation | None:
        """The invitation of that name, in whatever state."""
        if len(ident) != 16 or not set(ident) <= set("0123456789abcdef"):
            return None
        return self._read(self._folder / f"{ident}.json")

    def open(self, ident: str) -> Invitation:
        """The invitation of that name if it counts; InputError says why it does not."""
        found = self.find(ident)
        if found is None:
            raise InputError("no such invitation here: it was withdrawn, or it is another site's")
        if found.spoilt:
            raise InputError(
                "too many wrong proofs: this invitation is over, make another with `forecourt site invite`"
            )
        if self._clock.wall_us() >= found.until_us:
            raise InputError("this invitation has expired: make another with `forecourt site invite`")
        return found

    def wrong(self, invitation: Invitation) -> None:
        """Somebody named it and could not prove that he holds it."""
        self._write(replace(invitation, wrong=invitation.wrong + 1))

    def use(self, invitation: Invitation, keys: str) -> None:
        """It is used for these keys; InputError when it was for others."""
        if invitation.used_by and invitation.used_by != keys:
            raise InputError("this invitation was used already: each is for one hub, make another")
        self._write(replace(invitation, used_by=keys))

    def withdraw(self, device: str) -> int:
        """Ends the open invitations of a device and returns how many these were."""
        found = [one for one in self.all() if one.device == device and not one.used_by]
        for one in found:
            (self._folder / f"{one.id}.json").unlink(missing_ok=True)
        return len(found)

    def all(self) -> Iterator[Invitation]:
        """All that are remembered."""
        for path in sorted(self._folder.glob("*.json")):
            found = self._read(path)
            if found is not None:
                yield found

    def sweep(self) -> None:
        """Forgets what is long over."""
        for one in list(self.all()):
            if self._clock.wall_us() > one.until_us + KEPT_AFTER_S * 1e6:
                (self._folder / f"{one.id}.json").unlink(missing_ok=True)

    def _write(self, invitation: Invitation) -> None:
        write_file(self._folder / f"{invitation.id}.json", json.dumps(asdict(invitation)).encode(), private=True)

    def _read(self, path: Path) -> Invitation | None:
        if not path.exists():
            return None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            found = Invitation(**json.loads(read_file(path, private=True)))
            if bytes.fromhex(found.key) and isinstance(found.until_us, int):
                return found
        return None
