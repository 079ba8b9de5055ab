"""A guest's app: his profile's settings and a key that opens cars; must never hold more than a phone would.

It talks to the doors of the cloud kit and of a car, where a phone would talk to a back end and to the car's radio.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.cloud.profile.proofs import key_message
from gateway.door import ask
from gateway.errors import ConfigError, InputError

_FILE = "app.json"
TRIES = 5


@dataclass(frozen=True, slots=True)
class GuestApp:
    """One guest's app, as it lies in a folder. `seen`: the version of the profile that it showed at last."""

    folder: Path
    profile: str
    key: Ed25519PrivateKey
    seen: int = 0

    @classmethod
    def new(cls, folder: Path, cloud: Path) -> "GuestApp":
        """A new profile, with a new key that opens it; blocks. ConfigError where the folder has one already."""
        if (folder / _FILE).exists():
            raise ConfigError(f"{folder} is an app already: name another folder")
        key, profile = Ed25519PrivateKey.generate(), ask(cloud, "profile_new")["profile"]
        ask(cloud, "profile_key", {"profile": profile, "key": _text(key.public_key().public_bytes_raw())})
        return cls(folder, profile, key)._kept()

    @classmethod
    def load(cls, folder: Path) -> "GuestApp":
        """The app of a folder; ConfigError where there is none."""
        try:
            content = json.loads((folder / _FILE).read_text("utf-8"))
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(content["key"]))
            return cls(folder, content["profile"], key, content["seen"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{folder} holds no guest's app: forecourt sim guest-app new --folder {folder}"
            ) from error

    def show(self, cloud: Path) -> tuple["GuestApp", dict[str, Any], list[str]]:
        """The app, the profile, and who changed what since it was shown last; blocks."""
        found = ask(cloud, "profile_show", {"profile": self.profile})
        history = ask(cloud, "profile_history", {"profile": self.profile})
        news = [f"{one['by']} changed {', '.join(one['groups'])}" for one in history if one["version"] > self.seen]
        return replace(self, seen=found["version"])._kept(), found, news

    def set(self, cloud: Path, values: Mapping[str, Any]) -> tuple["GuestApp", dict[str, Any]]:
        """Writes over the newest version, and only over that: what a car changed meanwhile stays; blocks."""
        app = self
        for _ in range(TRIES):
            asked = {"profile": app.profile, "values": dict(values), "if_version": app.seen}
            found = ask(cloud, "profile_set", asked)
            if "conflict" not in found:
                return replace(app, seen=found["version"])._kept(), found
            app = replace(app, seen=found["conflict"]["version"])
        raise InputError("the profile changes faster than this app can write")

    def open_car(self, car: Path, device: str) -> dict[str, Any]:
        """Signs the guest in where a visit is open: the key signs this visit, as over the car's near field; blocks."""
        challenge = base64.b64decode(ask(car, "challenge")["session_key"])
        signature = self.key.sign(key_message(device, challenge))
        proof = {"key": _text(self.key.public_key().public_bytes_raw()), "signature": _text(signature)}
        found: dict[str, Any] = ask(car, "sign_in", proof)
        return found

    def _kept(self) -> "GuestApp":
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / _FILE
        path.touch(0o600)
        content = {"profile": self.profile, "seen": self.seen, "key": _text(self.key.private_bytes_raw())}
        path.write_text(json.dumps(content), "utf-8")
        return self


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
