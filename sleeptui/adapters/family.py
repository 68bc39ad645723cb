"""A process that was started and all that came from it, also what has outlived its parents.

Everything is read from ``/proc``. A process is named by its number and the moment it was started,
in ticks since the machine was: a number alone may by now be a stranger's.
"""

import os
import signal
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ENDED = frozenset({"Z", "X"})
"""States of a process that only waits for its parent to take note."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A process, as ``/proc/PID/stat`` has it."""

    pid: int
    state: str
    """One letter: R, S, D for one that the kernel does not let go, Z for one that has ended."""
    parent: int
    group: int
    session: int
    threads: int
    ticks: int
    """When it was started, since the boot; with the PID it names the process."""

    @property
    def is_alive(self) -> bool:
        """It is more than an entry that waits for its parent.

        Its first thread may have ended while others still let go of memory and devices.
        """
        return self.state not in _ENDED or self.threads > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The process that was started, at the head of its own session."""

    pid: int
    ticks: int
    boot_id: str

    def has(self, member: Member | None) -> bool:
        """It is this very process."""
        return member is not None and (member.pid, member.ticks) == (self.pid, self.ticks)


def read_root(pid: int) -> Root | None:
    """How to find a process again that was just started; None: it is gone already."""
    member = read_member(pid)
    return None if member is None else Root(pid=pid, ticks=member.ticks, boot_id=boot_id())


def boot_id() -> str:
    """Changes each time the machine starts; empty where the system does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def read_member(pid: int) -> Member | None:
    """One process; None: there is none of that number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name, in parentheses, may hold anything.
    words = text.rpartition(")")[2].split()
    return Member(
        pid=pid,
        state=words[0],
        parent=int(words[1]),
        group=int(words[2]),
        session=int(words[3]),
        threads=int(words[17]),
        ticks=int(words[19]),
    )


def read_all() -> Mapping[int, Member]:
    """All processes by PID; 20 us a process."""
    pids = (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
    found = (read_member(pid) for pid in pids)
    return {member.pid: member for member in found if member is not None}


def family(root: Root, *, known: Collection[Member] = ()) -> frozenset[Member]:
    """Who is alive of a process, its session, and all that descend from them.

    A session keeps its number from being given to another process while anybody is in it. So what
    is in a session of that number, and has no other process at its head, is ours, though the
    head has ended: engines that have outlived their server.

    Args:
        root: What was started.
        known: Found to belong to it before: they still do, whatever has become of their parents.
    """
    if root.boot_id != boot_id():
        return frozenset()
    # A child that was made while everybody was read is in no list that was begun before; the
    # parent may have ended by the time it is looked at itself. Nobody is only who is nobody twice.
    return _living(root, known) or _living(root, known)


def _living(root: Root, known: Collection[Member]) -> frozenset[Member]:
    everybody = read_all()
    kept = {one.pid for one in known if _same(everybody.get(one.pid), one)}
    head = everybody.get(root.pid)
    if head is None or root.has(head):
        kept |= {
            one.pid
            for one in everybody.values()
            if one.session == root.pid and one.ticks >= root.ticks
        }
    found = _with_descendants(kept, everybody)
    return frozenset(everybody[pid] for pid in found if everybody[pid].is_alive)


def tell(root: Root, members: Iterable[Member]) -> None:
    """Ask a family to end: SIGTERM to the group of its head."""
    if any(one.group == root.pid for one in members):
        with suppress(ProcessLookupError):
            os.killpg(root.pid, signal.SIGTERM)


def kill(members: Iterable[Member]) -> None:
    """End processes at once; a number that is a stranger's by now is left alone.

    Raises:
        PermissionError: One belongs to another user.
    """
    for one in members:
        with suppress(ProcessLookupError):
            _kill(one)


def _kill(member: Member) -> None:
    try:
        descriptor = os.pidfd_open(member.pid)
    except ProcessLookupError:
        return
    except OSError:  # a sandbox that has no such call
        if _same(read_member(member.pid), member):
            os.kill(member.pid, signal.SIGKILL)
        return
    try:
        # What is open stays that process: between the look and the signal no other can come.
        if _same(read_member(member.pid), member):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)


def _same(now: Member | None, before: Member) -> bool:
    return now is not None and now.ticks == before.ticks


def _with_descendants(pids: Iterable[int], everybody: Mapping[int, Member]) -> set[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for one in everybody.values():
        children[one.parent].append(one.pid)
    found: set[int] = set()
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children[pid])
    return found
