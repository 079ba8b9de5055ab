"""sqlite-utils for every room, without what it loads and an agent never needs: numpy, pandas and dateutil.

They cost an agent 12 MB and 50 ms. Must be what a room imports instead of sqlite_utils itself.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Inside, these modules cannot be imported, unless they are already.

    dateutil is imported by name for a recipe of command lines, so an empty module stands in for it.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    if "dateutil" in hidden:
        sys.modules["dateutil"] = ModuleType("dateutil")
        sys.modules["dateutil"].parser = None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without("numpy", "pandas", "dateutil"):
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

__all__ = ["Database", "Migrations"]
