"""Which car fits a guest's wishes, and why; must never know where anybody stands or keep what he wished."""

from showroom_agent.match.approach import Approach, approach
from showroom_agent.match.catalogue import Accessory, CarModel, Catalogue, load_catalogue, read_catalogue
from showroom_agent.match.choice import Choice, Chosen
from showroom_agent.match.interest import Interest, InterestWatch
from showroom_agent.match.score import Criterion, Fit, rank, score
from showroom_agent.match.wishes import Wishes, read_wishes

__all__ = [
    "Accessory",
    "Approach",
    "CarModel",
    "Catalogue",
    "Choice",
    "Chosen",
    "Criterion",
    "Fit",
    "Interest",
    "InterestWatch",
    "Wishes",
    "approach",
    "load_catalogue",
    "rank",
    "read_catalogue",
    "read_wishes",
    "score",
]
