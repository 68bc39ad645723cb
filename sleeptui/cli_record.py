"""``sleeptui record``: records without a screen, for systemd, tmux or a script."""

import asyncio
import signal
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sleeptui.cli_complete import folders
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_output import ANEW, Paper, put
from sleeptui.cli_session_files import make_files
from sleeptui.cli_signals import signals
from sleeptui.config import Flags
from sleeptui.core import units
from sleeptui.core.errors import NotAllowed
from sleeptui.core.events import (
    Discovered,
    Event,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
    ServerAdded,
    StateObserved,
)
from sleeptui.core.model import IN_TRANSITION, Reach, State
from sleeptui.core.sentences import sentences
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.services import session_words
from sleeptui.wiring import check_recording, open_services

if TYPE_CHECKING:
    from sleeptui.services.panel import Services

WHOLE, NOT_WHOLE, UNREACHABLE = 0, 1, 3
EXAMPLES = """\b
Examples:
  sleeptui record                                what runs on this machine, until ctrl+c
  sleeptui record --fleet fleet.toml --to /data  a fleet, into a new folder in /data
  sleeptui record --duration 600                 ten minutes
  kill -USR1 PID                                 marks this moment in the recording
"""
_STATUS_S = 1.0
_JOURNAL = "journal.jsonl"


@click.command(epilog=EXAMPLES, short_help="Record without a screen.")
@fleet_options
@click.option(
    "--duration",
    "duration_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="End after so many seconds; else at ctrl+c, SIGTERM, SIGHUP or SIGQUIT.",
)
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    help="Make the session's folder in DIR.",
    shell_complete=folders,
)
@click.option(
    "--text",
    is_flag=True,
    default=None,
    help="Record prompts and answers in full; else their hash and counts.",
)
@click.option(
    "--no-report", is_flag=True, help="Only the journal; sleeptui report makes the rest later."
)
@click.pass_obj
def record(
    before: Flags | None,
    *,
    flags: Flags,
    duration_s: float | None,
    folder: str | None,
    text: bool | None,
    no_report: bool,
) -> int:
    """Record without a screen: what the servers do, and what others do with them.

    Changes nothing. ctrl+c, SIGTERM, SIGHUP and SIGQUIT are its ordinary end; then it makes the
    report, and prints the folder of the session.

    Exit code: 0 the journal is whole, 1 it is not, 2 it cannot be written there, 3 no server
    answered from the start to the end.
    """
    flags = replace(flags, record=folder, record_text=text)
    settings = settings_of(both(before, flags))
    is_reported = settings.recording.report and not no_report
    return run(settings, duration_s=duration_s, report=is_reported)


def run(settings: Settings, *, duration_s: float | None, report: bool) -> int:
    """Record to the end, and return the exit code.

    Args:
        settings: Of this run.
        duration_s: Until its end; None: until a signal.
        report: Make the files of the session then.
    """
    check_recording(settings, "--to")
    # No report: that is the panel's way, beside other work.
    recording = replace(settings.recording, at_start=True, report=False)
    watched = asyncio.run(
        _record(replace(settings, readonly=True, recording=recording), duration_s)
    )
    code = watched.told()
    if report and watched.path:
        make_files(settings, watched.path, watched.say)
    if watched.path:
        put(watched.path)
    return code


async def _record(settings: Settings, duration_s: float | None) -> "_Watched":
    ending = asyncio.Event()
    paper = Paper.of(sys.stderr, ascii_only=settings.ascii)
    services = open_services(settings)
    watched = _Watched(services, paper, ending)
    services.bus.subscribe(watched.heard)
    loop = asyncio.get_running_loop()
    with signals(ending.set), ExitStack() as stack:
        loop.add_signal_handler(signal.SIGUSR1, watched.mark)
        stack.callback(loop.remove_signal_handler, signal.SIGUSR1)
        async with services:
            services.begin()
            await watched.follow(duration_s)
    return watched


class _Watched:
    """What was seen, for the status line and the exit code.

    Attributes:
        path: The folder of the session; empty: there is none.
    """

    def __init__(self, services: "Services", paper: Paper, ending: asyncio.Event) -> None:
        self._services = services
        self._paper = paper
        self._ending = ending
        self._has_line = paper.width is not None
        self._states: dict[str, State] = {}
        self._changes = 0
        self._has_answered = False
        self.path = ""
        self._problem = ""
        self._began_s: float | None = None
        self._last = ""

    def heard(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case StateObserved():
                self._seen(event)
            case ServerAdded():
                url = one_line(event.spec.url)
                self.say(f"watching {one_line(event.spec.name)} at {url}")
            case Discovered() if event.done and not self._services.supervisor.specs:
                for note in event.notes:
                    self.say(one_line(note))
                if not self.path:  # the fleet did not come up, and nothing will ever be recorded
                    self._ending.set()
            case RecordingBegan():
                self.path, self._began_s = event.path, event.at_s
                self.say(f"recording to {event.path}")
            case RecordingRefused():
                self.say(sentences(event.problem, event.hint))
                self._ending.set()
            case RecordingTroubled():
                self._problem = event.problem
                self.say(event.problem or "all is written again")
            case RecordingEnded():
                self._problem = event.problem
            case _:
                pass

    def mark(self) -> None:
        """Mark this moment."""
        with suppress(NotAllowed):  # it has not begun, or is ending
            self._services.recordings.mark()
            self.say("marked")

    async def follow(self, duration_s: float | None) -> None:
        """Until the end is ordered, or its time has come; the status line counts on."""
        left_s = duration_s
        while left_s is None or left_s > 0:
            step_s = _STATUS_S if left_s is None else min(left_s, _STATUS_S)
            before_s = self._services.clock.now_s()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), step_s)
                return
            if left_s is not None and self._began_s is not None:
                left_s -= self._services.clock.now_s() - max(before_s, self._began_s)
            self._show()

    def told(self) -> int:
        """Say how it ended, and return the exit code."""
        if not self.path:
            return NOT_WHOLE
        self._last = ""
        self.say(f"recorded {self._sum()}")
        if self._problem:
            self.say(f"all is not well with the journal: {self._problem}")
            return NOT_WHOLE
        if not self._has_answered:
            self.say("no server has answered. sleeptui doctor says why")
            return UNREACHABLE
        return WHOLE

    def _seen(self, event: StateObserved) -> None:
        """A change of state is what somebody else has done: this program does nothing."""
        self._has_answered |= event.observation.reach is Reach.ANSWERED
        view = self._services.store.server(event.server)
        if view is None or view.state in IN_TRANSITION or view.state is State.UNKNOWN:
            return
        before = self._states.get(view.name)
        self._states[view.name] = view.state
        self._changes += before not in (None, view.state)

    def _sum(self) -> str:
        now_s, began_s = self._services.clock.now_s(), self._began_s
        lasted = units.clock(now_s - began_s) if began_s is not None else units.clock(0)
        servers, changes = len(self._states), self._changes
        with suppress(OSError):
            size = session_words.size((Path(self.path) / _JOURNAL).stat().st_size)
            return (
                f"{lasted}, {servers} server{'' if servers == 1 else 's'},"
                f" {changes} change{'' if changes == 1 else 's'} of state, {size}"
            )
        return lasted

    def _show(self) -> None:
        if not self._has_line or not self.path:
            return
        light, colour = ("!", "red") if self._problem else ("●", None)
        rest = self._sum() + (f", {self._problem}" if self._problem else "")
        width = (self._paper.width or 0) - len("! REC ")
        self._last = f"{self._paper.style(f'{light} REC', colour, bold=True)} {rest[:width]}"
        self._write(f"{ANEW}{self._paper.spelt(self._last)}")

    def say(self, text: str) -> None:
        """A line on standard error; the status line goes on below it."""
        clear = ANEW if self._has_line else ""
        self._write(f"{clear}sleeptui: {self._paper.spelt(text)}\n{self._last}")

    def _write(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone
            click.echo(text, err=True, nl=False)
