"""A simulated KUKSA databroker: kuksa.val.v1 and v2 over gRPC; must never be taken for the real one in a vehicle.

Accepted by the stock kuksa-client. What it leaves out: VISS, queries, signals that clients create, sample filters.
Unlike the real one, a datapoint keeps the time that its publisher gave it, so that vehicles' clocks can be simulated.
"""

from simulators.databroker.catalogue import Catalogue, Leaf
from simulators.databroker.server import Databroker
from simulators.databroker.tokens import TokenCheck, issue

__all__ = ["Catalogue", "Databroker", "Leaf", "TokenCheck", "issue"]
