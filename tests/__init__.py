"""Proofs: real parts, no mocks; must never contain a test that cannot fail."""
