"""The cabin: applies a guest's profile safely, follows wishes, leaves nothing; must never need the cloud to be safe."""

from vehicle_agent.cabin.cabin import Cabin
from vehicle_agent.cabin.house import CabinHouse, open_cabin
from vehicle_agent.cabin.link import CabinLink
from vehicle_agent.cabin.outcome import Outcome, OutcomeKind, Reason, Setting
from vehicle_agent.cabin.views import ApplyTiming, CabinEdit, CabinStatus, Seated

__all__ = [
    "ApplyTiming",
    "Cabin",
    "CabinEdit",
    "CabinHouse",
    "CabinLink",
    "CabinStatus",
    "Outcome",
    "OutcomeKind",
    "Reason",
    "Seated",
    "Setting",
    "open_cabin",
]
