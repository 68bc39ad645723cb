"""On which GPUs a server is, as far as it is known."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from sleeptui.core.model import FleetView, GpuReading, ServerView

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Gpus = frozenset[int] | None
"""NVML indices; None: not known, it could be on any."""


def machine_of(view: ServerView) -> str:
    """Where a server runs: empty for this machine, else the host of its URL."""
    host = urlsplit(view.spec.url).hostname or ""
    return "" if view.home is not None or host in _LOOPBACK else host


def gpus_of(view: ServerView, fleet: FleetView) -> Gpus:
    """The GPUs of a server: as configured, as its processes show, or the only one there is.

    Of a server on another machine they number that machine's GPUs.
    """
    if view.spec.gpus:
        return frozenset(view.spec.gpus)
    if view.memory is not None and view.memory.by_gpu:
        return frozenset(view.memory.by_gpu)
    if not machine_of(view) and len(fleet.gpus) == 1:
        return frozenset({fleet.gpus[0].sample.index})
    return None


def seen_gpus_of(view: ServerView, fleet: FleetView) -> Gpus:
    """Those of its GPUs that can be read here: none of another machine's."""
    return None if machine_of(view) else gpus_of(view, fleet)


def may_share(one: ServerView, other: ServerView, fleet: FleetView) -> bool:
    """Whether two servers may use the same GPU."""
    return machine_of(one) == machine_of(other) and overlap(
        gpus_of(one, fleet), gpus_of(other, fleet)
    )


def overlap(one: Gpus, other: Gpus) -> bool:
    """Whether both may use the same GPU; what is not known may be anywhere."""
    return one is None or other is None or bool(one & other)


def gpus_text(gpus: Sequence[int]) -> str:
    """``GPU 0``, ``GPUs 0, 1``."""
    return f"GPU{'s' if len(gpus) > 1 else ''} {', '.join(str(gpu) for gpu in gpus)}"


def used_on(reading: GpuReading, gpus: Gpus) -> int | None:
    """Used bytes on these GPUs together; None unless every one of them was read."""
    if not gpus:
        return None
    used = {gpu.index: gpu.used_bytes for gpu in reading.gpus}
    total = 0
    for index in gpus:
        value = used.get(index)
        if value is None:
            return None
        total += value
    return total
