"""The command `forecourt`: verbs that teach in --help; must never contain logic."""
