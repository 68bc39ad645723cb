"""Makes the files of a session in a process of its own."""

import asyncio
import os
import sys
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
            last = said[-_MOST_STDERR:].decode(errors="replace").strip().rpartition("\n")[2]
            raise ExportError(
                one_line(last) or "the process that makes the report ended without a word",
                hint="sleeptui report makes it again",
            )

    async def _begun(self, session: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "sleeptui.recorder", session),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # ctrl+c in the terminal is not for it
            )
        except OSError as error:
            raise ExportError(
                f"the process that makes the report did not start: {error.strerror or error}",
                hint="sleeptui report makes it",
            ) from error


def _environment() -> dict[str, str]:
    """This environment, in which the child finds this very package."""
    here = str(Path(sleeptui.__file__).parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
