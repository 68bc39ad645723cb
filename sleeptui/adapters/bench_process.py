"""Runs ``sleeptui bench`` as a process of its own, for the panel."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import sleeptui
from sleeptui.core.errors import ProcessError
from sleeptui.core.text import one_line

_MOST_BYTES = 16 << 10
_MOST_LINES = 12
_END_S = 5.0
"""How long one that must end is waited for, before it is killed."""
_ANNOUNCED = "sleeptui_bench"


async def started(
    arguments: Sequence[str], environment: Mapping[str, str], *, is_bound: bool
) -> "BenchProcess":
    """Start one.

    Args:
        arguments: Behind ``sleeptui``.
        environment: Added to that of this program.
        is_bound: Its servers end with this program, and so must it.

    Raises:
        ProcessError: It cannot be started, and why.
    """
    here = str(Path(sleeptui.__file__).parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    stack = ExitStack()
    try:
        # A file, no pipe: it goes on writing when this program has ended.
        said = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - entered
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sleeptui", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
            start_new_session=True,  # ctrl+c in the terminal is for the panel
        )
    except OSError as error:
        stack.close()
        raise ProcessError(
            f"the benchmark did not start: {error.strerror or error}",
            hint="in another terminal: sleeptui bench",
        ) from error
    return BenchProcess(process, said, is_bound=is_bound)


class BenchProcess:
    """Implements the port BenchChild."""

    def __init__(
        self, process: asyncio.subprocess.Process, said: IO[bytes], *, is_bound: bool
    ) -> None:
        """Over a process that has been started."""
        self._process = process
        self._said = said
        self._is_bound = is_bound

    async def recording(self) -> str:
        """Wait until it records. Returns the folder of its session; empty: it ended before."""
        output = self._process.stdout
        while output is not None and (line := await output.readline()):
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and _ANNOUNCED in told:
                return str(told.get("session", ""))
        return ""

    async def ended(self) -> int:
        """Wait for its end. Returns its exit code."""
        if self._process.stdout is not None:
            await self._process.stdout.read()  # a pipe that is full would hold it up
        return await self._process.wait()

    def said(self) -> Sequence[str]:
        """The last lines that it has written, cleaned."""
        try:
            size = os.fstat(self._said.fileno()).st_size
            data = os.pread(self._said.fileno(), _MOST_BYTES, max(size - _MOST_BYTES, 0))
        except (OSError, ValueError):  # closed
            return ()
        lines = [one_line(line) for line in data.decode(errors="replace").split("\n")]
        return tuple(line for line in lines if line)[-_MOST_LINES:]

    def stop(self) -> None:
        """Tell it to stop, as ctrl+c does; it restores the servers first."""
        with suppress(ProcessLookupError):
            # Not SIGINT: who is started in the background by a script ignores that.
            self._process.send_signal(signal.SIGTERM)

    async def close(self) -> None:
        """Let go of it: it goes on. One whose servers end with this program is ended."""
        if self._is_bound and self._process.returncode is None:
            self.stop()
            try:
                async with asyncio.timeout(_END_S):
                    await self._process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        self._said.close()
