"""Logs as events: a snake_case name and fields; must never be given a guest's data, a key or a subject."""

import json
import logging
import sys
from typing import TextIO

_FIELDS = "forecourt_fields"


class Log:
    """Events of one room. The first failure is a warning, its repetitions are debug, the recovery is info."""

    def __init__(self, room: str) -> None:
        self._logger = logging.getLogger(f"forecourt.{room}")

    def debug(self, event: str, **fields: object) -> None:
        """Something for whoever looks closely."""
        self._logger.debug(event, extra={_FIELDS: fields})

    def info(self, event: str, **fields: object) -> None:
        """Something changed, as it should."""
        self._logger.info(event, extra={_FIELDS: fields})

    def warning(self, event: str, **fields: object) -> None:
        """Something is wrong that the part copes with."""
        self._logger.warning(event, extra={_FIELDS: fields})

    def error(self, event: str, **fields: object) -> None:
        """Somebody has to act."""
        self._logger.error(event, extra={_FIELDS: fields})


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """The fields of an event, for formatters and assertions."""
    found: dict[str, object] = getattr(record, _FIELDS, {})
    return found


class EventFormatter(logging.Formatter):
    """One line per event: JSON for machines, `name key=value` for people."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line of one event."""
        fields = fields_of(record)
        if self._as_json:
            head = {"ts": record.created, "level": record.levelname.lower(), "room": record.name, "event": record.msg}
            return json.dumps(head | fields, default=str)
        text = " ".join(f"{name}={value}" for name, value in fields.items())
        room = record.name.removeprefix("forecourt.")
        return f"{record.levelname.lower():<7} {room:<9} {record.getMessage()} {text}".rstrip()


def to_stream(level: str = "info", as_json: bool = False, stream: TextIO | None = None) -> None:
    """Sends the events of all rooms to `stream` (standard error) from `level` upwards."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EventFormatter(as_json))
    root = logging.getLogger("forecourt")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
