"""Tests of the outbox; must never need a network."""
