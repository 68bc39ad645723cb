"""The composition root: puts the services and the panel together, runs them to their end."""

import asyncio
import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.ending import HUNG_UP, Ending, ending
from sleeptui.adapters.hangup import on_hangup
from sleeptui.adapters.lender import on_end_of
from sleeptui.adapters.output import forgiving_output
from sleeptui.core.errors import ConfigError, JournalError, NotAllowed
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.late import LateArchive, LateJournals, LateReporter
from sleeptui.late_benches import LateBenches
from sleeptui.services.panel import Services
from sleeptui.services.recording import Recorded
from sleeptui.world import World

if TYPE_CHECKING:
    from sleeptui.core.tape import Tape
    from sleeptui.tui.app import SleeptuiApp


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelEnd:
    """How a run of the panel has ended."""

    code: int
    unreported: str = ""
    """The folder of a session whose report is wanted and was not made; empty: there is none."""


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
        reporter=LateReporter(),
        archive=LateArchive(settings),
        runtimes=world,
        weights=world,
        benches=LateBenches(settings, clock, world.announced),
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


def run_panel(settings: Settings, said: Callable[[str], None]) -> PanelEnd:
    """Run the panel to its end.

    Args:
        settings: Of this run.
        said: Told what remains to be said when the terminal is as before.
    """
    if settings.recording.at_start:
        check_recording(settings, "--record")
    return asyncio.run(_run(settings, said))


def run_replay(
    tape: "Tape", viewer: Settings, *, speed: float, at_s: float | None, lender: int | None
) -> int:
    """Replay a session in the panel, to its end. Returns the exit code.

    Args:
        tape: The session.
        viewer: Theme, keys and glyphs.
        speed: At first.
        at_s: Where to begin, in the time of the tape; None: at its begin.
        lender: The panel that has lent its terminal: a replay ends with it; None: there is none.
    """
    return asyncio.run(_replay(tape, viewer, speed, at_s, lender))


async def _run(settings: Settings, said: Callable[[str], None]) -> PanelEnd:
    services = open_services(settings)

    def mark() -> None:
        """Mark this moment, as ``m`` does."""
        with suppress(NotAllowed):  # nothing is recorded
            services.recordings.mark()

    with ending(mark) as end:
        from sleeptui.tui.app import SleeptuiApp  # noqa: PLC0415

        check_theme(settings)
        async with services:
            code = await _show(SleeptuiApp(services), end)
            if code:
                services.recordings.abort()
    last = services.recordings.last
    if last is None:
        return PanelEnd(code=code)
    is_due = not last.has_report and settings.recording.report and not code
    said(_recorded(last, is_reported=last.has_report or is_due))
    return PanelEnd(code=code, unreported=last.path if is_due else "")


def _recorded(last: Recorded, *, is_reported: bool) -> str:
    """Where a recording is, and what is left to the user."""
    whole = f", not whole: {last.problem}" if last.problem else ""
    report = "" if is_reported else f". sleeptui report {last.path} makes its report"
    return f"recorded to {last.path}{whole}{report}"


async def _replay(
    tape: "Tape", viewer: Settings, speed: float, at_s: float | None, lender: int | None
) -> int:
    with ending() as end:
        from sleeptui.services.replay_panel import ReplayServices  # noqa: PLC0415
        from sleeptui.tui.replay_app import ReplayApp  # noqa: PLC0415

        check_theme(viewer)
        clock = SystemClock()
        async with ReplayServices(tape=tape, clock=clock, viewer=viewer, speed=speed) as services:
            if at_s is not None:
                services.replay.seek(at_s)
            gc.enable()
            with on_end_of(lender, lambda: end.order(HUNG_UP)):
                return await _show(ReplayApp(services), end)


def check_theme(settings: Settings) -> None:
    """Find out whether there is the theme that is asked for.

    Raises:
        ConfigError: There is none of that name.
    """
    from textual.theme import BUILTIN_THEMES  # noqa: PLC0415

    if settings.theme not in BUILTIN_THEMES:
        raise ConfigError(
            f"there is no theme “{one_line(settings.theme)}”",
            hint=f"use one of {', '.join(sorted(BUILTIN_THEMES))}",
        )


async def _show(app: "SleeptuiApp", end: Ending) -> int:
    """Run an app to its end, on a terminal that may be lost meanwhile."""
    loop = asyncio.get_running_loop()

    def painted_anew() -> None:
        """Frames were dropped: what stands on the screen is not what was painted."""
        loop.call_soon_threadsafe(lambda: app.refresh(layout=True))

    with (
        end.ends(lambda code: app.exit(None, code)),
        forgiving_output(painted_anew),
        on_hangup(sys.stdin.fileno(), lambda: end.order(HUNG_UP)),
    ):
        await app.run_async()
    return app.return_code or 0
