"""Whether a vehicle or a person is inside, learnt from a few labelled runs; must never know a guest."""

from showroom_agent.presence.live import LivePresence
from showroom_agent.presence.model import Presence, PresenceModel, PresenceTrack, grid_of, load_models, save_models
from showroom_agent.presence.train import judge, load_run, train

__all__ = [
    "LivePresence",
    "Presence",
    "PresenceModel",
    "PresenceTrack",
    "grid_of",
    "judge",
    "load_models",
    "load_run",
    "save_models",
    "train",
]
