"""The machine that is measured: kernel, processor, memory and its limits, GPUs.

Its own facts take a millisecond; the driver may hang for ever, so it is asked on a daemon thread
and waited for only so long.
"""

import asyncio
import os
import platform
import resource
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sleeptui.adapters.cards import Cards, read_cards
from sleeptui.adapters.measuring import Measuring
from sleeptui.core.environment import Machine
from sleeptui.core.text import one_line

_NO_LIMIT = 1 << 60
"""Version 1 of control groups says "no limit" as the largest multiple of a page."""


class LocalSurveyor:
    """Describes this machine; core.ports.Surveyor."""

    def __init__(self, *, deadline_s: float = 10.0, root: Path = Path("/")) -> None:
        """Nothing is read before the first call.

        Args:
            deadline_s: How long the driver is waited for. It may take seconds where it is not
                kept loaded (no persistence mode).
            root: Where /proc and /sys are.
        """
        self._deadline_s = deadline_s
        self._root = root

    async def describe(self) -> Machine:
        """All that can be read. Never raises: what could not be read is in it."""
        thread = Measuring()
        reading = thread.begin(_cards(self._root))
        machine = await asyncio.to_thread(_machine, self._root)
        await asyncio.wait({reading}, timeout=self._deadline_s)
        if reading.done():
            await thread.close()
            return _whole(machine, reading.result())
        # Its thread hangs in the driver, and ends with the program.
        reading.cancel()
        late = f"The NVIDIA driver has not answered for {self._deadline_s:g} s"
        return _whole(machine, Cards(problem=late))


async def _cards(root: Path) -> Cards:
    """Runs on the thread."""
    return read_cards(root / "sys/bus/pci/devices")


def _whole(machine: Machine, found: Cards) -> Machine:
    problems = machine.problems if found.problem is None else (*machine.problems, found.problem)
    return replace(
        machine, driver=found.driver, cuda=found.cuda, cards=found.cards, problems=problems
    )


def _machine(root: Path) -> Machine:
    """All but the GPUs."""
    import psutil  # noqa: PLC0415 - late, the first frame does not wait for it

    problems = []
    try:
        ram = psutil.virtual_memory().total
    except (OSError, KeyError, ValueError) as error:
        ram = None
        problems.append(f"The memory of this machine cannot be read: {one_line(str(error))}")
    pinned, _hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return Machine(
        host=one_line(platform.node()),
        kernel=one_line(platform.release()),
        cpu=_cpu(root),
        cpus=len(os.sched_getaffinity(0)),
        ram_bytes=ram,
        memory_limit_bytes=_memory_limit(root),
        memlock_bytes=None if pinned == resource.RLIM_INFINITY else pinned,
        huge_pages=_chosen(_text(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        boot_id=_text(root / "proc/sys/kernel/random/boot_id"),
        problems=tuple(problems),
    )


def _text(path: Path) -> str:
    """One line of a file of the kernel; empty where there is none."""
    try:
        return one_line(path.read_text(errors="replace"))
    except OSError:
        return ""


def _cpu(root: Path) -> str:
    """The processor's name; ARM has none, there its architecture."""
    try:
        lines = (root / "proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name.strip() == "model name":
            return one_line(value)
    return platform.machine()


def _chosen(text: str) -> str:
    """``always [madvise] never``: the word in brackets."""
    return text.partition("[")[2].partition("]")[0]


def _memory_limit(root: Path) -> int | None:
    """The lowest limit of this process's control groups; None: there is none."""
    try:
        groups = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return None
    limits: list[int] = []
    for line in groups:
        # "0::/a/b" of version 2, "4:memory:/a/b" of version 1
        _number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            limits += _limits(root / "sys/fs/cgroup", path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes")
    return min((limit for limit in limits if limit < _NO_LIMIT), default=None)


def _limits(base: Path, path: str, name: str) -> list[int]:
    """The limits of a group and of all above it.

    A container without a namespace for its groups sees their paths on the host, but only its own
    group, as the topmost: so that is looked at too.
    """
    inner = PurePosixPath(path.lstrip("/"))
    texts = [_text(base / group / name) for group in (inner, *inner.parents)]
    return [int(text) for text in texts if text.isascii() and text.isdigit()]
