"""Tests of the room wire, one file for each part."""
