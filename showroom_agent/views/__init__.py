"""Pictures of a floor; must never decide or locate anything."""
