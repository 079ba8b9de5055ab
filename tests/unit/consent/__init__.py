"""Tests of the consent gate, its tables, grants and keys."""
