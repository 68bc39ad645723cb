"""Waits until GPU memory has settled, and reads what an operation changed."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from sleeptui.core.model import EngineMetrics, GpuReading, MemorySource, ServerView
from sleeptui.core.operation import Kind
from sleeptui.services.deadline import within
from sleeptui.services.places import Gpus, machine_of, seen_gpus_of, used_on
from sleeptui.services.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """GPU memory at one moment."""

    gpus: Gpus
    used_bytes: int | None
    """On these GPUs, by everybody: device truth. None: cannot be read."""
    held_bytes: int | None
    """By the processes of the server; None where NVML does not show them."""
    host_bytes: int | None = None
    """Host memory that can still be had on its machine; None: not known, or not this machine."""
    settling_s: float | None = None
    """How long it was waited for."""
    is_settled: bool = True
    """False: it still moved when the time was over."""


async def weigh(run: Run) -> Weight:
    """Read the GPUs of the server now."""
    reading = await run.desk.supervisor.sample_gpus()
    gpus = seen_gpus_of(run.view, run.desk.store.view)
    return Weight(
        gpus=gpus,
        used_bytes=used_on(reading, gpus),
        held_bytes=held_by(run.view),
        host_bytes=host_of(run.view, reading),
    )


async def weigh_settled(run: Run, before: Weight) -> Weight:
    """Wait until the memory of the GPUs in ``before`` stands still, then read it.

    Settled: within ``settled_bytes`` for ``settled_for_s``; bounded by ``settle_s``, after which
    the last figure counts. Noted as the part ``memory``. Where it cannot be read, nothing tells
    when it has settled: unknown.
    """
    if before.used_bytes is None:
        return Weight(gpus=before.gpus, used_bytes=None, held_bytes=None)
    began_s = run.now_s()
    last: list[GpuReading] = []
    is_settled = False
    with suppress(TimeoutError):
        await within(
            run.desk.clock, run.view.spec.timeouts.settle_s, _settled(run, before.gpus, last)
        )
        is_settled = True
    settling_s = run.now_s() - began_s
    run.part("memory", settling_s)
    return Weight(
        gpus=before.gpus,
        used_bytes=used_on(last[-1], before.gpus) if last else None,
        held_bytes=held_by(run.view),
        host_bytes=host_of(run.view, last[-1]) if last else None,
        settling_s=settling_s,
        is_settled=is_settled,
    )


async def _settled(run: Run, gpus: Gpus, last: list[GpuReading]) -> None:
    thresholds = run.desk.settings.thresholds
    window: deque[tuple[float, int]] = deque()
    while True:
        reading = await run.desk.supervisor.gpus.next()
        used = used_on(reading, gpus)
        if used is None:
            return
        last.append(reading)
        window.append((reading.at_s, used))
        while len(window) > 1 and reading.at_s - window[1][0] >= thresholds.settled_for_s:
            window.popleft()
        values = [value for _, value in window]
        is_long = reading.at_s - window[0][0] >= thresholds.settled_for_s
        if is_long and max(values) - min(values) <= thresholds.settled_bytes:
            return


def held_by(view: ServerView) -> int | None:
    """What the processes of the server hold, where it is measured."""
    if view.memory is None or view.memory.source is not MemorySource.MEASURED:
        return None
    return view.memory.total_bytes


def host_of(view: ServerView, reading: GpuReading) -> int | None:
    """Host memory that can still be had on the server's machine, where that is this one."""
    if machine_of(view) or reading.host is None:
        return None
    return reading.host.available_bytes


def drop(before: int | None, after: int | None) -> int | None:
    """How much less it is now; negative when it grew; None where one is not known."""
    return None if before is None or after is None else before - after


def server_time(
    before: EngineMetrics | None, after: EngineMetrics | None, kind: Kind
) -> float | None:
    """The server's own figure for the one operation between two looks (0.32 and later).

    From ``vllm:sleep_mode_operation_duration_seconds``: the sum's rise, if the count rose by
    exactly 1. The family appears with the first operation, hence absent counts as 0 before.
    """
    if before is None or after is None:
        return None
    if kind is Kind.SLEEP:
        counts = before.sleep_operations or 0, after.sleep_operations
        sums = before.sleep_operation_s or 0.0, after.sleep_operation_s
    else:
        counts = before.wake_operations or 0, after.wake_operations
        sums = before.wake_operation_s or 0.0, after.wake_operation_s
    if counts[1] is None or sums[1] is None or counts[1] - counts[0] != 1:
        return None
    return sums[1] - sums[0]
