"""What beacon hubs and a showroom site add to the gateway; must never keep a raw device address of a guest."""

import os

# Products of a few thousand numbers are shared out to all cores otherwise, which then wait for each other: on a machine
# that does anything else a step of the locator takes five times as long. One thread also adds up in one order, always.
# It counts only if it is set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
