"""Bytes of a provider's keys and of the secret, with a bound on size and time; must never be called on the loop.

One deadline holds for the whole answer, and every wait for bytes is cut to what is left of it: a provider that sends
a byte a second is as dead as one that sends none. Nobody is followed to another address.
"""

import contextlib
import io
import os
import secrets
import socket
import ssl
import time
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from gateway.cloud.profile.accounts_settings import split
from gateway.errors import ConfigError, LinkError
from gateway.limits import ACCOUNT_KEYS_BYTES_MAX, ACCOUNT_KEYS_TIMEOUT_S

if TYPE_CHECKING:
    from typing_extensions import Buffer

SECRET_BYTES: Final = 32
SECRET_BYTES_MAX: Final = 4_096
HEAD_BYTES_MAX: Final = 32_768


def read_file(path: Path) -> bytes:
    """The bytes of a key set; raises ConfigError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(ACCOUNT_KEYS_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: the keys cannot be read ({error.strerror})") from error
    if len(data) > ACCOUNT_KEYS_BYTES_MAX:
        raise ConfigError(f"{path}: a key set has at most {ACCOUNT_KEYS_BYTES_MAX:,} bytes")
    return data


def read_url(url: str, timeout_s: float = ACCOUNT_KEYS_TIMEOUT_S) -> bytes:
    """The body of a good answer to GET; raises LinkError. `url` is one that settings allow."""
    ends_s = time.monotonic() + timeout_s
    parts = split(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    asked = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    try:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((host, port), _left(ends_s)))
            if secure:
                connection.settimeout(_left(ends_s))
                wrapped = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
                connection = stack.enter_context(wrapped)
            connection.settimeout(_left(ends_s))
            connection.sendall(asked.encode("ascii"))
            return answer_of(connection, ends_s)
    except TimeoutError:
        raise LinkError(f"{host} has not shown its keys within {timeout_s:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        raise LinkError(f"{host} does not show its keys ({type(error).__name__})") from error


def read_secret(path: Path) -> bytes:
    """The secret of the handles; raises ConfigError when it is short, or when others may read it."""
    try:
        with path.open("rb") as stream:
            mode, data = os.fstat(stream.fileno()).st_mode, stream.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(f"{path}: the secret of the handles cannot be read ({error.strerror})") from error
    if not SECRET_BYTES <= len(data) <= SECRET_BYTES_MAX:
        raise ConfigError(
            f"{path}: a secret has {SECRET_BYTES} to {SECRET_BYTES_MAX:,} bytes; restore it from its copy"
        )
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the secret of the handles; run: chmod 600 {path}")
    return data


def secret_at(path: Path) -> tuple[bytes, bool]:
    """The secret of the handles, and whether it was made just now because there was none; raises ConfigError."""
    made = secrets.token_bytes(SECRET_BYTES)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    if path.exists():
        return read_secret(path), False
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(made)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            path.hardlink_to(part)  # fails where another process was faster
        finally:
            part.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        return read_secret(path), False
    except OSError as error:
        raise ConfigError(f"{path}: the secret of the handles cannot be made ({error.strerror})") from error
    return made, True


def _left(ends_s: float) -> float:
    left_s = ends_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def answer_of(connection: socket.socket, ends_s: float) -> bytes:
    """The body of the answer that comes in until `ends_s`; raises OSError, HTTPException and ValueError."""
    response = HTTPResponse(cast("socket.socket", _Bounded(connection, ends_s)))  # as much of one as it asks for
    with contextlib.closing(response):
        response.begin()
        if response.status != 200:
            raise HTTPException(response.status)
        data = response.read(ACCOUNT_KEYS_BYTES_MAX + 1)
        if len(data) > ACCOUNT_KEYS_BYTES_MAX:
            raise ValueError("more bytes than a key set has")
    return data


class _Bounded(io.RawIOBase):
    """The receiving half of a socket, with an end of time and of bytes."""

    def __init__(self, connection: socket.socket, ends_s: float) -> None:
        self._connection, self._ends_s = connection, ends_s
        self._bytes_left = HEAD_BYTES_MAX + 2 * ACCOUNT_KEYS_BYTES_MAX

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client reads from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """Bytes as they come; raises TimeoutError at the end of time, ValueError at that of bytes."""
        if self._bytes_left <= 0:
            raise ValueError("more bytes than a key set has")
        self._connection.settimeout(_left(self._ends_s))
        count = self._connection.recv_into(buffer, min(memoryview(buffer).nbytes, self._bytes_left))
        self._bytes_left -= count
        return count
