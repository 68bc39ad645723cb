"""Bytes, seconds and counts to text, the same everywhere.

Memory is binary (GiB, MiB), as vLLM and nvidia-smi print it. Unknown is ``--``, never 0.
"""

UNKNOWN = "--"
MIB = 1 << 20
GIB = 1 << 30
_MINUTE = 60
_HOUR = 3600
_DAY = 86400
_TEN = 10
_HUNDRED = 100
_THOUSAND = 1000
_MILLION = 1_000_000


def gib(value_bytes: float | None) -> str:
    """Memory as GiB with one decimal, without the unit: ``87.3``."""
    if value_bytes is None:
        return UNKNOWN
    return f"{value_bytes / GIB:.1f}"


def memory(value_bytes: float | None) -> str:
    """Memory with its unit, MiB below one GiB: ``412 MiB``, ``3.9 GiB``."""
    if value_bytes is None:
        return UNKNOWN
    if abs(value_bytes) < GIB:
        return f"{round(value_bytes / MIB)} MiB"  # an int has no minus before its zero
    return f"{value_bytes / GIB:.1f} GiB"


def duration(value_s: float | None) -> str:
    """A measured duration: ``12 ms``, ``0.38 s``, ``12.1 s``, ``2 m 05 s``, ``3 h 20 m``."""
    if value_s is None:
        return UNKNOWN
    if value_s < 0.1:  # noqa: PLR2004 - below 100 ms milliseconds read better
        return f"{value_s * 1000:.0f} ms"
    if value_s < _TEN:
        return f"{value_s:.2f} s"
    if value_s < _MINUTE:
        return f"{value_s:.1f} s"
    whole = round(value_s)
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} m"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02d} h"


def elapsed(value_s: float | None) -> str:
    """A running time that is repainted, in steps that do not flicker: ``0.4 s``, ``12 s``."""
    if value_s is None:
        return UNKNOWN
    if value_s < _TEN:
        return f"{max(value_s, 0):.1f} s"
    if value_s < _MINUTE:
        return f"{value_s:.0f} s"
    return duration(value_s)


def clock(value_s: float) -> str:
    """How long something lasts, second by second, in eight cells: ``00:12:07``."""
    whole = max(int(value_s), 0)
    return f"{whole // _HOUR:02d}:{whole % _HOUR // _MINUTE:02d}:{whole % _MINUTE:02d}"


def count(value: float | None) -> str:
    """A count in at most five cells: ``0``, ``8``, ``1.2k``, ``3.4M``."""
    if value is None:
        return UNKNOWN
    if value < _THOUSAND:
        return f"{value:.0f}"
    if value < _MILLION:
        return f"{value / _THOUSAND:.1f}k"
    return f"{value / _MILLION:.1f}M"


def rate(value_per_s: float | None) -> str:
    """Tokens a second: one decimal below ten, else whole."""
    if value_per_s is None:
        return UNKNOWN
    if 0 < value_per_s < _TEN:
        return f"{value_per_s:.1f}"
    return count(value_per_s)


def percent(fraction: float | None) -> str:
    """A fraction of one as percent: ``0 %``, ``7.5 %``, ``83 %``."""
    if fraction is None:
        return UNKNOWN
    value = fraction * _HUNDRED
    if 0 < value < _TEN:
        return f"{value:.1f} %"
    return f"{value:.0f} %"
