"""Tests: unit/link."""
