"""As much of HTTP/1.1 as a health page needs: a request's head, an answer; must never read without a bound."""

import re
from typing import NamedTuple

from gateway.errors import InputError

HEAD_BYTES_MAX = 8_192
_REQUEST = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,2048}) HTTP/1\.[01]")
_HEADER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -\xff]*")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
TEXT = "text/plain; charset=utf-8"


class Request(NamedTuple):
    """What is asked; the query is cut off."""

    method: str
    path: str


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: str
    content_type: str = TEXT


def parse_head(head: bytes) -> Request:
    """The request of `head`, which ends with an empty line; raises InputError."""
    first, *headers = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    found = _REQUEST.fullmatch(first)
    if found is None or not all(_HEADER.fullmatch(line) for line in headers):
        raise InputError("not an HTTP/1 request")
    method, target = (part.decode("ascii") for part in found.groups())
    return Request(method, target.partition("?")[0])


def answer_bytes(answer: Answer, with_body: bool = True) -> bytes:
    """The answer on the wire; the connection ends after it."""
    body = answer.body.encode()
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if answer.status == 405:
        lines.append("Allow: GET, HEAD")
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("ascii") + (body if with_body else b"")
