"""Proves which keys of a key set are used, and how the files of accounts are read and made."""

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.cloud.profile.accounts import AccountRefused, Accounts
from gateway.cloud.profile.accounts_fetch import read_file, read_secret, secret_at
from gateway.cloud.profile.accounts_keys import Keys, read_keys
from gateway.cloud.profile.accounts_settings import AccountsSettings
from gateway.config import Mistakes, load
from gateway.errors import ConfigError, InputError
from gateway.limits import ACCOUNT_ISSUERS_MAX, ACCOUNT_KEYS_AGAIN_S, ACCOUNT_KEYS_BYTES_MAX, ACCOUNT_KEYS_MAX
from simulators.openid.keys import text64
from tests.kit.accounts import CLIENT, ISSUER, NONCE, PATIENCE_S, Provider, claims, signing_key

GOOD = signing_key("k1").public()
RSA = signing_key("r1", "RS256").public()
ED = signing_key("e1", "EdDSA").public()


def keys_of(*shown: Any) -> Keys:
    """What is used of a set that shows these, and one good key beside them."""
    return read_keys(json.dumps({"keys": [*shown, {**GOOD, "kid": "beside"}]}).encode())


UNUSABLE: list[Any] = [
    {"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256"},
    {**GOOD, "d": GOOD["x"]},
    {**RSA, "d": RSA["n"]},
    {**GOOD, "use": "enc"},
    {**GOOD, "key_ops": ["sign"]},
    {**GOOD, "key_ops": "verify"},
    {**GOOD, "alg": "ES384"},
    {**RSA, "alg": "HS256"},
    {**RSA, "alg": "none"},
    {**RSA, "alg": ["RS256"]},
    {**RSA, "crv": "P-256"},
    {**GOOD, "crv": "P-384"},
    {**GOOD, "crv": "secp256k1"},
    {**GOOD, "crv": ["P-256"]},
    {**GOOD, "x": GOOD["y"]},
    {**GOOD, "x": "AA"},
    {**GOOD, "x": 7},
    {**GOOD, "kid": 7},
    {**GOOD, "kid": "k" * 256},
    {**ED, "crv": "X25519"},
    {**ED, "crv": "Ed448"},
    {**ED, "x": "AA"},
    {**ED, "x": "!"},
    {**RSA, "n": ""},
    {**RSA, "n": "AA"},
    {**RSA, "e": "AA"},
    {**RSA, "e": "Ag"},
    {**RSA, "e": RSA["n"]},
    {**RSA, "e": text64(((1 << 33) + 1).to_bytes(5, "big"))},
    {"kty": "RSA"},
    {"kty": ["EC"]},
    {},
    [],
    "key",
    None,
]


@pytest.mark.parametrize("shown", UNUSABLE)
def test_a_key_that_cannot_be_used_is_left_out(shown: Any) -> None:
    """Secrets, private halves, encryption keys, other curves and damage do no harm to the key beside them."""
    found = keys_of(shown)
    assert [key.kid for key in found.keys] == ["beside"]
    assert found.ignored == 1


@pytest.mark.parametrize("bits", [1_024, 2_048])
def test_a_short_modulus_is_left_out(bits: int) -> None:
    """RSA from 2,048 bits on (RFC 7518, 3.3)."""
    found = keys_of(signing_key("short", "RS256", bits).public())
    assert [key.kid for key in found.keys] == (["beside"] if bits < 2_048 else ["short", "beside"])


def test_each_key_has_one_algorithm() -> None:
    """By its type and curve, also where it does not say it."""
    found = keys_of(*({name: one[name] for name in one if name not in {"alg", "use"}} for one in (GOOD, RSA, ED)))
    assert [(key.kid, key.algorithm) for key in found.keys[:3]] == [("k1", "ES256"), ("r1", "RS256"), ("e1", "EdDSA")]
    assert found.ignored == 0
    assert len(found.named("k1")) == 1
    assert len(found.named(None)) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"7", b"null", b"{}", b'{"keys": 7}', b'{"keys": {}}', b'{"keys": []}', b'{"keys": [{}]}', b"\xff",
        b"[" * 100_000, b"9" * 10_000, json.dumps({"keys": [GOOD] * (ACCOUNT_KEYS_MAX + 1)}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(data: bytes) -> None:
    """Not JSON, of another form, too deep, without a key that could be used, or with too many."""
    with pytest.raises(InputError, match=r"no key set|no key for"):
        read_keys(data)


async def test_one_id_for_two_keys_is_nobody(tmp_path: Path) -> None:
    """Of two keys with one id and one algorithm none is taken; of two kinds, the one of the token's algorithm is."""
    twin, other = signing_key("k1"), signing_key("k1", "EdDSA")
    provider = Provider(tmp_path, twin, other)
    for key in (twin, other):
        await provider.accounts.verify(key.token(claims()), NONCE)
    provider.file.write_text(json.dumps({"keys": [twin.public(), twin.public()]}), "ascii")
    accounts = Accounts([provider.settings], bytes(32), provider.clock, PATIENCE_S)
    with pytest.raises(AccountRefused, match="not one key alone"):
        await accounts.verify(twin.token(claims()), NONCE)


async def test_a_file_of_keys_is_looked_at_again(tmp_path: Path) -> None:
    """After a minute at most: a key that was taken out of it opens nothing any more."""
    old, new = signing_key("k1"), signing_key("k2")
    provider = Provider(tmp_path, old)
    await provider.accounts.verify(old.token(claims()), NONCE)
    await asyncio.to_thread(provider.show, new)
    provider.clock.advance(ACCOUNT_KEYS_AGAIN_S + 1)
    await provider.accounts.verify(new.token(claims()), NONCE)
    with pytest.raises(AccountRefused):
        await provider.accounts.verify(old.token(claims()), NONCE)


def test_a_file_of_keys_is_bounded(tmp_path: Path) -> None:
    """Too large, or not there: the message names the file."""
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (ACCOUNT_KEYS_BYTES_MAX + 1))
    for path, told in ((large, "at most"), (tmp_path / "none.json", "No such file")):
        with pytest.raises(ConfigError, match=rf"{path.name}: .*{told}"):
            read_file(path)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """32 random bytes that only their owner may read, the same at the next start, and one alone for many at once."""
    path = tmp_path / "accounts.secret"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: secret_at(path), range(8)))
    assert len({secret for secret, _ in found}) == 1
    assert sum(made for _, made in found) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret_at(path) == (found[0][0], False)
    assert [one.name for one in tmp_path.iterdir()] == ["accounts.secret"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(bytes(31)), "restore it from its copy"),
        (lambda path: path.write_bytes(b""), "restore it from its copy"),
        (lambda path: path.write_bytes(bytes(5_000)), "restore it from its copy"),
        (lambda path: path.chmod(0o640), "run: chmod 600"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    ],
)
def test_a_secret_that_is_none_is_not_made_anew(tmp_path: Path, spoil: Callable[[Path], object], told: str) -> None:
    """A damaged secret, or one that others may read, is somebody's to look at: a new one would lose every profile."""
    path = tmp_path / "accounts.secret"
    secret_at(path)
    spoil(path)
    for read in (secret_at, read_secret):
        with pytest.raises(ConfigError, match=told):
            read(path)


def test_a_secret_without_a_folder_is_told(tmp_path: Path) -> None:
    """Where it cannot be made, the message names it."""
    with pytest.raises(ConfigError, match=r"none/accounts\.secret: the secret of the handles cannot be made"):
        secret_at(tmp_path / "none" / "accounts.secret")


def test_mistakes_of_the_file_have_their_lines(tmp_path: Path) -> None:
    """All at once: places of keys, providers that stand there twice, ids with spaces, no provider."""
    path = tmp_path / "accounts.toml"
    one = f'[[issuer]]\nissuer = "{ISSUER}"\naudience = "{CLIENT}"\n'
    path.write_text(f'[accounts]\nsecret = "s"\n{one}jwks_url = "http://id.example/k"\n{one}also = ["a b"]\n')
    with pytest.raises(Mistakes) as caught:
        load(AccountsSettings, path, {})
    assert {(problem.line, problem.key) for problem in caught.value.problems} == {
        (6, "issuer[1].jwks_url"),
        (10, "issuer[2].also"),
    }
    path.write_text(f'[accounts]\nsecret = "s"\n{one}jwks_file = "k"\n{one}jwks_file = "k"\n')
    with pytest.raises(Mistakes, match=r":8: issuer\[2\]\.issuer: stands there twice"):
        load(AccountsSettings, path, {})
    path.write_text('[accounts]\nsecret = "s"\n')
    with pytest.raises(Mistakes, match=f"1 to {ACCOUNT_ISSUERS_MAX} times"):
        load(AccountsSettings, path, {})


async def test_accounts_open_as_their_file_says(tmp_path: Path) -> None:
    """Paths count from the file's folder; the secret is made; `check` looks at what is named."""
    path = tmp_path / "accounts.toml"
    text = f'role = "accounts"\n[accounts]\nsecret = "s"\n[[issuer]]\nissuer = "{ISSUER}"\naudience = "{CLIENT}"\n'
    await asyncio.to_thread(path.write_text, text + 'jwks_file = "keys.json"\n')
    provider = Provider(tmp_path, signing_key("k1"))
    accounts = await Accounts.open(path, ManualClock())
    await accounts.aclose()
    assert accounts.counts == {"keys.fetched": 1}, "before anybody asks"
    mine = await accounts.verify(signing_key("k1").token(claims()), NONCE)
    again = await Accounts.open(path, ManualClock())
    assert again.handle(mine) == accounts.handle(mine) != provider.accounts.handle(mine)
    settings = await asyncio.to_thread(load, AccountsSettings, path, {})
    await asyncio.to_thread(settings.check_files)
    await asyncio.to_thread((tmp_path / "keys.json").write_text, "{}")
    with pytest.raises(InputError, match="no key set"):
        await asyncio.to_thread(settings.check_files)


def test_without_the_extra_the_settings_are_known_and_the_reason_is_told() -> None:
    """A device, or a cloud without forecourt[cloud], checks and documents settings; what needs the library says so."""
    code = (
        "import sys\n"
        "sys.modules['jwt'] = None\n"
        "from gateway.config import reference_page\n"
        "assert 'role = \"accounts\"' in reference_page()\n"
        "import gateway.cloud.profile\n"
        "from gateway.errors import ConfigError\n"
        "try:\n"
        "    import gateway.cloud.profile.accounts\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=25)
    assert "pip install 'forecourt[cloud]'" in done.stdout
