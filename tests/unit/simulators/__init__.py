"""The simulators' parts without I/O."""
