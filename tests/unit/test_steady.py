"""The settings of a process while agents run."""

import gc
import sys

from gateway.runtime.steady import SWITCH_S, steady


def test_settings_end_with_the_last_agent() -> None:
    """What is loaded is out of the collector's sight while one of two agents runs; afterwards all is as before."""
    before = sys.getswitchinterval()
    first, second = steady(), steady()
    with first:
        frozen = gc.get_freeze_count()
        assert frozen > 1_000
        with second:
            assert abs(sys.getswitchinterval() - SWITCH_S) < 1e-6
            assert gc.get_freeze_count() == frozen
        assert abs(sys.getswitchinterval() - SWITCH_S) < 1e-6
    assert gc.get_freeze_count() == 0
    assert sys.getswitchinterval() == before
