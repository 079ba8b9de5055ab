"""Tests of the local door."""
