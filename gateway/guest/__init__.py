"""The guest's visit on a device: session, wipe, and what surfaces may ask for; must never know a socket or a page."""

from gateway.guest.desk import GuestDesk, Parts
from gateway.guest.session import SessionState
from gateway.guest.views import ConsentRow, ConsentView, Erased, Left, SessionView
from gateway.guest.visitors import Visitors
from gateway.guest.wipe import Wipeable, WipeReport

__all__ = [
    "ConsentRow",
    "ConsentView",
    "Erased",
    "GuestDesk",
    "Left",
    "Parts",
    "SessionState",
    "SessionView",
    "Visitors",
    "WipeReport",
    "Wipeable",
]
