"""Tests of joining without a network."""
