"""What the client library takes for its socket; must never wait.

Reads come in large pieces and pass the guard of `framing` once; the library then takes its three small reads a packet
from memory. Writes are counted packet by packet, so that the link knows which publishes have left this process. Closing
is ours: an abort must not let the kernel send what is still queued, an orderly end must not be cut short by a reset.
"""

import socket
import ssl
import struct
from collections.abc import Callable

from gateway.link.framing import PUBLISH, Frames

READ_BYTES = 65_536
READS_MAX = 16
UNSENT_BYTES = 131_072
"""The kernel takes no more once this much waits in it unsent, so that urgent data does not queue behind megabytes."""
_WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_RESET = struct.pack("ii", 1, 0)
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)


class Plug:
    """A connected, non-blocking socket (TCP or TLS) behind the interface that the library calls."""

    def __init__(self, sock: socket.socket, frames: Frames, clock: Callable[[], float]) -> None:
        self._sock, self._frames, self._clock = sock, frames, clock
        self._inbox = bytearray()
        self._taken = 0
        self._rest = 0
        self._publishing = False
        self.eof = False
        self.failure: OSError | None = None
        self._write_failure: OSError | None = None
        self.received_at = self.accepted_at = clock()
        self.on_published: Callable[[], None] = lambda: None
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    @property
    def readable(self) -> bool:
        """Whether the library has something to take: bytes, or the end."""
        return self._taken < len(self._inbox) or self.eof

    @property
    def broken(self) -> bool:
        """Whether a write has failed."""
        return self._write_failure is not None

    def fill(self) -> bool:
        """Takes what has arrived. True: more may lie in TLS buffers, of which the selector knows nothing.

        Raises InputError when the broker sent what it must not.
        """
        for _ in range(READS_MAX):
            try:
                data = self._sock.recv(READ_BYTES)
            except _WOULD_BLOCK:
                if self._write_failure is not None:
                    self.failure, self.eof = self._write_failure, True
                return False
            except OSError as failure:
                self.failure, self.eof = failure, True
                return False
            if not data:
                self.eof = True
                return False
            self.received_at = self._clock()
            self._inbox += self._frames.feed(data)
        return True

    def forget(self) -> None:
        """Drops what has arrived."""
        self._inbox.clear()
        self._taken = 0

    def recv(self, size: int) -> bytes:
        """The next bytes, at most `size`; BlockingIOError when there are none, b"" at the end."""
        start, end = self._taken, len(self._inbox)
        if start == end:
            if self.eof:
                return b""
            raise BlockingIOError
        stop = min(start + size, end)
        data = bytes(self._inbox[start:stop])
        if stop == end:
            self.forget()
        else:
            self._taken = stop
        return data

    def send(self, buffer: bytes | bytearray) -> int:
        """Hands bytes of one packet to the kernel; the library calls with the rest of a packet until it is through.

        A failed write is not raised: the peer's reason may wait to be read, and the library would not read any more.
        The next `fill` ends the connection.
        """
        if self._rest == 0:
            self._rest = len(buffer)
            self._publishing = buffer[0] >> 4 == PUBLISH
        try:
            sent = self._sock.send(buffer)
        except _WOULD_BLOCK:
            raise
        except OSError as failure:
            self._write_failure, sent = failure, len(buffer)
        self.accepted_at = self._clock()
        self._rest -= sent
        if self._rest == 0 and self._publishing:
            self.on_published()
        return sent

    def close(self) -> None:
        """The library's close; the socket stays ours until `finish` or `reset`."""

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """Always non-blocking, whatever the library asks."""

    def shut(self) -> None:
        """Says that nothing more will be sent; the peer may still speak."""
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.eof = True

    def finish(self) -> None:
        """Closes the socket."""
        self._sock.close()

    def reset(self) -> None:
        """Closes the socket at once and throws away what the kernel has not sent."""
        if self._sock.fileno() >= 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._sock.close()
