"""The weights of servers as files, the page cache over them; core.runtime.WeightFiles.

What cannot be known is said to be unknown: a cold start is called after what is proven of it.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sleeptui.adapters import compile_caches, page_cache
from sleeptui.adapters.weight_paths import NoWeights, find_weights
from sleeptui.core.cold import EVICTED, NOT_KNOWN, Residency
from sleeptui.core.settings import ServerSpec
from sleeptui.core.units import percent

T = TypeVar("T")


class LocalWeightFiles:
    """Files of this machine. The work is done in threads."""

    def __init__(self, *, base: Path) -> None:
        """Nothing is looked at.

        Args:
            base: What a relative path in the configuration is relative to.
        """
        self._base = base
        self._truthful: set[int] = set()
        """Overlays, by device, whose page cache was seen to follow what was done to it."""

    async def residency(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        """How much of a server's weights is in the page cache; ``problem`` tells why not."""
        return await asyncio.to_thread(self._look, spec, command, page_cache.resident_bytes)

    async def evict(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        """Drop its clean pages from the page cache, and look again.

        Where pages stay, ``problem`` tells; where none at all went, their state is unknown.
        """
        return await asyncio.to_thread(self._evict, spec, command)

    async def warm(self, spec: ServerSpec, command: Sequence[str] = ()) -> Residency:
        """Read them all once, and look again. When cancelled it stops after a piece."""
        is_cancelled = threading.Event()
        try:
            return await asyncio.to_thread(self._warm, spec, command, is_cancelled)
        except asyncio.CancelledError:
            is_cancelled.set()
            raise

    async def compile_cache(self, spec: ServerSpec) -> str:
        """What is in its folder of compile caches: populated, empty, unknown."""
        if spec.compile_cache is None:
            return NOT_KNOWN
        return await asyncio.to_thread(compile_caches.content, self._caches(spec.compile_cache))

    async def clear_compile_cache(self, spec: ServerSpec) -> str:
        """Empty its folder of compile caches. Returns why it could not; empty: it is empty."""
        if spec.compile_cache is None:
            return "It is not known where the compile caches are: set compile_cache of this server"
        return await asyncio.to_thread(compile_caches.clear, self._caches(spec.compile_cache))

    async def read_bytes(self, pids: Sequence[int]) -> int | None:
        """What those processes have read physically so far; None: cannot be told.

        What children have read that have ended is counted by the kernel with their parents.
        """
        return await asyncio.to_thread(_read_bytes, pids)

    def _caches(self, folder: str) -> Path:
        return self._base / Path(folder).expanduser()

    def _evict(self, spec: ServerSpec, command: Sequence[str]) -> Residency:
        before = self._look(spec, command, page_cache.resident_bytes, is_proving=True)
        after = self._look(spec, command, page_cache.drop, is_proving=True)
        if before.share is None or after.share is None:
            return after
        has_moved = after.share < before.share
        if before.share > EVICTED and not has_moved:
            return Residency(
                total_bytes=after.total_bytes,
                files=after.files,
                problem="cache state unknown: no page of the weights could be dropped, or the file"
                " system does not tell",
            )
        if has_moved:
            self._note_truthful(spec, command)
        if after.share > EVICTED:
            stay = percent(after.share)
            return Residency(
                total_bytes=after.total_bytes,
                resident_bytes=after.resident_bytes,
                files=after.files,
                problem=f"{stay} of the weights stay in the page cache: a process uses them",
            )
        return self._look(spec, command, page_cache.resident_bytes)

    def _warm(
        self, spec: ServerSpec, command: Sequence[str], is_cancelled: threading.Event
    ) -> Residency:
        if self._look(spec, command, page_cache.resident_bytes).problem:
            # Dropped and read again, it is seen whether an overlay tells the truth.
            self._evict(spec, command)

        def read(path: Path) -> int:
            """Read a file; what of it is in the page cache after that."""
            page_cache.read_through(path, lambda: not is_cancelled.is_set())
            return page_cache.resident_bytes(path)

        return self._look(spec, command, read)

    def _look(
        self,
        spec: ServerSpec,
        command: Sequence[str],
        count: Callable[[Path], int],
        *,
        is_proving: bool = False,
    ) -> Residency:
        """Add up over the files.

        Args:
            spec: The server.
            command: Its command line.
            count: What is resident of one file, after what is done to it.
            is_proving: Overlays too: it is just being found out whether they tell the truth.
        """
        total, resident, files = 0, 0, 0
        doubt = ""
        try:
            for path in find_weights(spec, command, self._base):
                doubt = doubt or self._doubt(path, is_proving=is_proving)
                total += path.stat().st_size
                resident += count(path)
                files += 1
        except NoWeights as error:
            return Residency(problem=str(error))
        except OSError as error:
            return Residency(
                problem=f"cache state unknown: the weights cannot be read:"
                f" {error.strerror or error}"
            )
        if doubt:
            return Residency(
                total_bytes=total, files=files, problem=f"cache state unknown: {doubt}"
            )
        return Residency(total_bytes=total, resident_bytes=resident, files=files)

    def _doubt(self, path: Path, *, is_proving: bool) -> str:
        """Why what the kernel tells of a file's pages is not to be believed; empty: it is."""
        foreign = page_cache.foreign(path)
        if foreign:
            return f"the file system {foreign} has a cache of its own"
        if not page_cache.is_told_the_truth(path):
            return "the weights belong to another user, and the kernel tells only their owner"
        is_unproven = path.stat().st_dev not in self._truthful
        if not is_proving and is_unproven and page_cache.is_overlay(path):
            return "the weights lie in an overlay, which was not seen to tell the truth"
        return ""

    def _note_truthful(self, spec: ServerSpec, command: Sequence[str]) -> None:
        self._truthful |= {path.stat().st_dev for path in find_weights(spec, command, self._base)}


def _read_bytes(pids: Sequence[int]) -> int | None:
    import psutil  # noqa: PLC0415 - late, as all that look at processes

    total: int | None = None
    for pid in pids:
        try:
            counted = psutil.Process(pid).io_counters().read_bytes
        except psutil.NoSuchProcess:  # ended meanwhile: its parent has its count
            continue
        except (psutil.Error, OSError):
            return None
        total = (total or 0) + counted
    return total
