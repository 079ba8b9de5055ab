"""Damaged input for every decoder of the wire; `python -m tests.fuzz --help`."""
