"""The weights of a simulated server as bytes on the disk, which its start really reads.

Whether they lay in the page cache is told by what the kernel says this process has read
physically; a start from the disk then takes longer, as a real one does.
"""

import os
from pathlib import Path

from sleeptui.core.errors import SimError
from sleeptui.core.units import MIB
from sleeptui.sim.spec import EngineSpec

_MIB_PER_BILLION = 36
"""A 7.2B model has 259 MiB, a 1.5B model 54: enough to tell one start from another."""
_PIECE = MIB
_READ = "read_bytes:"
_COUNTERS = Path("/proc/self/io")


def ready(path: Path, spec: EngineSpec) -> None:
    """Make the file of a model where it is not there yet.

    Raises:
        SimError: It cannot be written.
    """
    size = round(spec.params_b * _MIB_PER_BILLION) * MIB
    try:
        if path.is_file() and path.stat().st_size == size:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        piece = os.urandom(_PIECE)
        with temporary.open("wb") as file:
            for _ in range(size // _PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())  # pages that are not written yet cannot be dropped
        temporary.replace(path)
    except OSError as error:
        raise SimError(
            f"The weights {path} cannot be written: {error.strerror or error}",
            hint="Name another file in --weights.",
        ) from error


def read(path: Path) -> float:
    """Read it all; returns the share, 0 to 1, that came from the disk.

    Raises:
        SimError: It cannot be read.
    """
    before = _read_physically()
    size = 0
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
    except OSError as error:
        raise SimError(f"The weights {path} cannot be read: {error.strerror or error}") from error
    after = _read_physically()
    return min((after - before) / size, 1.0) if size else 0.0


def _read_physically() -> int:
    """By this process so far; 0 where the kernel does not say."""
    try:
        lines = _COUNTERS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.removeprefix(_READ)) for line in lines if line.startswith(_READ)), 0)
