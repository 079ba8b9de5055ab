"""Tests of the cabin's core, which has no clock and no I/O."""
