"""Statistics of a few numbers, for which numpy's take longer to begin than to reckon; must never see an array."""

from collections.abc import Iterable


def quantile(values: Iterable[float], share: float) -> float:
    """Between the order statistics, as numpy's default; `share` from 0 to 1, at least one value."""
    ordered = sorted(values)
    at, rest = divmod(share * (len(ordered) - 1), 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + rest * (ordered[high] - ordered[low])
