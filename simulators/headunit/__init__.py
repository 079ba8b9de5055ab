"""A simulated head unit: the actuators of a car's cabin behind a databroker; must never be taken for a real seat."""

from simulators.headunit.headunit import HeadUnit
from simulators.headunit.leaves import HAND, VSS, catalogue_for
from simulators.headunit.unit import Unit
from simulators.headunit.world import World

__all__ = ["HAND", "VSS", "HeadUnit", "Unit", "World", "catalogue_for"]
