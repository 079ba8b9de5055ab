"""Asks at a door and waits for the answer; blocks, so must never be used on a loop."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.errors import InputError, LinkError, StoreError
from gateway.limits import DOOR_ANSWER_BYTES_MAX, DOOR_LINE_BYTES_MAX


def ask(path: Path, verb: str, args: Mapping[str, Any] | None = None, timeout_s: float = 60.0) -> Any:
    """The result of `verb`; raises InputError for what will never work, StoreError later, LinkError soon."""
    request = json.dumps({"verb": verb, "args": dict(args or {})}, ensure_ascii=False).encode() + b"\n"
    if len(request) > DOOR_LINE_BYTES_MAX:
        raise InputError(f"a request has at most {DOOR_LINE_BYTES_MAX} bytes")
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout_s)
            sock.connect(str(path))
            sock.sendall(request)
            with sock.makefile("rb") as answers:
                line = answers.readline(DOOR_ANSWER_BYTES_MAX)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise LinkError(f"nobody serves at {path}: is the agent running, with this door?") from error
    except PermissionError as error:
        raise InputError(f"this user may not open {path}") from error
    except OSError as error:
        raise LinkError(f"{path} does not answer ({error.strerror or 'time-out'})") from error
    return _result(path, line)


def _result(path: Path, line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise LinkError(f"{path} closed without an answer: may this user ask there?")
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise LinkError(f"{path} is no door") from error
    match answer:
        case {"ok": result}:
            return result
        case {"error": str() as words, "retry": str() as retry}:
            kinds: dict[str, type[Exception]] = {"never": InputError, "later": StoreError}
            raise kinds.get(retry, LinkError)(words)
    raise LinkError(f"{path} is no door")
