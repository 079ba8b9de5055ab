"""Tests of vehicle cards and of translation between models."""
