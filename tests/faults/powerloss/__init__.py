"""Power loss by replaying the system calls of a store: after each of them, what would be left."""
