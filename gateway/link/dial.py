"""From an endpoint to a connected socket, TLS included; must never block the loop or outlive its caller.

Names are looked up in a daemon thread and not in the loop's executor: a resolver without network hangs for tens of
seconds, and an executor would hold up the end of the process for as long.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from gateway.errors import LinkError, LinkRefused
from gateway.link.endpoint import Endpoint

_Address = tuple[socket.AddressFamily, Any]
_CLIENT_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "UNKNOWN_CA",
    "BAD_CERTIFICATE",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "ACCESS_DENIED",
    "HANDSHAKE_FAILURE",
)


def explained(failure: OSError, endpoint: Endpoint) -> LinkError:
    """The error of a dial or a connection that failed with `failure`, which says what to do where that is known."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return LinkRefused(
            f"the certificate of {endpoint} is not accepted ({failure.verify_message or failure.reason}): "
            "compare the CA in the identity folder, the host name in the URL and the certificate's dates"
        )
    if isinstance(failure, ssl.SSLError):
        reason = (failure.reason or str(failure)).upper().replace(" ", "_")
        if any(alert in reason for alert in _CLIENT_ALERTS):
            return LinkRefused(
                f"{endpoint} does not accept this device's certificate ({reason}): enrol the device again"
            )
        if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
            return LinkRefused(f"{endpoint} does not speak TLS: use its TLS port, or mqtt:// on this machine")
        if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
            return LinkRefused(f"{endpoint} does not speak TLS 1.3 ({reason})")
        return LinkError(f"TLS with {endpoint} failed ({reason})")
    if isinstance(failure, socket.gaierror):
        return LinkError(f"the name of {endpoint} is not known here ({failure.strerror})")
    code = errno.errorcode.get(failure.errno or 0, type(failure).__name__)
    return LinkError(f"no connection with {endpoint} ({code})")


async def dial(endpoint: Endpoint) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers; LinkError or LinkRefused otherwise."""
    try:
        addresses = await _look_up(endpoint.host, endpoint.port)
        failure: OSError | None = None
        for number, address in enumerate(addresses):
            share_s = endpoint.connect_timeout_s / (len(addresses) - number)
            try:
                return await _connect(endpoint, address, share_s)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure or OSError("no address")
    except OSError as error:
        raise explained(error, endpoint) from error


async def _connect(endpoint: Endpoint, address: _Address, timeout_s: float) -> socket.socket:
    loop = asyncio.get_running_loop()
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(timeout_s):
            await loop.sock_connect(sock, address[1])
            if endpoint.tls is not None:
                sock = await _secured(sock, endpoint.tls, endpoint.host)
    except BaseException:
        sock.close()
        raise
    return sock


async def _secured(sock: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    secure = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    loop = asyncio.get_running_loop()
    try:
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                await _ready(secure, loop.add_reader, loop.remove_reader)
            except ssl.SSLWantWriteError:
                await _ready(secure, loop.add_writer, loop.remove_writer)
            else:
                return secure
    except BaseException:
        secure.close()
        raise


async def _ready(sock: socket.socket, watch: Callable[..., Any], leave: Callable[[int], bool]) -> None:
    ready, number = asyncio.Event(), sock.fileno()
    watch(number, ready.set)
    try:
        await ready.wait()
    finally:
        leave(number)


async def _look_up(host: str, port: int) -> list[_Address]:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, (host, port))]
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[_Address]] = loop.create_future()

    def answer(addresses: list[_Address] | None, failure: OSError | None) -> None:
        if found.done():
            return
        if failure is not None:
            found.set_exception(failure)
        else:
            found.set_result(addresses or [])

    def ask() -> None:
        addresses: list[_Address] | None = None
        failure: OSError | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = [(info[0], info[4]) for info in infos]
        except OSError as error:
            failure = error
        except UnicodeError:
            failure = socket.gaierror(socket.EAI_NONAME, "not a host name")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(answer, addresses, failure)

    threading.Thread(target=ask, name="forecourt-names", daemon=True).start()
    return await found
