"""Contract tests that an outside package runs against its own part; must never import a test library."""
