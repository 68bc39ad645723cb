"""What a process needs over time, seen from outside: memory, threads, file handles, children."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from sleeptui.adapters.allocator import TRIM_EVERY_S
from sleeptui.core.stats import Slope, theil_sen

KIB = 1024
BLOCK_S = TRIM_EVERY_S
"""Samples of so long are one point, the least of them: what a large answer has left free lies there
until the program gives it back, and more of those in the second half are no growth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a process."""

    at_s: float
    rss_bytes: int
    threads: int
    files: int
    cpu_s: float


class Watched:
    """One process and its samples."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.samples: list[Sample] = []

    def look(self, at_s: float) -> None:
        """Take a sample, unless the process has ended."""
        try:
            with self._process.oneshot():
                cpu = self._process.cpu_times()
                sample = Sample(
                    at_s=at_s,
                    rss_bytes=self._process.memory_info().rss,
                    threads=self._process.num_threads(),
                    files=self._process.num_fds(),
                    cpu_s=cpu.user + cpu.system,
                )
        except psutil.Error:
            return
        self.samples.append(sample)

    def words(self) -> str:
        """From the first to the last sample."""
        first, last = self.samples[0], self.samples[-1]
        share = (last.cpu_s - first.cpu_s) / max(last.at_s - first.at_s, 1e-9)
        return (
            f"RSS {first.rss_bytes / KIB**2:.1f} to {last.rss_bytes / KIB**2:.1f} MiB (most"
            f" {max(one.rss_bytes for one in self.samples) / KIB**2:.1f}),"
            f" {min(one.threads for one in self.samples)} to"
            f" {max(one.threads for one in self.samples)} threads,"
            f" {min(one.files for one in self.samples)} to"
            f" {max(one.files for one in self.samples)} file handles, {share:.0%} of a core"
        )


def growth(samples: Sequence[Sample]) -> Slope | None:
    """Bytes of RSS a minute over the second half; None: it was too short to tell."""
    return rise([(one.at_s, one.rss_bytes) for one in samples])


def rise(figures: Sequence[tuple[float, float]]) -> Slope | None:
    """What a figure rises by a minute over the second half, by the least of each minute.

    Args:
        figures: Times in seconds, in their order, and what it was.

    Returns:
        With its interval; None: it was too short to tell.
    """
    if not figures:
        return None
    half_s = (figures[0][0] + figures[-1][0]) / 2
    blocks: dict[int, list[float]] = {}
    for at_s, figure in figures:
        if at_s >= half_s:
            blocks.setdefault(int((at_s - half_s) / BLOCK_S), []).append(figure)
    points = [(block * BLOCK_S / 60, min(held)) for block, held in blocks.items()]
    return theil_sen(points) if len(points) >= 6 else None


def keep(path: Path, samples: Sequence[Sample]) -> None:
    """Write them down, a line each."""
    lines = [
        f"{one.at_s:.1f},{one.rss_bytes},{one.threads},{one.files},{one.cpu_s:.2f}"
        for one in samples
    ]
    path.write_text("\n".join(("at_s,rss_bytes,threads,files,cpu_s", *lines, "")))
