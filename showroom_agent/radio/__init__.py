"""What a radio hears, as values: adverts, their meaning, tags that rotate; must never touch a radio."""

from showroom_agent.radio.advert import Advert, usable
from showroom_agent.radio.beacon import Beacon, BeaconParser, Parsers, built_in, outside
from showroom_agent.radio.interval import Interval
from showroom_agent.radio.irk import IdentityResolver, is_resolvable
from showroom_agent.radio.rotating import RotatingTags, rotating_advert, rotating_id
from showroom_agent.radio.value import normal_key

__all__ = [
    "Advert",
    "Beacon",
    "BeaconParser",
    "IdentityResolver",
    "Interval",
    "Parsers",
    "RotatingTags",
    "built_in",
    "is_resolvable",
    "normal_key",
    "outside",
    "rotating_advert",
    "rotating_id",
    "usable",
]
