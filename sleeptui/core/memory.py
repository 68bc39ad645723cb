"""Who holds the memory of a GPU: NVML's figures for each process, mapped over process trees.

A figure is measured (the server's own processes are in NVML's list) or estimated (the change of
the whole GPU around our own sleep), and says which; else there is none. GPU memory belongs to
vLLM's engine core and workers, not to the process that listens, hence whole trees.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sleeptui.core.learned import Cycle
from sleeptui.core.model import GpuMemory, GpuReading, GpuSample, Home, MemorySource
from sleeptui.core.operation import Kind, OperationRecord, Outcome


def measured(
    reading: GpuReading, home: Home | None, gpus: Collection[int] = ()
) -> GpuMemory | None:
    """Memory of a server's processes by GPU; None where they cannot be told.

    Processes that hold nothing on any GPU are not visible rather than empty: a sleeping engine
    still holds its CUDA context.

    Args:
        reading: All GPUs.
        home: The processes of the server.
        gpus: Where it is known to hold memory: if one of them lists no processes now, the rest
            would be too small a sum.
    """
    if home is None or not home.pids:
        return None
    by_gpu: dict[int, int] = {}
    for gpu in reading.gpus:
        if gpu.processes is None and gpu.index in gpus:
            return None
        for process in gpu.processes or ():
            if process.pid not in home.pids:
                continue
            if process.used_bytes is None:
                return None
            by_gpu[gpu.index] = by_gpu.get(gpu.index, 0) + process.used_bytes
    return GpuMemory(by_gpu=by_gpu, source=MemorySource.MEASURED) if by_gpu else None


def estimated(
    last: OperationRecord | None, *, awake: bool, gpus: tuple[int, ...] | None
) -> GpuMemory | None:
    """What our last good sleep of an awake server freed, as the least that it holds now.

    Only for a server on one known GPU: on several the share of each is not known.
    """
    if last is None or not awake or gpus is None or len(gpus) != 1 or not last.freed_bytes:
        return None
    return GpuMemory(by_gpu={gpus[0]: last.freed_bytes}, source=MemorySource.ESTIMATED)


def last_good_sleep(history: Iterable[OperationRecord]) -> OperationRecord | None:
    """The newest sleep that freed memory; ``history`` is newest first.

    A figure below 0 is somebody else's doing, who took more at once than the sleep gave.
    """
    return next(
        (
            record
            for record in history
            if record.kind is Kind.SLEEP
            and record.outcome is Outcome.DONE
            and record.freed_bytes is not None
            and record.freed_bytes > 0
        ),
        None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What a sleep has let go of."""

    freed_bytes: int
    residual_bytes: int | None


def last_freed(history: Iterable[OperationRecord], cycles: Sequence[Cycle]) -> Freed | None:
    """What the newest sleep that counts freed: of this run, else of earlier ones.

    Args:
        history: Ended operations, newest first. A pause frees nothing and tells nothing.
        cycles: What is remembered of earlier runs, newest last.
    """
    last = last_good_sleep(record for record in history if record.level)
    if last is not None and last.freed_bytes is not None:
        return Freed(freed_bytes=last.freed_bytes, residual_bytes=last.residual_bytes)
    for cycle in reversed(cycles):
        if cycle.freed_bytes is not None and cycle.freed_bytes > 0:
            return Freed(freed_bytes=cycle.freed_bytes, residual_bytes=cycle.residual_bytes)
    return None


def others(gpu: GpuSample, holders: Mapping[str, GpuMemory | None]) -> int | None:
    """Used memory that no watched server holds; None unless each holder on it is measured."""
    if gpu.used_bytes is None or gpu.processes is None:
        return None
    known = 0
    for memory in holders.values():
        if memory is None:
            continue
        share = memory.by_gpu.get(gpu.index, 0)
        if share and memory.source is not MemorySource.MEASURED:
            return None
        known += share
    return max(gpu.used_bytes - known, 0)
