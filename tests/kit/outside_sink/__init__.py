"""The sources of a package of somebody else: a sink in thirty lines, and its test; must never be imported."""
