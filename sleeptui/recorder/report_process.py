"""Makes the files of a session in a process of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import sleeptui
from sleeptui.core.errors import ExportError
from sleeptui.core.text import one_line

_MOST_STDERR = 2000


class ReportProcess:
    """Implements the port Reporter."""

    async def report(self, session: str) -> None:
        """Make the files of a session beside its journal. Cancelling ends the process.

        Raises:
            ExportError: They were not made, and why.
        """
        process = await self._begun(session)
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise _not_made(said)

    async def _begun(self, session: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *_command(session),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # ctrl+c in the terminal is not for it
            )
        except OSError as error:
            raise _not_begun(error) from error


def made(session: str) -> Sequence[str]:
    """The same for a thread that waits: the paths of the files that were made.

    Raises:
        ExportError: They were not made, and why.
    """
    try:
        process = subprocess.run(  # noqa: S603 - this program, by its full path
            _command(session),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise _not_begun(error) from error
    if process.returncode:
        raise _not_made(process.stderr)
    return os.fsdecode(process.stdout).splitlines()


def _command(session: str) -> list[str]:
    return [sys.executable, "-m", "sleeptui.recorder", session]


def _not_begun(error: OSError) -> ExportError:
    return ExportError(
        f"the process that makes the report did not start: {error.strerror or error}",
        hint="sleeptui report makes it",
    )


def _not_made(said: bytes) -> ExportError:
    last = said[-_MOST_STDERR:].decode(errors="replace").strip().rpartition("\n")[2]
    return ExportError(
        one_line(last) or "the process that makes the report ended without a word",
        hint="sleeptui report makes it again",
    )


def _environment() -> dict[str, str]:
    """This environment, in which the child finds this very package."""
    here = str(Path(sleeptui.__file__).parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
