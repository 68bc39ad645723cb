"""Whether something grows from cycle to cycle: a leak that no single sleep shows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from sleeptui.core.learned import Cycle

FEWEST = 6
"""Cycles below which no interval of a slope is narrow enough to exclude 0 by more than luck."""
CONFIDENCE = 0.998
"""Of the interval. It is looked at anew after every cycle, some 25 times in a long day: at 95 % one
server in six that only wobbles would be warned of, at 0.05 / 25 fewer than one in fifty. A leak of
200 MiB a cycle is found just as soon, one within its noise two cycles later."""
LEAST_BYTES = 64 << 20
"""Growth over all cycles that is worth a word: memory counts as settled within half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A slope whose interval lies above 0."""

    what: str
    """residual, host memory"""
    cycles: int
    grown_bytes: int
    """Slope times cycles."""
    slope_bytes: float
    """A cycle, Theil-Sen."""
    low_bytes: float
    high_bytes: float


def drifts(cycles: Sequence[Cycle]) -> tuple[Drift, ...]:
    """What grows over the cycles of one life of a server, oldest first.

    The two levels leave different residuals, so that only cycles of the newest level count. Of
    host memory the first two do not: they allocate the pinned copy, which then stays.
    """
    if not cycles:
        return ()
    same = [one for one in cycles if one.level == cycles[-1].level]
    found = (
        _drift("residual", [one.residual_bytes for one in same]),
        _drift("host memory", [one.host_bytes for one in same[2:]]),
    )
    return tuple(one for one in found if one is not None)


def _drift(what: str, values: Sequence[int | None]) -> Drift | None:
    points = [
        (float(index), float(value)) for index, value in enumerate(values) if value is not None
    ]
    if len(points) < FEWEST:
        return None
    from sleeptui.core.stats import theil_sen  # noqa: PLC0415 - the first frame needs none of it

    slope = theil_sen(points, CONFIDENCE)
    grown = slope.value * (points[-1][0] - points[0][0])
    if slope.low <= 0 or grown < LEAST_BYTES:
        return None
    return Drift(
        what=what,
        cycles=len(points),
        grown_bytes=int(grown),
        slope_bytes=slope.value,
        low_bytes=slope.low,
        high_bytes=slope.high,
    )
