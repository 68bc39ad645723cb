"""Who holds the memory of a GPU: NVML's figures for each process, mapped over process trees.

A figure is measured (the server's own processes are in NVML's list) or estimated (the change of
the whole GPU around our own sleep), and says which; else there is none. GPU memory belongs to
vLLM's engine core and workers, not to the process that listens, hence whole trees.
"""

from collections.abc import Collection, Mapping, Sequence

from sleeptui.core.home import Home
from sleeptui.core.learned import Cycle
from sleeptui.core.model import GpuMemory, GpuReading, GpuSample, MemorySource


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


def estimated(last: Cycle | None, *, awake: bool, gpus: tuple[int, ...] | None) -> GpuMemory | None:
    """What our last good sleep of an awake server freed, as the least that it holds now.

    Only for a server on one known GPU: on several the share of each is not known.
    """
    if last is None or not awake or gpus is None or len(gpus) != 1 or not last.freed_bytes:
        return None
    return GpuMemory(by_gpu={gpus[0]: last.freed_bytes}, source=MemorySource.ESTIMATED)


def last_freed(cycles: Sequence[Cycle]) -> Cycle | None:
    """The newest sleep that freed memory; ``cycles`` is newest last.

    A figure below 0 is somebody else's doing, who took more at once than the sleep gave.
    """
    return next((one for one in reversed(cycles) if (one.freed_bytes or 0) > 0), None)


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
