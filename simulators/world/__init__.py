"""A showroom on a desk: tags on the air, hubs, a guest and his phone; must never be asked by an agent."""

from simulators.world.ears import PhoneEars
from simulators.world.guest import Walker
from simulators.world.phone import Phone
from simulators.world.radio import Air, AirSettings, Place, SimHubs

__all__ = ["Air", "AirSettings", "Phone", "PhoneEars", "Place", "SimHubs", "Walker"]
