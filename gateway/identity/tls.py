"""TLS contexts of clients: TLS 1.3, both sides with certificates; must never accept a chain that it did not verify.

A head unit may wake with its clock at 1970. Then every certificate would look as if it were of the future and the
device could never reach the network that corrects its clock. So at an untrusted clock the chain is verified without
dates, and the dates are judged by the latest time that is certain to be past: that of the build, or the last trusted
one. A certificate that had expired by then is refused at any clock.
"""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509

from gateway.clock import BUILD_TIME_US, Clock
from gateway.errors import ConfigError
from gateway.identity.parties import TlsFiles
from gateway.model import ClockQuality

X509_V_FLAG_NO_CHECK_TIME: Final = 0x200000
X509_V_ERR_CERT_HAS_EXPIRED: Final = 10
_DER: Final = 2


class DatedSocket(ssl.SSLSocket):
    """A TLS socket whose handshake ends with a look at the dates of the chain."""

    def do_handshake(self, block: bool = False) -> None:
        """As in `ssl`; SSLCertVerificationError when a certificate had expired before the time that is certain."""
        super().do_handshake(block)
        context = self.context
        if isinstance(context, DatedContext):
            context.judge(verified_chain(self))


class DatedContext(ssl.SSLContext):
    """A client context that asks the clock at each connection how far dates can be believed; made by `tls_context`."""

    sslsocket_class = DatedSocket
    clock: Clock
    last_trusted_us: Callable[[], int]

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """As in `ssl`."""
        if self.clock.quality() is ClockQuality.UNTRUSTED:
            self.verify_flags |= X509_V_FLAG_NO_CHECK_TIME
        else:
            self.verify_flags &= ~X509_V_FLAG_NO_CHECK_TIME
        return super().wrap_socket(*args, **kwargs)

    def judge(self, chain: list[bytes]) -> None:
        """Refuses a chain in which a certificate had expired before the time that is certain to be past."""
        certain = datetime.fromtimestamp(max(BUILD_TIME_US, self.last_trusted_us()) / 1_000_000, UTC)
        for der in chain:
            until = x509.load_der_x509_certificate(der).not_valid_after_utc
            if until < certain:
                error = ssl.SSLCertVerificationError(1, "certificate has expired")
                error.verify_code = X509_V_ERR_CERT_HAS_EXPIRED
                error.verify_message = f"certificate has expired on {until:%Y-%m-%d}"
                raise error


def tls_context(
    files: TlsFiles,
    clock: Clock,
    *,
    last_trusted_us: Callable[[], int] = lambda: 0,
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    """A client context that presents `files.cert`, trusts `files.ca` alone and checks the host name; reads files.

    `last_trusted_us` is the latest time that a trusted clock has shown (see `trusted`). Raises ConfigError.
    """
    context = DatedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.clock, context.last_trusted_us = clock, last_trusted_us
    context.minimum_version = minimum
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(files.ca)
        context.load_cert_chain(files.cert, files.key)
    except OSError as error:  # SSLError is one
        raise ConfigError(
            f"the TLS files beside {files.cert} cannot be used ({error}): make them again with `forecourt pki dev`"
        ) from error
    return context


def verified_chain(sock: ssl.SSLSocket) -> list[bytes]:
    """The certificates that the verification went through, the peer's first, as DER.

    Public from Python 3.13 on; before, the same call exists on the object inside. Where it does not, the peer's alone.
    """
    public = getattr(sock, "get_verified_chain", None)
    if public is not None:
        return list(public())
    inside = getattr(getattr(sock, "_sslobj", None), "get_verified_chain", None)
    if inside is not None:
        return [certificate.public_bytes(_DER) for certificate in inside()]
    der = sock.getpeercert(binary_form=True)
    return [der] if der else []
