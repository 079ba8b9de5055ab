"""Worlds for a desk: drives, databroker, networks, fleets; must never be imported by the product."""
