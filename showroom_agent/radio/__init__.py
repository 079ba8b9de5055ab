"""What a radio hears, as values: adverts, their meaning, tags that rotate; must never touch a radio."""

from showroom_agent.radio.advert import Advert

__all__ = ["Advert"]
