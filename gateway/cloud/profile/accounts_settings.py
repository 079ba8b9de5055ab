"""The settings of accounts of another service: whose tokens open a profile; must never hold a secret itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from gateway.config.fields import section, setting
from gateway.limits import ACCOUNT_ISSUERS_MAX

_TEXT = r"[!-~]{1,255}"
_FORM = "1 to 255 characters, no spaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleSettings:
    """How an account becomes the handle of a profile, from which nobody finds the account."""

    secret: Path = setting(
        doc="file with 32 random bytes or more, made when it is missing; keep a copy: with another one no account "
        "finds its profile again"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """An OpenID provider whose accounts open profiles."""

    issuer: str = setting(doc="its name, exactly as `iss` in its tokens", pattern=_TEXT, form=_FORM)
    audience: str = setting(
        doc="the client id that its tokens are made for, as `aud` in its tokens", pattern=_TEXT, form=_FORM
    )
    also: tuple[str, ...] = setting(
        (),
        doc="further client ids of the brand, which may stand in `aud` beside the audience, and in `azp`",
        pattern=_TEXT,
        form=_FORM,
    )
    jwks_url: str = setting(
        "",
        doc="where its keys are; https, or http on this machine. Without it and `jwks_file` the provider's discovery "
        "document says it",
    )
    jwks_file: Path | None = setting(None, doc="file with its keys (a JSON Web Key Set), instead of `jwks_url`")

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """Keys come from one place, and not over a line that others write to."""
        if self.jwks_url and self.jwks_file is not None:
            yield "jwks_url", "stands there beside jwks_file", "keys come from one place: take one of both out"
        elif self.jwks_url and (wrong := unsafe(self.jwks_url)):
            yield "jwks_url", wrong, "write https://HOST/PATH"
        elif not self.jwks_url and self.jwks_file is None and unsafe(self.issuer):
            yield "issuer", "cannot be asked where its keys are", "give jwks_url or jwks_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsSettings:
    """Accounts of another service of the brand, which the cloud's profile authority lets open a profile."""

    accounts: HandleSettings = section(HandleSettings, doc="how accounts become handles")
    issuer: tuple[IssuerSettings, ...] = setting((), doc="the providers")

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """Each provider stands there once."""
        if not 1 <= len(self.issuer) <= ACCOUNT_ISSUERS_MAX:
            yield "issuer", f"has to be given 1 to {ACCOUNT_ISSUERS_MAX} times", "write [[issuer]] and its settings"
        seen: set[str] = set()
        for index, one in enumerate(self.issuer):
            if one.issuer in seen:
                yield f"issuer.{index}.issuer", "stands there twice", "name further client ids in `also`"
            seen.add(one.issuer)

    def check_files(self) -> None:
        """Looks at the files that are named; raises ConfigError. Blocks: not for the loop."""
        from gateway.cloud.profile.accounts_fetch import read_file, read_secret
        from gateway.cloud.profile.accounts_keys import read_keys

        for one in self.issuer:
            if one.jwks_file is not None:
                read_keys(read_file(one.jwks_file))
        if self.accounts.secret.exists():
            read_secret(self.accounts.secret)


def split(url: str) -> SplitResult:
    """The parts of a URL; raises ValueError, also for a port that is none."""
    parts = urlsplit(url)
    _ = parts.port
    return parts


def unsafe(url: str) -> str:
    """What is wrong with the URL of a key set; empty when it may be used."""
    try:
        parts = split(url)
    except ValueError:
        return "is no URL"
    if not url.isascii() or not url.isprintable() or " " in url or not parts.hostname:
        return "is no URL"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has a name, a password or a fragment in it"
    if parts.scheme == "https" or (parts.scheme == "http" and _here(parts.hostname)):
        return ""
    return "is not https: whoever is on the way could put keys of his own there"


def _here(host: str) -> bool:
    """Whether that is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
