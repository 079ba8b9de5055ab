"""What a site is made of, read from its folder and shared by all guests; must never change while the site runs.

SITE/site.geojson      plan: hubs, zones, walls, blocked areas, cars, exits, landmarks
SITE/survey.csv        calibration, if there is one
SITE/catalogue.toml    cars and accessories, if guests are to be matched
SITE/presence.json     what `train-presence` learnt, if a car counts as present only once it is inside
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.errors import ConfigError
from showroom_agent.locator import Locator
from showroom_agent.match import Catalogue, load_catalogue
from showroom_agent.nav import ARRIVAL_M, outline_distance
from showroom_agent.plan import Car, Floor, load_floor, load_survey
from showroom_agent.presence import PresenceModel, load_models
from showroom_agent.site.spoof import Places

PLAN, SURVEY, CATALOGUE, PRESENCE = "site.geojson", "survey.csv", "catalogue.toml", "presence.json"
CARRIER = "car"
"""The model of cars that have none under their own id."""


@dataclass(frozen=True, slots=True)
class SiteParts:
    """Plan, locator and catalogue. `digest`: SHA-256 of the files that they were read from."""

    floor: Floor
    locator: Locator
    catalogue: Catalogue
    places: Places
    digest: bytes
    presence: Mapping[str, PresenceModel] = field(default_factory=dict)
    """By car; cars without one are present where they are heard."""

    @classmethod
    def load(cls, folder: Path) -> "SiteParts":
        """Reads a site's folder; raises ConfigError with all that is wrong. Blocks: not for the loop."""
        floor = load_floor(folder / PLAN)
        survey = load_survey(folder / SURVEY, floor.site) if (folder / SURVEY).exists() else None
        catalogue = Catalogue({}, {})
        if (folder / CATALOGUE).exists():
            catalogue = load_catalogue(folder / CATALOGUE)
        tags = [car.tag for car in floor.cars if car.tag]
        if len(tags) != len(set(tags)):
            raise ConfigError(f"{folder / PLAN}: two cars have the same tag")
        digest = hashlib.sha256()
        for name in (PLAN, SURVEY, CATALOGUE, PRESENCE):
            path = folder / name
            if (
                path.exists() or name != PRESENCE
            ):  # a site without one keeps the digest that it had before there was any
                digest.update(name.encode() + b"\0" + (path.read_bytes() if path.exists() else b"") + b"\0")
        locator = Locator(floor.site, survey)
        presence = learnt(folder / PRESENCE, floor) if (folder / PRESENCE).exists() else {}
        return cls(floor, locator, catalogue, Places(locator), digest.digest(), presence)

    def cells_at(self, car: Car) -> npt.NDArray[np.intp]:
        """Cells of the locator in which one stands before a car: within ARRIVAL_M of its outline."""
        grid = self.locator.grid
        found: npt.NDArray[np.intp] = np.nonzero(outline_distance((car.ring,), grid.x, grid.y) <= ARRIVAL_M)[0]
        return found


def learnt(path: Path, floor: Floor) -> dict[str, PresenceModel]:
    """The model of each car with a tag: that of its own id, or that of cars. Raises ConfigError. Blocks."""
    models = load_models(path)
    hubs = tuple(hub.id for hub in floor.site.hubs)
    found = {car.id: models.get(car.id) or models.get(CARRIER) for car in floor.cars if car.tag}
    if not any(found.values()):
        raise ConfigError(f"{path}: holds no model of cars; call a run {CARRIER}-1 or by a car's id and train it again")
    if any(model.hubs != hubs for model in models.values()):
        raise ConfigError(f"{path}: was learnt with other hubs than those of {PLAN}; train it again")
    return {ident: model for ident, model in found.items() if model is not None}
