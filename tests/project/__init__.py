"""Proofs about the project itself: locks, house rules, layers."""
