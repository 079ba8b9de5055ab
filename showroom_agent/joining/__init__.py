"""How hubs join a site, are placed and tried out; must never follow anybody."""

from showroom_agent.joining.desk import JoinDesk
from showroom_agent.joining.hub_side import Joined, join, renew, site_time
from showroom_agent.joining.place import Address, Place
from showroom_agent.joining.token import Token, parse_token

__all__ = ["Address", "JoinDesk", "Joined", "Place", "Token", "join", "parse_token", "renew", "site_time"]
