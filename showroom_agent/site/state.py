"""What a site knows now, for displays on its own machine; must never show one who did not agree to be located."""

from showroom_agent.site.core import SiteCore
from showroom_agent.site.moved_hubs import moved_hubs, trouble_of
from showroom_agent.views.state import CarMark, FloorState, GuestMark, HubMark

PLAN_WRONG = (
    "the plan contradicts how people walk: most of their way lies in what it marks as blocked; exchange blocked and"
    " free in it, or correct its coordinates, and start the site anew"
)
VISIT_CHARS = 8
"""Of the handle of a visit, as `site replay` shows it too."""


def state_of(core: SiteCore, at_ms: int) -> FloorState:
    """The floor at a step, between two of them."""
    deaf, moved = core.hubs.deaf(at_ms), moved_hubs(core)
    hubs = []
    for place, hub in enumerate(core.parts.floor.site.hubs):
        trouble = deaf.get(place) or (trouble_of(moved[hub.id]) if hub.id in moved else "")
        hubs.append(HubMark(hub.id, hub.x_m, hub.y_m, trouble))
    states, cars = core.vehicles.states(), []
    for ident in dict.fromkeys((*(car.id for car in core.parts.floor.cars), *core.router.cars)):
        car = core.router.cars.get(ident)
        cars.append(CarMark(ident, states.get(ident, ""), car.ring if car is not None else ()))
    guests, hidden = [], 0
    for subject, guest in core.guests.items():
        position = guest.position if guest.navigates else None
        if position is None:
            hidden += 1
            continue
        view = guest.view
        estimate = view.estimate if view is not None else None
        guests.append(
            GuestMark(
                f"{subject:016x}"[:VISIT_CHARS],
                round(position.x_m, 2),
                round(position.y_m, 2),
                round(position.radius_m, 2),
                round(estimate.confidence, 3) if estimate is not None and position.source == "hubs" else 0.0,
                guest.zone,
                position.source,
                guest.vehicle or "",
                view.modes if view is not None else (),
            )
        )
    return FloorState(
        at_ms, tuple(hubs), tuple(cars), tuple(guests), hidden, (PLAN_WRONG,) if core.polarity.contradicted else ()
    )
