"""Figures over time, from the lines that sample them: curves that keep only what changes."""

from collections.abc import Iterable, Mapping

from sleeptui.core.environment import Card
from sleeptui.core.home import Home
from sleeptui.core.session import Curve, GpuSeen
from sleeptui.recorder.line_samples import Gpu, GpuCard, GpuPoint

Processes = tuple[tuple[int, int | None], ...]
_PERCENT = 100.0
_MILLI = 1000.0


class Steps:
    """A curve in the making: of equal values only the first and the last are kept.

    Lines tell when something was seen, not when it was written: a time that goes back by a moment
    counts as that of the point before.
    """

    __slots__ = ("_at_ns", "_is_empty", "_kept_ns", "_value", "curve")

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.curve = Curve()
        self._is_empty = True
        self._value: float | None = None
        self._at_ns = self._kept_ns = 0

    def put(self, at_ns: int, value: float | None) -> None:
        """One more value; None: a gap."""
        if value == self._value and not self._is_empty:
            self._at_ns = max(self._at_ns, at_ns)
            return
        if self._is_empty:
            self._is_empty = False
        elif at_ns < self._at_ns:
            at_ns = self._at_ns
        if self._at_ns > self._kept_ns and len(self.curve):
            self.curve.add(self._at_ns, self._value)
        self.curve.add(at_ns, value)
        self._at_ns = self._kept_ns = at_ns
        self._value = value

    def ended(self) -> Curve:
        """The curve up to the last value."""
        if len(self.curve) and self._at_ns > self._kept_ns:
            self.curve.add(self._at_ns, self._value)
            self._kept_ns = self._at_ns
        return self.curve


class GpuFold:
    """One GPU over the session."""

    def __init__(self, index: int) -> None:
        """Nothing was seen of it yet."""
        self.index = index
        self.card: GpuCard | None = None
        self.used, self.utilization = Steps(), Steps()
        self.power, self.temperature = Steps(), Steps()
        self.processes: Processes | None = None

    def slow(self, at_ns: int, card: GpuCard) -> None:
        """Take in what changes slowly."""
        self.card = card
        self.power.put(at_ns, None if card.power_mw is None else card.power_mw / _MILLI)
        self.temperature.put(at_ns, card.temp_c)

    def seen(self, known: Card | None) -> GpuSeen:
        """All of it; ``known``: what the description of the machine says of it."""
        card = self.card
        return GpuSeen(
            index=self.index,
            name=card.name if card else known.name if known else "GPU",
            uuid=card.uuid if card else known.uuid if known else "",
            total_bytes=card.total_b if card else known.total_bytes if known else None,
            used=self.used.ended(),
            utilization=self.utilization.ended(),
            power_w=self.power.ended(),
            temperature_c=self.temperature.ended(),
        )


class Holders:
    """What each server holds on the GPUs, added up over its processes, as ``core.memory`` does.

    Attributes:
        curves: By server.
    """

    def __init__(self) -> None:
        """No GPU was read yet."""
        self.curves: dict[str, Steps] = {}
        self._pids: dict[str, frozenset[int]] = {}
        self._on_gpus: dict[str, set[int]] = {}
        self._by_gpu: dict[int, Processes | None] = {}
        self._held: dict[str, int | None] = {}
        self._is_stale = False

    def lives(self, server: str, home: Home | None) -> None:
        """The processes of a server were found, or lost."""
        self._pids[server] = home.pids if home else frozenset()
        self._is_stale = True

    def read(self, line: Gpu) -> None:
        """Take in a reading of all GPUs."""
        for point in line.gpus:
            if point.p is not None:
                self._by_gpu[point.i] = point.p
                self._is_stale = True
            elif point.unlisted:
                self._by_gpu[point.i] = None
                self._is_stale = True
        if self._is_stale:
            self._held = {server: self._sum(server) for server in self._pids}
            self._is_stale = False
        for server, held in self._held.items():
            steps = self.curves.get(server)
            if steps is None:
                steps = self.curves[server] = Steps()
            steps.put(line.t, held)

    def on_gpus(self, server: str) -> tuple[int, ...]:
        """The GPUs on which its processes were seen to hold memory."""
        return tuple(sorted(self._on_gpus.get(server, ())))

    def _sum(self, server: str) -> int | None:
        pids, on_gpus = self._pids[server], self._on_gpus.setdefault(server, set())
        found: dict[int, int] = {}
        for index, processes in self._by_gpu.items():
            if processes is None:
                if index in on_gpus:
                    return None
                continue
            for pid, used in processes:
                if pid in pids:
                    if used is None:
                        return None
                    found[index] = found.get(index, 0) + used
        on_gpus.update(found)
        return sum(found.values()) if found else None


def used_points(gpus: dict[int, GpuFold], at_ns: int, points: Iterable[GpuPoint]) -> None:
    """Memory and load of all GPUs, of one reading."""
    for point in points:
        gpu = gpus.get(point.i)
        if gpu is None:
            gpu = gpus[point.i] = GpuFold(point.i)
        gpu.used.put(at_ns, point.used_b)
        share = point.util_pct
        gpu.utilization.put(at_ns, None if share is None else share / _PERCENT)


def all_gpus(gpus: Mapping[int, GpuFold], cards: Iterable[Card]) -> tuple[GpuSeen, ...]:
    """Those that were read, in order."""
    known = {card.index: card for card in cards}
    return tuple(gpus[index].seen(known.get(index)) for index in sorted(gpus))
