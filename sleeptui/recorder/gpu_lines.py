"""Readings of the GPUs and of the machine as lines, and back."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from sleeptui.core.model import GpuProcess, GpuReading, GpuSample, HostMemory
from sleeptui.recorder.line import Line, ns, seconds
from sleeptui.recorder.line_samples import Gpu, GpuCard, GpuPoint, GpuSlow, Host

EVERY_NS = 1_000_000_000
"""Between two lines of what changes slowly."""
Processes = tuple[tuple[int, int | None], ...]
_NEVER = -EVERY_NS
_PERCENT = 100.0


def load_average() -> float | None:
    """Of the last minute; None where the system has none."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


class ReadingLines:
    """Readings of all GPUs, on their way into lines.

    Attributes:
        used_b: Used memory by GPU, of the newest reading.
        rss_b: Resident memory of each server's processes; filled by who knows it.
        has_moved: In the newest reading processes hold other memory than before.
    """

    def __init__(self, load: Callable[[], float | None] = load_average) -> None:
        """Nothing was read yet; ``load`` tells the machine's load."""
        self.used_b: dict[int, int] = {}
        self.rss_b: dict[str, int] = {}
        self.has_moved = False
        self._load = load
        self._processes: dict[int, Processes | None] = {}
        self._cards: object = None
        self._slow_ns = self._host_ns = _NEVER

    def take(self, reading: GpuReading) -> Iterator[Line]:
        """The lines of a reading; what changes slowly comes before what it belongs to."""
        t, self.has_moved = ns(reading.at_s), False
        cards = (
            reading.problem,
            [(gpu.index, gpu.name, gpu.uuid, gpu.total_bytes, gpu.problem) for gpu in reading.gpus],
        )
        if cards != self._cards or t - self._slow_ns >= EVERY_NS:
            self._cards, self._slow_ns = cards, t
            yield GpuSlow(t=t, gpus=tuple(map(_card, reading.gpus)), problem=reading.problem)
        if reading.host is not None and t - self._host_ns >= EVERY_NS:
            self._host_ns = t
            yield self._host(t, reading.host)
        yield Gpu(t=t, gpus=tuple(map(self._point, reading.gpus)))

    def refresh(self) -> None:
        """Write all that is known with the next reading."""
        self._processes.clear()
        self._slow_ns = self._host_ns = _NEVER

    def _point(self, gpu: GpuSample) -> GpuPoint:
        index, listed = gpu.index, gpu.processes
        processes: Processes | None = None
        if listed is not None:
            processes = tuple([(one.pid, one.used_bytes) for one in listed])
        if gpu.used_bytes is None:
            self.used_b.pop(index, None)
        else:
            self.used_b[index] = gpu.used_bytes
        used = gpu.utilization
        point = GpuPoint(
            i=index,
            used_b=gpu.used_bytes,
            resv_b=gpu.reserved_bytes,
            util_pct=None if used is None else round(used * _PERCENT, 3),
        )
        if index not in self._processes or processes != self._processes[index]:
            self._processes[index] = processes
            point.p, point.unlisted = processes, processes is None
            self.has_moved = True
        return point

    def _host(self, t: int, host: HostMemory) -> Host:
        return Host(
            t=t,
            avail_b=host.available_bytes,
            total_b=host.total_bytes,
            rss_b=dict(self.rss_b),
            load1=self._load(),
        )


class Readings:
    """Readings of all GPUs, from their lines."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._cards: Mapping[int, GpuSample] = {}
        self._processes: dict[int, tuple[GpuProcess, ...] | None] = {}
        self._problem: str | None = None
        self._memory: HostMemory | None = None

    def slow(self, line: GpuSlow) -> None:
        """Take in what changes slowly."""
        self._cards = {card.i: _sample(card) for card in line.gpus}
        self._problem = line.problem

    def host(self, line: Host) -> None:
        """Take in the machine."""
        self._memory = HostMemory(total_bytes=line.total_b, available_bytes=line.avail_b)

    def take(self, line: Gpu) -> GpuReading:
        """The reading that a line tells of, with what earlier lines have told."""
        return GpuReading(
            at_s=seconds(line.t),
            gpus=tuple(map(self._gpu, line.gpus)),
            problem=self._problem,
            host=self._memory,
        )

    def _gpu(self, point: GpuPoint) -> GpuSample:
        if point.unlisted:
            self._processes[point.i] = None
        elif point.p is not None:
            listed = (GpuProcess(pid=pid, used_bytes=used) for pid, used in point.p)
            self._processes[point.i] = tuple(listed)
        card = self._cards.get(point.i) or GpuSample(index=point.i, name="GPU")
        return replace(
            card,
            used_bytes=point.used_b,
            reserved_bytes=point.resv_b,
            utilization=None if point.util_pct is None else point.util_pct / _PERCENT,
            processes=self._processes.get(point.i),
        )


def _card(gpu: GpuSample) -> GpuCard:
    return GpuCard(
        i=gpu.index,
        name=gpu.name,
        uuid=gpu.uuid,
        total_b=gpu.total_bytes,
        power_mw=_milli(gpu.power_w),
        power_limit_mw=_milli(gpu.power_limit_w),
        temp_c=gpu.temperature_c,
        problem=gpu.problem,
    )


def _sample(card: GpuCard) -> GpuSample:
    return GpuSample(
        index=card.i,
        name=card.name,
        uuid=card.uuid,
        total_bytes=card.total_b,
        power_w=None if card.power_mw is None else card.power_mw / 1000,
        power_limit_w=None if card.power_limit_mw is None else card.power_limit_mw / 1000,
        temperature_c=card.temp_c,
        problem=card.problem,
    )


def _milli(watts: float | None) -> int | None:
    return None if watts is None else round(watts * 1000)
