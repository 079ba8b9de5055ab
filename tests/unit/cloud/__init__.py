"""Tests of the cloud kit without a broker."""
