"""The hub: what it makes of adverts, its files and its frames."""
