"""Faults: kills, power, disk, damage, networks; every run ends with the books."""
