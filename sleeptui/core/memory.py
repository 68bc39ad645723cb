"""Who holds the memory of a GPU: NVML's figures for each process, mapped over process trees.

A figure is measured (the server's own processes are in NVML's list) or estimated (the change of
the whole GPU around our own sleep), and says which; else there is none. GPU memory belongs to
vLLM's engine core and workers, not to the process that listens, hence whole trees.
"""

from collections.abc import Iterable, Mapping

from sleeptui.core.model import GpuMemory, GpuReading, GpuSample, Home, MemorySource
from sleeptui.core.operation import Kind, OperationRecord, Outcome


def measured(reading: GpuReading, home: Home | None) -> GpuMemory | None:
    """Memory of a server's processes by GPU; None where they cannot be told.

    A server whose processes are known and hold nothing on any GPU is measured as holding 0 only
    if NVML lists processes at all: an empty list beside used memory means "not visible".
    """
    if home is None or not home.pids:
        return None
    by_gpu: dict[int, int] = {}
    for gpu in reading.gpus:
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
    """The newest sleep that freed memory; ``history`` is newest first."""
    return next(
        (
            record
            for record in history
            if record.kind is Kind.SLEEP
            and record.outcome is Outcome.DONE
            and record.freed_bytes is not None
        ),
        None,
    )


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
