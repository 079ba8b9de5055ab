"""The words of a profile: stamps, registers, merge."""
