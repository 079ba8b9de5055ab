"""Tests of the store; must never need more than a folder."""
