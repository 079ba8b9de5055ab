"""Tests of one file each; must never touch a network."""
