"""What the disk does right now: figures of two regimes must never be mixed."""

import os
import tempfile
import time
from pathlib import Path
from statistics import median

SAMPLES = 60
PAUSE_S = 0.01
BLOCK = b"\0" * 4_096


def fdatasync_ms(folder: Path, samples: int = SAMPLES) -> float:
    """Median milliseconds of writing 4 KiB in place and fdatasync in `folder`."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        descriptor = file.fileno()
        os.pwrite(descriptor, BLOCK * 16, 0)
        os.fsync(descriptor)
        took = []
        for i in range(samples):
            begun = time.perf_counter()
            os.pwrite(descriptor, BLOCK, (i % 16) * 4_096)
            os.fdatasync(descriptor)
            took.append((time.perf_counter() - begun) * 1_000)
            time.sleep(PAUSE_S)  # a burst of somebody else is not the regime
    return median(took)
