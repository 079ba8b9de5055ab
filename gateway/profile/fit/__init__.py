"""How one profile fits every model: vehicle cards and translation; must never move anything or change the profile."""

from gateway.profile.fit.card import Actuator, Card, DriveSide, Geometry, Policy
from gateway.profile.fit.cards import card_from_toml
from gateway.profile.fit.finding import GROUP, load_card, load_cards
from gateway.profile.fit.learning import Learned, learn
from gateway.profile.fit.leaves import overlay_path
from gateway.profile.fit.mirrors import from_vss5
from gateway.profile.fit.paths import group_paths, paths_of
from gateway.profile.fit.translate import fit, unfit
from gateway.profile.fit.trial import Trial, attempt, middle_readings, reading
from gateway.profile.fit.values import Confidence, Fit, Origin, Setting, Target

__all__ = [
    "GROUP",
    "Actuator",
    "Card",
    "Confidence",
    "DriveSide",
    "Fit",
    "Geometry",
    "Learned",
    "Origin",
    "Policy",
    "Setting",
    "Target",
    "Trial",
    "attempt",
    "card_from_toml",
    "fit",
    "from_vss5",
    "group_paths",
    "learn",
    "load_card",
    "load_cards",
    "middle_readings",
    "overlay_path",
    "paths_of",
    "reading",
    "unfit",
]
