"""A courier for desks: confirmations as files in a folder; must never be the courier of a real campaign."""

import asyncio
import json
import secrets
from pathlib import Path


class FileCourier:
    """Writes each request for a confirmation to a file that only its owner reads, instead of sending it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, channel: str, address: str, token: str) -> str:
        """The name of the file is the id of the message."""
        message = secrets.token_hex(8)
        await asyncio.to_thread(self._write, message, {"channel": channel, "address": address, "token": token})
        return message

    def _write(self, message: str, content: dict[str, str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{message}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
