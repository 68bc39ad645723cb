"""Starts a simulated fleet in a process of its own, and ends it."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import sleeptui
from sleeptui.core.errors import SimError
from sleeptui.core.text import one_line
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.attached import attached
from sleeptui.sim.scenario import scenario_named
from sleeptui.sim.spec import DEMO_KEY, KEY_ENV

_MODULE = "sleeptui.sim"
_START_S = 20.0
_END_S = 3.0
_MOST_STDERR = 2000


@asynccontextmanager
async def launched_fleet(name: str, speed: float = 1.0) -> AsyncIterator[FleetAddress]:
    """A simulated fleet as a child process; it ends with this context, or with this process.

    One that another program runs, and that the environment names, is taken instead.

    Sets the environment variable with the key of simulated servers, where it is not set, so that
    the clients of this process find it.

    Args:
        name: Of a scenario.
        speed: Everything takes so many times less.

    Raises:
        SimError: There is no such scenario, or the process did not come up.
    """
    scenario_named(name)
    os.environ.setdefault(KEY_ENV, DEMO_KEY)
    if (running := attached(name)) is not None:
        yield running
        return
    with _temporary_file() as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", _MODULE, name, "--until-eof", "--speed", str(speed)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            env=_environment(),
            start_new_session=True,  # ctrl+c in the terminal is for the panel, not for the fleet
        )
        try:
            yield await _address(process, said)
        finally:
            await _end(process)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise SimError(
            "The simulated fleet needs a temporary file, and none can be written",
            hint="Make room on /tmp, or name another folder in TMPDIR.",
        ) from error


def _environment() -> dict[str, str]:
    """This environment, in which the child finds this very package."""
    here = str(Path(sleeptui.__file__).parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


async def _address(process: asyncio.subprocess.Process, said: IO[bytes]) -> FleetAddress:
    output = process.stdout
    if output is None:
        raise SimError("The simulated fleet has no output")
    try:
        async with asyncio.timeout(_START_S):
            line = await output.readline()
    except TimeoutError as error:
        raise SimError(f"The simulated fleet did not start in {_START_S:.0f} s") from error
    if not line:
        said.seek(0)
        text = said.read()[-_MOST_STDERR:].decode(errors="replace")
        last = one_line(text.strip().rpartition("\n")[2])
        raise SimError(f"The simulated fleet ended at its start: {last or 'it said nothing'}")
    return FleetAddress.read(line.decode(errors="replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its input, which ends it; kill it where it does not end."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
