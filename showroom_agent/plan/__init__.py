"""Floor plans, surveys and recordings of a site; must never know a radio model."""

from showroom_agent.plan.floor import Car, Floor, Georeference, Mark, Names, load_floor, read_floor
from showroom_agent.plan.geojson import load_site, read_site
from showroom_agent.plan.readings import Reading, load_readings
from showroom_agent.plan.site import Hub, Site, Zone
from showroom_agent.plan.survey import Survey, check_polarity, load_survey

__all__ = [
    "Car",
    "Floor",
    "Georeference",
    "Hub",
    "Mark",
    "Names",
    "Reading",
    "Site",
    "Survey",
    "Zone",
    "check_polarity",
    "load_floor",
    "load_readings",
    "load_site",
    "load_survey",
    "read_floor",
    "read_site",
]
