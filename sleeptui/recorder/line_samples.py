"""Lines of what was measured again and again: servers, GPUs, the machine, our own loop."""

from typing import ClassVar

from msgspec import Struct, field

from sleeptui.recorder.line import Line


class Prom(Line, tag="prom", kw_only=True):
    """What looks at a server have found: the figures that changed since its line before.

    Written when something changed, else once a second. A figure that is not there has not
    changed; ``gone`` names those that are no longer known.
    """

    DROPPABLE: ClassVar[bool] = True

    s: str
    looks: int = 1
    """Looks since the line before, this one included."""
    took_ns: int
    reach: str | None = None
    problem: str | None = None
    control: str | None = None
    sleeping: bool | None = None
    paused: bool | None = None
    slow: bool | None = None
    broken_off: bool | None = None
    load: int | None = None
    m: dict[str, float | int | str] = field(default_factory=dict)
    """Fields of EngineMetrics by name; of ``requests_total`` as ``requests_total.REASON``."""
    gone: tuple[str, ...] = ()


class GpuPoint(Struct, omit_defaults=True, kw_only=True):
    """One GPU at one moment."""

    i: int
    used_b: int | None = None
    resv_b: int | None = None
    util_pct: float | None = None
    p: tuple[tuple[int, int | None], ...] | None = None
    """PID and bytes of its processes; left out where they are as in the line before."""
    unlisted: bool = False
    """From here on its processes cannot be listed, until ``p`` is there again."""


class Gpu(Line, tag="gpu", kw_only=True):
    """All GPUs were read."""

    DROPPABLE: ClassVar[bool] = True

    gpus: tuple[GpuPoint, ...] = ()


class GpuCard(Struct, omit_defaults=True, kw_only=True):
    """What of a GPU changes slowly, or never."""

    i: int
    name: str
    uuid: str = ""
    total_b: int | None = None
    power_mw: int | None = None
    power_limit_mw: int | None = None
    temp_c: float | None = None
    problem: str | None = None


class GpuSlow(Line, tag="gpu.slow", kw_only=True):
    """Power, temperature and problems of the GPUs: once a second, and with the first reading."""

    DROPPABLE: ClassVar[bool] = True

    gpus: tuple[GpuCard, ...] = ()
    problem: str | None = None
    """There is no NVML at all."""


class Host(Line, tag="host", kw_only=True):
    """The machine, once a second."""

    DROPPABLE: ClassVar[bool] = True

    avail_b: int
    total_b: int
    rss_b: dict[str, int] = field(default_factory=dict)
    """Resident memory of each server's processes."""
    load1: float | None = None


class Lag(Line, tag="lag", kw_only=True):
    """How late the recording program's own event loop was, at most, in the last second."""

    DROPPABLE: ClassVar[bool] = True

    max_ns: int
