"""What parts of other packages must keep, as tests to inherit from; must never need one of ours to run."""
