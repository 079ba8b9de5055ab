"""Settings of the process that keep its loop steady while agents run; must never outlast the last of them."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_S = 0.0005
"""After so long a thread that computes hands over to one that waits, be it the loop or the writer: a tenth of the
default, since a commit takes the interpreter a dozen times and each may wait that long."""

_running: list[float] = []


@contextmanager
def steady() -> Iterator[None]:
    """Takes what is loaded out of the collector's sight: a full collection of it stops every thread for 12 to 16 ms.

    Several agents of one process share it.
    """
    if not _running:
        gc.collect()
        gc.freeze()
    _running.append(sys.getswitchinterval())
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(_running.pop())
        if not _running:
            gc.unfreeze()
