"""The beacon parser of a package of somebody else, and its test; must never be imported."""
