"""The vehicle card of a package of somebody else, and its test; must never be imported."""
