"""A process and all that came from it."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from support.processes import children, descendants, is_alive, wait_until

from sleeptui.adapters import family as module
from sleeptui.adapters.family import Root, family, kill, read_member, read_root, tell

NAP = "import time; time.sleep(600)"
HEAD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-IS', '-c', {NAP!r}]"


def python(code: str) -> list[str]:
    return [sys.executable, "-IS", "-c", code]


@pytest.fixture
def start():
    """Starts a program at the head of its own session."""
    heads = []

    def start(code: str) -> tuple[subprocess.Popen[bytes], Root]:
        process = subprocess.Popen(python(code), start_new_session=True)
        root = read_root(process.pid)
        heads.append((process, root))
        return process, root

    yield start
    for process, root in heads:
        kill(family(root))
        process.kill()
        process.wait()


def pids(root: Root, **options: object) -> set[int]:
    return {one.pid for one in family(root, **options)}


def test_a_head_and_its_children(start):
    process, root = start(f"{HEAD}); {NAP}")
    wait_until(lambda: children(process.pid))
    assert pids(root) == {process.pid, *children(process.pid)}
    assert all(one.is_alive for one in family(root))


def test_a_child_with_a_session_of_its_own(start):
    process, root = start(f"{HEAD}, start_new_session=True); {NAP}")
    wait_until(lambda: children(process.pid))
    assert pids(root) == {process.pid, *children(process.pid)}


def test_what_outlives_the_head_is_found_by_its_session(start):
    process, root = start(f"{HEAD})")
    process.wait()
    (left,) = family(root)
    assert left.session == process.pid
    assert left.parent != process.pid
    kill(family(root))
    wait_until(lambda: not family(root))


def test_a_child_that_was_made_while_everybody_was_read_is_found(start, monkeypatch):
    """The list of processes was begun before, and the head looked at after it had ended."""
    process, root = start(f"{HEAD})")
    process.wait()
    (child,) = family(root)
    plain, reads = module.read_all, []

    def read_all():
        reads.append(1)
        found = dict(plain())
        if len(reads) == 1:
            del found[child.pid]
        return found

    monkeypatch.setattr(module, "read_all", read_all)
    assert [one.pid for one in family(root)] == [child.pid]
    assert len(reads) == 2


def test_what_was_known_stays_known(start):
    """A child in another session whose parent ends: nothing but memory leads to it."""
    process, root = start(f"{HEAD}, start_new_session=True); {NAP}")
    wait_until(lambda: children(process.pid))
    known = family(root)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert pids(root) == set()
    (left,) = family(root, known=known)
    assert left.pid != process.pid
    kill([left])
    wait_until(lambda: not family(root, known=known))


def test_one_that_has_ended_and_waits_for_its_parent_is_gone(start):
    process, root = start("pass")
    wait_until(lambda: not is_alive(process.pid))
    assert read_member(process.pid).state == "Z"
    assert family(root) == frozenset()


def test_one_whose_first_thread_has_ended_is_not_gone(start):
    """As of a process with a GPU, whose other threads still give its memory back."""
    nap = "threading.Thread(target=time.sleep, args=(600,)).start()"
    libc = "ctypes.CDLL(None).pthread_exit(None)"
    process, root = start(f"import ctypes, threading, time; {nap}; {libc}")
    wait_until(lambda: not is_alive(process.pid))
    (left,) = family(root)
    assert (left.pid, left.state, left.threads) == (process.pid, "Z", 2)
    kill([left])
    wait_until(lambda: not family(root))


def test_a_number_that_is_a_strangers_by_now(start):
    process, root = start(NAP)
    before = replace(root, ticks=root.ticks - 1)
    assert family(before) == frozenset()
    (member,) = family(root)
    kill([replace(member, ticks=member.ticks - 1)])
    assert family(root) == {read_member(process.pid)}


def test_another_boot(start):
    _process, root = start(NAP)
    assert family(replace(root, boot_id="another")) == frozenset()


def test_a_group_is_told_once(start):
    process, root = start(f"{HEAD}); {NAP}")
    wait_until(lambda: children(process.pid))
    members = family(root)
    tell(root, members)
    wait_until(lambda: not any(is_alive(one.pid) for one in members))
    assert process.wait() == -signal.SIGTERM
    tell(root, members)
    tell(root, ())


def test_without_the_call_of_a_newer_kernel(start, monkeypatch):
    process, root = start(NAP)

    def absent(pid: int) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", absent)
    (member,) = family(root)
    kill([replace(member, ticks=member.ticks - 1)])
    assert is_alive(process.pid)
    kill([member])
    assert process.wait() == -signal.SIGKILL


def test_what_is_gone_cannot_be_killed(start):
    process, root = start(NAP)
    members = family(root)
    process.kill()
    process.wait()
    kill(members)
    assert read_member(process.pid) is None
    assert read_root(process.pid) is None


def test_a_system_that_does_not_tell_its_boot(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_BOOT_ID", tmp_path / "none")
    assert module.boot_id() == ""


def test_descendants_of_descendants(start):
    inner = f"{HEAD}); {NAP}"
    code = HEAD.replace(repr(NAP), repr(inner)) + f"); {NAP}"
    process, root = start(code)
    wait_until(lambda: len(descendants(process.pid)) == 2)
    assert pids(root) == {process.pid, *descendants(process.pid)}
