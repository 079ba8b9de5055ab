"""The sources of a package of somebody else: signals from a line, and its test; must never be imported."""
