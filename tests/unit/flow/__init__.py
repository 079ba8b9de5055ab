"""Tests of the pure parts of flow; must never touch a network or a file."""
