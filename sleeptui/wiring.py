"""The composition root: names every concrete class once, and imports it late.

The adapters cost more to import than the whole of Textual (httpx 70 ms, psutil, NVML, Docker), so
they are imported in a thread when the panel stands, and the services wait for them.
"""

import asyncio
import gc
import importlib
import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.hangup import on_hangup
from sleeptui.adapters.output import forgiving_output
from sleeptui.core.environment import Machine
from sleeptui.core.errors import ConfigError, JournalError
from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import GpuReading, ServerView
from sleeptui.core.ports import (
    Archive,
    Candidate,
    Clock,
    EngineClient,
    EngineClients,
    GpuProbe,
    HomeFinder,
    Journal,
    Notebook,
    Surveyor,
)
from sleeptui.core.session import Session, SessionSummary
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.core.text import one_line
from sleeptui.services.lag import LagMeter
from sleeptui.services.panel import Services

if TYPE_CHECKING:
    from sleeptui.core.tape import Tape
    from sleeptui.sim.address import FleetAddress
    from sleeptui.tui.app import SleeptuiApp

log = logging.getLogger(__name__)

_SIGNALLED = 128
"""A program that a signal ended says so: 128 and the signal's number."""
_ADAPTERS = ("sleeptui.logs", "sleeptui.adapters.vllm", "sleeptui.adapters.notebook")
_SURVEY = ("sleeptui.adapters.machine",)
_RECORDER = ("sleeptui.recorder.recorder",)
_LOCAL = ("sleeptui.adapters.nvml", "sleeptui.adapters.homes")
_SIMULATED = ("sleeptui.sim.launch", "sleeptui.sim.probes")


class World:
    """The outside, opened after the first frame: clients, GPUs, containers and processes.

    It is the probe, the finder, the notebook and the client factory that the services hold from
    the start; until it is open there is nothing to see.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._clock = clock
        self._stack = AsyncExitStack()
        self._clients: EngineClients | None = None
        self._probe: GpuProbe | None = None
        self._finder: HomeFinder | None = None
        self._notebook: Notebook | None = None
        self._address: FleetAddress | None = None

    async def open(self) -> Sequence[ServerSpec]:
        """Import the adapters, start the simulated fleet if asked; returns the servers to watch.

        Raises:
            SimError: The simulated fleet did not start.
        """
        demo = self._settings.demo
        await asyncio.to_thread(_import, _ADAPTERS + (_LOCAL if demo is None else _SIMULATED))
        from sleeptui.adapters.vllm import VllmClients  # noqa: PLC0415
        from sleeptui.logs import set_up  # noqa: PLC0415

        set_up()
        gc.freeze()  # what is loaded by now stays: no collection need look at it again
        gc.enable()
        clients = VllmClients(LagMeter())
        self._stack.push_async_callback(clients.close)
        self._clients = clients
        if demo is None:
            return self._look_at_this_machine()
        return await self._simulate(demo)

    async def close(self) -> None:
        """Close all that was opened, the simulated fleet last."""
        await self._stack.aclose()

    def __call__(self, spec: ServerSpec) -> EngineClient:
        """The client of a server."""
        if self._clients is None:
            raise RuntimeError(spec.name)
        return self._clients(spec)

    async def sample(self) -> GpuReading:
        """All GPUs now."""
        if self._probe is None:
            raise RuntimeError(self)
        return await self._probe.sample()

    async def homes(self, specs: Sequence[ServerSpec]) -> Mapping[str, Home]:
        """Where the servers run."""
        return {} if self._finder is None else await self._finder.homes(specs)

    async def candidates(self) -> Sequence[Candidate]:
        """What looks like a vLLM server."""
        return () if self._finder is None else await self._finder.candidates()

    async def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines of a server's output."""
        return () if self._finder is None else await self._finder.log_tail(home, lines)

    def notes(self) -> Sequence[str]:
        """What could not be looked at, and why."""
        return () if self._finder is None else self._finder.notes()

    async def read(self, key: str) -> Learned | None:
        """What earlier runs have learnt of a server."""
        return None if self._notebook is None else await self._notebook.read(key)

    async def write(self, key: str, learned: Learned) -> None:
        """Keep what is learnt of a server."""
        if self._notebook is not None:
            await self._notebook.write(key, learned)

    async def describe(self) -> Machine:
        """The machine that is measured."""
        await asyncio.to_thread(_import, _SURVEY if self._address is None else _SIMULATED)
        surveyor: Surveyor
        if self._address is None:
            from sleeptui.adapters.machine import LocalSurveyor  # noqa: PLC0415

            surveyor = LocalSurveyor()
        else:
            from sleeptui.sim.probes import SimSurveyor  # noqa: PLC0415

            surveyor = SimSurveyor(self._address)
        return await surveyor.describe()

    def _look_at_this_machine(self) -> Sequence[ServerSpec]:
        from sleeptui.adapters.homes import LocalHomes  # noqa: PLC0415
        from sleeptui.adapters.notebook import FileNotebook, state_path  # noqa: PLC0415
        from sleeptui.adapters.nvml import NvmlProbe  # noqa: PLC0415

        self._notebook = FileNotebook(state_path(), self._clock)
        self._probe, self._finder = NvmlProbe(self._clock), LocalHomes(self._clock)
        self._stack.push_async_callback(self._probe.close)
        self._stack.push_async_callback(self._finder.close)
        return self._settings.servers

    async def _simulate(self, scenario: str) -> Sequence[ServerSpec]:
        from sleeptui.adapters.notebook import MemoryNotebook  # noqa: PLC0415
        from sleeptui.sim.launch import launched_fleet  # noqa: PLC0415
        from sleeptui.sim.probes import SimGpuProbe, SimHomes  # noqa: PLC0415

        self._notebook = MemoryNotebook()
        address = await self._stack.enter_async_context(launched_fleet(scenario))
        self._address = address
        self._probe, self._finder = SimGpuProbe(address), SimHomes(address)
        self._stack.push_async_callback(self._probe.close)
        self._stack.push_async_callback(self._finder.close)
        return address.servers


class LateJournals:
    """Opens recordings; what they need is imported with the first."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is made before ``open``."""
        self._settings = settings
        self._clock = clock

    async def open(self, view: Callable[[str], ServerView | None]) -> Journal:
        """Begin a session in a new folder.

        Raises:
            JournalError: It cannot be written there, and why.
        """
        await asyncio.to_thread(_import, _RECORDER)
        from sleeptui.recorder.recorder import Recorder  # noqa: PLC0415

        return await Recorder(self._settings, self._clock).open(view)


class LateArchive:
    """The recorded sessions; what reads them is imported, in the caller's thread, when asked."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read yet."""
        self._settings = settings

    def sessions(self) -> Sequence[SessionSummary]:
        """All of them, newest first.

        Raises:
            JournalError: The folder cannot be read, and why.
        """
        return self._opened().sessions()

    def read(self, name: str) -> Session:
        """One session.

        Raises:
            JournalError: It cannot be read, and why.
        """
        return self._opened().read(name)

    def export(self, name: str, formats: Sequence[str], to: str | None = None) -> Sequence[str]:
        """Make files from a session.

        Raises:
            JournalError: It cannot be read.
            ExportError: A file cannot be written.
        """
        return self._opened().export(name, formats, to)

    def _opened(self) -> Archive:
        from sleeptui.recorder.archive import SessionArchive  # noqa: PLC0415

        return SessionArchive(self._settings.recording.folder)


def open_services(settings: Settings) -> Services:
    """The services over this machine or over the simulated fleet; an async context."""
    clock = SystemClock()
    world = World(settings, clock)
    return Services(
        settings=settings,
        clients=world,
        probe=world,
        finder=world,
        clock=clock,
        prepare=world.open,
        notebook=world,
        journals=LateJournals(settings, clock),
        surveyor=world,
        archive=LateArchive(settings),
    )


def check_recording(settings: Settings, option: str) -> None:
    """Find out before anything begins whether a session can be written.

    Args:
        settings: Of this run.
        option: Of the command line, that names another folder.

    Raises:
        ConfigError: It cannot, and why.
    """
    from sleeptui.recorder.folder import check, default_folder  # noqa: PLC0415

    folder = settings.recording.folder
    try:
        check(default_folder() if folder is None else Path(folder))
    except JournalError as error:
        raise ConfigError(error.message, hint=f"choose another with {option} DIR") from error


def run_panel(settings: Settings) -> int:
    """Run the panel to its end. Returns the exit code."""
    if settings.recording.at_start:
        check_recording(settings, "--record")
    return asyncio.run(_run(settings))


def run_replay(tape: "Tape", viewer: Settings, *, speed: float, at_s: float | None) -> int:
    """Replay a session in the panel, to its end. Returns the exit code.

    Args:
        tape: The session.
        viewer: Theme, keys and glyphs.
        speed: At first.
        at_s: Where to begin, in the time of the tape; None: at its begin.
    """
    return asyncio.run(_replay(tape, viewer, speed, at_s))


async def _run(settings: Settings) -> int:
    from sleeptui.tui.app import SleeptuiApp  # noqa: PLC0415

    _check_theme(settings)
    async with open_services(settings) as services:
        code = await _show(SleeptuiApp(services))
        if code:
            services.recordings.abort()
    return code


async def _replay(tape: "Tape", viewer: Settings, speed: float, at_s: float | None) -> int:
    from sleeptui.services.replay_panel import ReplayServices  # noqa: PLC0415
    from sleeptui.tui.replay_app import ReplayApp  # noqa: PLC0415

    _check_theme(viewer)
    clock = SystemClock()
    async with ReplayServices(tape=tape, clock=clock, viewer=viewer, speed=speed) as services:
        if at_s is not None:
            services.replay.seek(at_s)
        gc.enable()
        return await _show(ReplayApp(services))


def _check_theme(settings: Settings) -> None:
    from textual.theme import BUILTIN_THEMES  # noqa: PLC0415

    if settings.theme not in BUILTIN_THEMES:
        raise ConfigError(
            f"there is no theme “{one_line(settings.theme)}”",
            hint=f"use one of {', '.join(sorted(BUILTIN_THEMES))}",
        )


async def _show(app: "SleeptuiApp") -> int:
    """Run an app to its end, on a terminal that may be lost meanwhile."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, app.exit, None, _SIGNALLED + number)
    hung_up = _SIGNALLED + signal.SIGHUP

    def painted_anew() -> None:
        """Frames were dropped: what stands on the screen is not what was painted."""
        loop.call_soon_threadsafe(lambda: app.refresh(layout=True))

    with (
        forgiving_output(painted_anew),
        on_hangup(sys.stdin.fileno(), lambda: app.exit(None, hung_up)),
    ):
        await app.run_async()
    return app.return_code or 0


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)
