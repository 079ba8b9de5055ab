"""The demonstration: a drive reaches the cloud through an outage; must never do what an agent would not do in a car."""
