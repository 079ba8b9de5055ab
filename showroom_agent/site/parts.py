"""What a site is made of, read from its folder and shared by all guests; must never change while the site runs.

SITE/site.geojson      plan: hubs, zones, walls, blocked areas, cars, exits, landmarks
SITE/survey.csv        calibration, if there is one
SITE/catalogue.toml    cars and accessories, if guests are to be matched
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.errors import ConfigError
from showroom_agent.locator import Locator
from showroom_agent.match import Catalogue, load_catalogue
from showroom_agent.nav import ARRIVAL_M, outline_distance
from showroom_agent.plan import Car, Floor, load_floor, load_survey
from showroom_agent.site.spoof import Places

PLAN, SURVEY, CATALOGUE = "site.geojson", "survey.csv", "catalogue.toml"


@dataclass(frozen=True, slots=True)
class SiteParts:
    """Plan, locator and catalogue. `digest`: SHA-256 of the files that they were read from."""

    floor: Floor
    locator: Locator
    catalogue: Catalogue
    places: Places
    digest: bytes

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
        for name in (PLAN, SURVEY, CATALOGUE):
            path = folder / name
            digest.update(name.encode() + b"\0" + (path.read_bytes() if path.exists() else b"") + b"\0")
        locator = Locator(floor.site, survey)
        return cls(floor, locator, catalogue, Places(locator), digest.digest())

    def cells_at(self, car: Car) -> npt.NDArray[np.intp]:
        """Cells of the locator in which one stands before a car: within ARRIVAL_M of its outline."""
        grid = self.locator.grid
        found: npt.NDArray[np.intp] = np.nonzero(outline_distance((car.ring,), grid.x, grid.y) <= ARRIVAL_M)[0]
        return found
