"""What the staff are told of a guest who agreed to be advised; must never name him or follow him about."""

import hashlib

from forecourt.v1 import showroom_pb2

from showroom_agent.site.guests import Guest


def notice(guest: Guest, place: str) -> showroom_pb2.StaffNotice:
    """He has arrived at a place. The name of the visit cannot be turned back into its handle."""
    visit = hashlib.sha256(b"forecourt/v1/staff\0" + guest.subject.to_bytes(8, "big")).hexdigest()[:8]
    told = showroom_pb2.StaffNotice(visit=visit, place=place)
    if guest.best is not None:
        told.vehicle, told.percent = guest.best.car.id, guest.best.percent
    return told
