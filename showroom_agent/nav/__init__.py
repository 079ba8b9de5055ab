"""From a place on the floor to a car, step by step; must never know a radio, a network or who the guest is."""

from showroom_agent.nav.guide import ARRIVAL_M, Guidance, Guide, Walk
from showroom_agent.nav.handover import Handover, Plane
from showroom_agent.nav.moved import CarWatch
from showroom_agent.nav.position import Position
from showroom_agent.nav.route import NoRoute, Route, Target, Why
from showroom_agent.nav.router import EXIT, Router, outline_distance
from showroom_agent.nav.steps import Step, Turn, steps_of
from showroom_agent.nav.words import say

__all__ = [
    "ARRIVAL_M",
    "EXIT",
    "CarWatch",
    "Guidance",
    "Guide",
    "Handover",
    "NoRoute",
    "Plane",
    "Position",
    "Route",
    "Router",
    "Step",
    "Target",
    "Turn",
    "Walk",
    "Why",
    "outline_distance",
    "say",
    "steps_of",
]
