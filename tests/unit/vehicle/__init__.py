"""Tests of vehicle."""
