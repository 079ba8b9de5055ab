"""What a guest's phone shows; must never tell a guest of another."""

from forecourt.v1 import showroom_pb2

from showroom_agent.match import Catalogue, approach
from showroom_agent.site.guests import Guest

REASONS_MAX = 12


def guest_view(guest: Guest, catalogue: Catalogue, number: int) -> showroom_pb2.GuestView:
    """The view of a visit now. `number`: of the phone's last request that was taken."""
    view = showroom_pb2.GuestView(subject=guest.subject, number=number, zone=guest.zone, arrived=guest.arrived)
    _place(view, guest)
    if guest.guidance is not None:
        view.text = guest.guidance.text(guest.language)
        view.remaining_m, view.eta_s = guest.guidance.remaining_m, guest.guidance.eta_s
    for x_m, y_m in guest.corners():
        view.route_m.extend((x_m, y_m))
    view.vehicle = guest.vehicle or ""
    if guest.offered and guest.best is not None:
        view.percent = guest.best.percent
        view.reasons.extend(guest.best.lines(guest.language)[:REASONS_MAX])
    if guest.before:
        told = approach(catalogue, guest.before, guest.wishes)
        if told is not None:
            view.points.extend(point.of(guest.language) for point in told.points)
            view.accessories.extend(one.title.of(guest.language) for one in told.accessories)
    return view


def _place(view: showroom_pb2.GuestView, guest: Guest) -> None:
    position = guest.position
    if position is not None:
        view.located = True
        view.x_m, view.y_m, view.radius_m = position.x_m, position.y_m, position.radius_m
        view.source = "phone" if guest.from_phone and position.source == "hubs" else position.source
    if guest.view is not None:
        view.modes.extend(guest.view.modes)
        if guest.view.estimate is not None and view.source != "gps":
            view.confidence = guest.view.estimate.confidence
