"""Servers that are started as processes of this machine; core.runtime.Runtime.

A server gets a session of its own and outlives sleeptui. It is found again by a small file, also
by another sleeptui (``down`` after ``up``); a process that merely has its number is left alone.
"""

import asyncio
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from sleeptui.adapters import family, recipes
from sleeptui.adapters.family import Member, Root
from sleeptui.adapters.started import Started, StartedServer, recipe, servers_folder
from sleeptui.core.errors import ProcessError
from sleeptui.core.ports import Clock
from sleeptui.core.runtime import Running
from sleeptui.core.settings import ServerSpec
from sleeptui.core.startup_log import failure
from sleeptui.core.text import one_line

KILL_LIMIT_S = 15.0
"""How long what was killed may take to be gone: the GPU's driver frees its memory meanwhile."""
_LOOK_S = 0.05
_NOTE_LIMIT_S = 5.0


class ProcessRuntime:
    """Starts and ends servers as processes. One at a time does something to one server."""

    def __init__(self, clock: Clock, *, base: Path, folder: Path | None = None) -> None:
        """Nothing is started or made.

        Args:
            clock: For the pauses while something ends.
            base: What a relative folder in the configuration is relative to.
            folder: Of outputs and of what was started; None: the user's own.
        """
        self._clock = clock
        self._base = base
        self._folder = folder or servers_folder()
        self._ours: dict[int, subprocess.Popen[bytes]] = {}
        """What this very program has started, by PID: only of these the exit code is told."""

    async def start(self, spec: ServerSpec) -> Running:
        """Start it and return at once; one that runs already goes on.

        Raises:
            ProcessError: It cannot be started, and why.
        """
        return await asyncio.to_thread(self._start, spec)

    async def stop(self, spec: ServerSpec, limit_s: float) -> Running:
        """End it with all that came from it: told to at first, killed after ``limit_s``.

        Raises:
            ProcessError: Something of it cannot be ended.
        """
        server = StartedServer(self._folder, spec)
        started = await asyncio.to_thread(server.read)
        if started is None:
            return Running(is_running=False, what="no process")
        members = await asyncio.to_thread(family.family, started.root)
        problem = ""
        try:
            family.tell(started.root, members)
            members = await self._gone(started.root, members, limit_s)
            if members:
                problem = f"it did not end in {limit_s:.0f} s and was killed"
                members = await self._killed(started.root, members)
        except PermissionError as error:
            raise _not_ended(spec, members, "it belongs to another user") from error
        if members:
            raise _not_ended(spec, members, f"it is still there {KILL_LIMIT_S:.0f} s after SIGKILL")
        await asyncio.to_thread(server.forget)
        return Running(
            is_running=False,
            what=f"process {started.pid}",
            started_wall_s=started.started_wall_s,
            exit_code=await asyncio.to_thread(self._exit_code, started.pid),
            problem=problem,
        )

    async def state(self, spec: ServerSpec) -> Running:
        """Whether it runs; of one that has ended by itself, why."""
        return await asyncio.to_thread(self._state, spec)

    async def output(self, spec: ServerSpec) -> Sequence[str]:
        """What it has written since its start, cleaned.

        Raises:
            ProcessError: Its log cannot be read.
        """
        return await asyncio.to_thread(StartedServer(self._folder, spec).output)

    def close(self) -> None:
        """Let go of what was started: it goes on."""
        self._ours.clear()

    def _start(self, spec: ServerSpec) -> Running:
        server = StartedServer(self._folder, spec)
        fingerprint = recipe(spec, recipes.folder_of(spec, self._base))
        with server.alone():
            started = server.read()
            if started is not None and (members := family.family(started.root)):
                _see_it_is_the_same(spec, started, members, fingerprint)
                return _running(started, members)
            how = recipes.prepare(spec, self._base)
            recipes.check_port(spec)
            started = self._spawn(spec, server, how, fingerprint)
        return _running(started, family.family(started.root))

    def _spawn(
        self, spec: ServerSpec, server: StartedServer, how: recipes.Recipe, fingerprint: str
    ) -> Started:
        log = server.new_log()
        try:
            with open(log, "wb", buffering=0) as output:  # noqa: PTH123 - a descriptor
                process = subprocess.Popen(  # noqa: S603 - the user's own configuration
                    how.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=how.folder,
                    env=how.environment,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ProcessError(
                f"{one_line(spec.name)} cannot be started: {one_line(how.argv[0])}:"
                f" {one_line(why or str(error))}",
                hint="Try its command in a shell.",
            ) from error
        wall_s = self._clock.wall_s()
        # It has not been waited for, so it has an entry, even if it has ended.
        root = family.read_root(process.pid)
        assert root is not None  # noqa: S101 - see above
        self._ours[process.pid] = process
        # Waits all the time, so that nothing that has ended stays behind as a zombie.
        threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
        started = Started(
            pid=root.pid,
            ticks=root.ticks,
            boot_id=root.boot_id,
            started_wall_s=wall_s,
            recipe=fingerprint,
        )
        server.write(started)
        return started

    def _state(self, spec: ServerSpec) -> Running:
        server = StartedServer(self._folder, spec)
        started = server.read()
        if started is None:
            return Running(is_running=False, what="no process")
        members = family.family(started.root)
        if any(started.root.has(one) for one in members):
            return _running(started, members)
        exit_code = self._exit_code(started.pid)
        return Running(
            is_running=False,
            what=f"process {started.pid}",
            pids=frozenset(one.pid for one in members),
            started_wall_s=started.started_wall_s,
            exit_code=exit_code,
            problem=_why(server.output(), exit_code, members),
        )

    async def _gone(
        self, root: Root, members: frozenset[Member], limit_s: float
    ) -> frozenset[Member]:
        """Wait until a family has ended; who is left of it."""
        end_s = self._clock.now_s() + limit_s
        while members and self._clock.now_s() < end_s:
            await self._clock.sleep(_LOOK_S)
            members = await asyncio.to_thread(family.family, root, known=members)
        return members

    async def _killed(self, root: Root, members: frozenset[Member]) -> frozenset[Member]:
        """Kill a family, and what it still gives birth to; who is left of it."""
        end_s = self._clock.now_s() + KILL_LIMIT_S
        while members and self._clock.now_s() < end_s:
            family.kill(members)
            members = await self._gone(root, members, _LOOK_S)
        return members

    def _exit_code(self, pid: int) -> int | None:
        process = self._ours.get(pid)
        if process is None:
            return None
        try:
            # The thread that waits takes note in a moment.
            return process.wait(_NOTE_LIMIT_S)
        except subprocess.TimeoutExpired:
            return None


def _running(started: Started, members: frozenset[Member]) -> Running:
    return Running(
        is_running=True,
        what=f"process {started.pid}",
        pids=frozenset(one.pid for one in members),
        started_wall_s=started.started_wall_s,
    )


def _see_it_is_the_same(
    spec: ServerSpec, started: Started, members: frozenset[Member], fingerprint: str
) -> None:
    name = one_line(spec.name)
    if not any(started.root.has(one) for one in members):
        raise ProcessError(
            f"{name} cannot be started: its process {started.pid} has ended, but {_pids(members)}"
            " that it had started still runs",
            hint="End the server first: that ends them too.",
        )
    if started.recipe != fingerprint:
        raise ProcessError(
            f"{name} runs already as process {started.pid}, started with another command,"
            " environment or folder than the configuration has now",
            hint="End it first.",
        )


def _why(lines: Sequence[str], exit_code: int | None, members: frozenset[Member]) -> str:
    """Why a process has ended, and what it has left behind."""
    why = failure(lines)
    if not why and exit_code is not None and exit_code < 0:
        why = f"ended by signal {-exit_code}: {signal.strsignal(-exit_code)}"
        if exit_code == -signal.SIGKILL:
            why += ", by somebody else or for lack of memory"
    if members:
        why = f"{why}; " if why else ""
        why += f"{_pids(members)} that it had started still runs"
    return why


def _not_ended(spec: ServerSpec, members: frozenset[Member], why: str) -> ProcessError:
    stuck = any(one.state == "D" for one in members)
    return ProcessError(
        f"{one_line(spec.name)} has not ended: {_pids(members)}: {why}",
        hint="The kernel does not let it go, perhaps the GPU's driver." if stuck else "",
    )


def _pids(members: frozenset[Member]) -> str:
    pids = sorted(one.pid for one in members)
    return f"process {pids[0]}" if len(pids) == 1 else f"processes {', '.join(map(str, pids))}"
