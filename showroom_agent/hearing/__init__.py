"""Who listens and who is heard: what keeps "absent" apart from "blind"; must never know a position."""

from showroom_agent.hearing.moved import MovedWatch, Otherwise
from showroom_agent.hearing.tag import Hearing, TagState
from showroom_agent.hearing.watch import HubWatch, degraded

__all__ = ["Hearing", "HubWatch", "MovedWatch", "Otherwise", "TagState", "degraded"]
