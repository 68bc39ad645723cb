"""Figures with the digits that they carry: three, and no more."""

from sleeptui.core.units import GIB, MIB, UNKNOWN

_DIGITS = 3
_MINUS = "\N{MINUS SIGN}"


def three(value: float | None) -> str:
    """Three significant digits, never an exponent: ``12.2``, ``0.331``, ``0.0901``, ``1,234``."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    exponent = int(f"{value:.2e}".partition("e")[2])  # of the rounded one: 999.6 is 1,000
    return f"{value:,.{max(_DIGITS - 1 - exponent, 0)}f}".replace("-", _MINUS)


def between(low: float | None, high: float | None) -> str:
    """An interval: ``0.329 to 0.334``."""
    return UNKNOWN if low is None or high is None else f"{three(low)} to {three(high)}"


def gib(value_bytes: float | None) -> str:
    """GiB, without the unit."""
    return UNKNOWN if value_bytes is None else three(value_bytes / GIB)


def mib(value_bytes: float | None) -> str:
    """MiB, without the unit, whole."""
    if value_bytes is None:
        return UNKNOWN
    return f"{value_bytes / MIB:,.0f}".replace("-0", "0").replace("-", _MINUS)


def percent(fraction: float | None) -> str:
    """A part of one in percent, without the unit, to a tenth."""
    return UNKNOWN if fraction is None else f"{fraction * 100:.1f}"


def whole(value: int | None) -> str:
    """A count."""
    return UNKNOWN if value is None else f"{value:,}"
