"""Helpers that several areas of tests share; must never hold a test."""
