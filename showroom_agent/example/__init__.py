"""A showroom of our own invention, to try things on: plan, catalogue and wishes; must never be a site's default."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Holds site.geojson, catalogue.toml and wishes.toml."""
