"""A web server that answers what a test wants, also what is no answer."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that reads a request and does what `answer` says; the URL of its keys."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone, as he should
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme, port = "http" if tls is None else "https", server.sockets[0].getsockname()[1]
        yield f"{scheme}://localhost:{port}/keys?version=1"
        server.close()


def once(data: bytes) -> Answer:
    """Sends that and ends."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def forever(first: bytes, again: bytes, pause_s: float) -> Answer:
    """Sends `first`, and then `again` and again, until whoever asked has gone."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n"
