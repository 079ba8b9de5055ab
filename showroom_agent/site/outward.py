"""How a site's words get out: signed to the floor, appended to its journal; must never decide what is said."""

import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forecourt.v1 import showroom_pb2

from gateway.errors import LinkError
from gateway.link import Connection
from gateway.wire import sign

VIEW_EXPIRY_S: Final = 10
CONTENT_TYPE: Final = "application/x-protobuf"
Told = showroom_pb2.GuestView | showroom_pb2.StaffNotice


def publish(connection: Connection, key: Ed25519PrivateKey, topic: str, message: Told) -> None:
    """Signs and sends; gives up where the connection is over or busy."""
    try:
        taken = connection.publish(
            topic, sign(key, topic, message.SerializeToString()), expiry_s=VIEW_EXPIRY_S, content_type=CONTENT_TYPE
        )
    except LinkError:
        return  # the connection is over or busy: the next step brings another view
    taken.add_done_callback(lambda done: done.cancelled() or done.exception())


def append_to(path: Path, data: bytes) -> int:
    """Appends to a file that is the owner's alone; its size then. Blocks."""
    if not data:
        return 0
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(number, "ab") as file:  # noqa: PTH123 - a descriptor, so that the mode is right from the first byte
        file.write(data)
        return file.tell()


def set_aside(path: Path) -> None:
    """What an earlier run wrote gets another name, in place of what was there before it. Blocks."""
    if path.exists():
        path.replace(path.with_name(path.name + ".before"))
