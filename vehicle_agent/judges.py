"""Which values of a signal are kept: type, range, NaN, allowed words; pure, must never change a value that it keeps."""

from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias

from gateway.limits import STRING_VALUE_BYTES_MAX
from gateway.model import Value, ValueType
from vehicle_agent.source import SignalInfo

FLOAT_MAX: Final = 3.4028234663852886e38
DOUBLE_MAX: Final = 1.7976931348623157e308
INT_LOW: Final = -(1 << 63)
INT_HIGH: Final = (1 << 63) - 1
EXACT_MAX: Final = 1 << 53
_REFUSED: Value | None = None

Judge: TypeAlias = Callable[[Value], Value | None]
"""The value as it is kept; None: it cannot be, and was counted."""


def judge_of(info: SignalInfo, counters: Counter[str]) -> Judge:
    """What takes values of a signal, and counts why it does not.

    The counts: wrong_type, nan, out_of_range, not_allowed, too_long. A whole number where a number with a fraction is
    wanted is taken as one, as long as that is exact.
    """
    if info.type is ValueType.BOOL:
        return lambda value: value if type(value) is bool else _count(counters, "wrong_type")
    if info.type is ValueType.STRING:
        return _text_judge(info, counters)
    if info.type is ValueType.INT:
        return _int_judge(info, counters)
    return _float_judge(info, counters)


def _text_judge(info: SignalInfo, counters: Counter[str]) -> Judge:
    def judge(value: Value) -> Value | None:
        if type(value) is not str:
            return _count(counters, "wrong_type")
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            return _count(counters, "wrong_type")
        if size > STRING_VALUE_BYTES_MAX:
            return _count(counters, "too_long")
        return value if not info.allowed or value in info.allowed else _count(counters, "not_allowed")

    return judge


def _int_judge(info: SignalInfo, counters: Counter[str]) -> Judge:
    low = INT_LOW if info.low is None else max(info.low, INT_LOW)
    high = INT_HIGH if info.high is None else min(info.high, INT_HIGH)

    def judge(value: Value) -> Value | None:
        if type(value) is not int:
            return _count(counters, "wrong_type")
        if not low <= value <= high:
            return _count(counters, "out_of_range")
        return value if not info.allowed or value in info.allowed else _count(counters, "not_allowed")

    return judge


def _float_judge(info: SignalInfo, counters: Counter[str]) -> Judge:
    bound = FLOAT_MAX if info.type is ValueType.FLOAT else DOUBLE_MAX
    low = -bound if info.low is None else max(info.low, -bound)
    high = bound if info.high is None else min(info.high, bound)

    def judge(value: Value) -> Value | None:
        if type(value) is not float:
            if type(value) is not int or abs(value) > EXACT_MAX:
                return _count(counters, "wrong_type")
            value = float(value)
        if low <= value <= high:
            return value if not info.allowed or value in info.allowed else _count(counters, "not_allowed")
        return _count(counters, "nan" if value != value else "out_of_range")

    return judge


def _count(counters: Counter[str], why: str) -> Value | None:
    counters[why] += 1
    return _REFUSED
