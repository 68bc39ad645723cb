"""Counters of a trace: memory and power of the GPUs, memory and queue of the servers."""

from collections.abc import Iterator, Mapping
from math import isnan
from typing import Any

from sleeptui.core.session import Curve, Session
from sleeptui.core.units import MIB
from sleeptui.recorder.exports.curves import Points, told

MOST_POINTS = 200_000
"""Of all counters together; more are thinned to the lowest and the highest of each stretch."""
FEWEST_POINTS = 500
"""Of one counter, however many there are."""
_GPU, _SERVER = 2, 3
"""Counters of each."""


def counters(
    session: Session, pids: Mapping[str, int], machine_pid: int
) -> Iterator[dict[str, Any]]:
    """All of them, each where it changes. Times are nanoseconds here."""
    number = _GPU * len(session.gpus) + _SERVER * len(session.servers)
    most = max(MOST_POINTS // max(number, 1), FEWEST_POINTS)
    for gpu in session.gpus:
        name = f"GPU {gpu.index}"
        yield from _counter(f"{name} used", "MiB", _mib(gpu.used, most), machine_pid)
        yield from _counter(f"{name} power", "W", told(gpu.power_w, most), machine_pid)
    for server in session.servers:
        pid = pids[server.name]
        yield from _counter("GPU memory", "MiB", _mib(server.memory, most), pid)
        yield from _counter("running", "requests", told(server.running, most), pid)
        yield from _counter("waiting", "requests", told(server.waiting, most), pid)


def _mib(curve: Curve, most: int) -> Points:
    times, values = told(curve, most)
    return times, values / MIB


def _counter(name: str, unit: str, points: Points, pid: int) -> Iterator[dict[str, Any]]:
    times, values = points
    for at_ns, value in zip(times.tolist(), values.tolist(), strict=True):
        if isnan(value):  # a counter knows no gap: it stays where it was
            continue
        args = {unit: round(value, 3)}
        yield {"ph": "C", "name": name, "pid": pid, "tid": 0, "ts": at_ns, "args": args}
