"""One MQTT 5 session: states, back-off, the one adapter to the client library; must never know what an event means."""

from gateway.link.backoff import Backoff
from gateway.link.connection import Connection
from gateway.link.endpoint import Endpoint
from gateway.link.link import Link, LinkStatus
from gateway.link.machine import LinkState
from gateway.link.packets import Message, Will

__all__ = ["Backoff", "Connection", "Endpoint", "Link", "LinkState", "LinkStatus", "Message", "Will"]
