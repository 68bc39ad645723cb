"""What every line of a journal has; its kinds are in the modules beside this one."""

from typing import ClassVar

from msgspec import Struct


class Line(Struct, tag_field="k", omit_defaults=True, kw_only=True):
    """What every line has."""

    DROPPABLE: ClassVar[bool] = False
    """A sample: the first to go where the disk or the writer cannot take more."""
    SYNCED: ClassVar[bool] = False
    """Forced to the disk at once; the others each second."""

    n: int = -1
    """Given by the writer."""
    t: int


def ns(at_s: float) -> int:
    """Seconds of a clock as nanoseconds."""
    return round(at_s * 1e9)


def seconds(at_ns: int) -> float:
    """Nanoseconds as seconds of a clock."""
    return at_ns / 1e9
