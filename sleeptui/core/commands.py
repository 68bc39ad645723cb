"""The command table: key, footer, palette, greying, help and README are made from it."""

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Headings of the help and of the key table."""

    MODEL = "Models"
    VIEW = "View"
    RECORDING = "Recording"
    SCREEN = "Screens"
    APP = "Program"
    REPLAY = "In a replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing that a user can do."""

    id: str
    """Stable name for the user's key map."""
    key: str
    """Default keys, Textual's names, comma-separated."""
    title: str
    """A word or two for the footer."""
    help: str
    """One sentence for help, palette and tooltip."""
    group: Group
    footer: bool = False
    """Shown in the footer."""
    changes: bool = False
    """Changes a server: off in --readonly."""
    live: bool = False
    """Means nothing in a replay: there its key is free for another command."""


COMMANDS: tuple[Command, ...] = (
    Command(
        id="server.sleep",
        key="s",
        title="Sleep",
        help="Put the selected models to sleep, at their level; asks when requests are in flight.",
        group=Group.MODEL,
        footer=True,
        changes=True,
    ),
    Command(
        id="server.sleep_options",
        key="S",
        title="Sleep…",
        help="Choose level and mode, and see what happens to the requests in flight.",
        group=Group.MODEL,
        changes=True,
    ),
    Command(
        id="server.wake",
        key="w",
        title="Wake",
        help="Wake the selected models, level 2 in steps, then check their answers.",
        group=Group.MODEL,
        footer=True,
        changes=True,
    ),
    Command(
        id="server.switch",
        key="x",
        title="Switch",
        help="Put others to sleep as far as needed, then wake this model and check its answers.",
        group=Group.MODEL,
        footer=True,
        changes=True,
    ),
    Command(
        id="server.prompt",
        key="t",
        title="Prompt",
        help="Send a test prompt, watch the answer stream, with its first-token time.",
        group=Group.MODEL,
        footer=True,
    ),
    Command(
        id="fleet.sleep_all",
        key="a",
        title="Sleep all",
        help="Put every awake model that is not pinned to sleep.",
        group=Group.MODEL,
        changes=True,
    ),
    Command(
        id="server.verify",
        key="v",
        title="Verify",
        help="Ask the canary now and compare the answer with that from before the sleep.",
        group=Group.MODEL,
        footer=True,
    ),
    Command(
        id="server.cancel",
        key="c",
        title="Take back",
        help="Take back what waits in the queue or drains; what was sent cannot be taken back.",
        group=Group.MODEL,
    ),
    Command(
        id="server.log",
        key="l",
        title="Log",
        help="Show the server's own log, of its container or process.",
        group=Group.MODEL,
        footer=True,
    ),
    Command(
        id="select.toggle",
        key="space",
        title="Select",
        help="Add this model to the selection, or take it out; sleep and wake act on all selected.",
        group=Group.VIEW,
    ),
    Command(
        id="view.detail",
        key="d,enter",
        title="Detail",
        help="Show or hide plots, last operations and how the state is known.",
        group=Group.VIEW,
        footer=True,
    ),
    Command(
        id="view.filter",
        key="/",
        title="Filter",
        help="Show only models whose name or state contains a text; escape ends it.",
        group=Group.VIEW,
    ),
    Command(
        id="view.sort",
        key="o",
        title="Sort",
        help="Sort by fleet order, name, state, memory or queue, in turn.",
        group=Group.VIEW,
    ),
    Command(
        id="view.pause",
        key="p",
        title="Pause",
        help="Hold the picture still; watching goes on behind it.",
        group=Group.VIEW,
        live=True,
    ),
    Command(
        id="sampling.faster",
        key="plus",
        title="Faster",
        help="Look at the servers twice as often, at most 10 times a second.",
        group=Group.VIEW,
        live=True,
    ),
    Command(
        id="sampling.slower",
        key="minus",
        title="Slower",
        help="Look at the servers half as often, at least every 10 seconds.",
        group=Group.VIEW,
        live=True,
    ),
    Command(
        id="recording.toggle",
        key="r",
        title="Record",
        help="Record all that is seen and done into a session on the disk, until r ends it.",
        group=Group.RECORDING,
        footer=True,
        live=True,
    ),
    Command(
        id="recording.mark",
        key="m",
        title="Mark",
        help="Mark this moment in the recording that runs.",
        group=Group.RECORDING,
        live=True,
    ),
    Command(
        id="screen.fleet",
        key="1",
        title="Fleet",
        help="The fleet: GPUs, models, detail.",
        group=Group.SCREEN,
    ),
    Command(
        id="screen.events",
        key="2",
        title="Events",
        help="All events since the start, in full.",
        group=Group.SCREEN,
    ),
    Command(
        id="screen.doctor",
        key="3",
        title="Doctor",
        help="Every switch, version, capability and exposure of each server, with what to do.",
        group=Group.SCREEN,
    ),
    Command(
        id="screen.sessions",
        key="4",
        title="Sessions",
        help="What was recorded: a picture of each session; replay, export, compare.",
        group=Group.SCREEN,
        live=True,
    ),
    Command(
        id="screen.benchmark",
        key="b",
        title="Benchmark",
        help="Measure sleep mode by a plan: progress, figures so far, verdicts at the end.",
        group=Group.SCREEN,
        live=True,
    ),
    Command(
        id="app.palette",
        key="colon,ctrl+p",
        title="Commands",
        help="Find any command by its name.",
        group=Group.APP,
    ),
    Command(
        id="app.help",
        key="question_mark",
        title="Help",
        help="Keys, states and words.",
        group=Group.APP,
        footer=True,
    ),
    Command(
        id="app.suspend",
        key="ctrl+z",
        title="Suspend",
        help="Stop and go back to the shell, whose fg goes on; nothing is watched meanwhile.",
        group=Group.APP,
    ),
    Command(
        id="app.quit",
        key="q,ctrl+c",
        title="Quit",
        help="Leave; asks only while an operation or a recording runs. Servers stay as they are.",
        group=Group.APP,
        footer=True,
    ),
)

REPLAY_COMMANDS: tuple[Command, ...] = (
    Command(
        id="replay.pause",
        key="p",
        title="Hold",
        help="Hold the replay, or go on; at the end, begin again.",
        group=Group.REPLAY,
        footer=True,
    ),
    Command(
        id="replay.faster",
        key="plus",
        title="Faster",
        help="Replay about twice as fast, at most 100 times.",
        group=Group.REPLAY,
        footer=True,
    ),
    Command(
        id="replay.slower",
        key="minus",
        title="Slower",
        help="Replay about half as fast, at least a quarter.",
        group=Group.REPLAY,
        footer=True,
    ),
    Command(
        id="replay.previous_operation",
        key="left",
        title="Previous",
        help="Go back to where an operation began.",
        group=Group.REPLAY,
        footer=True,
    ),
    Command(
        id="replay.next_operation",
        key="right",
        title="Next",
        help="Go on to where the next operation began.",
        group=Group.REPLAY,
        footer=True,
    ),
    Command(
        id="replay.previous_mark",
        key="left_square_bracket",
        title="Previous mark",
        help="Go back to a mark.",
        group=Group.REPLAY,
    ),
    Command(
        id="replay.next_mark",
        key="right_square_bracket",
        title="Next mark",
        help="Go on to the next mark.",
        group=Group.REPLAY,
        footer=True,
    ),
    Command(
        id="replay.begin",
        key="home",
        title="Start",
        help="Go to the start of the recording.",
        group=Group.REPLAY,
    ),
    Command(
        id="replay.end",
        key="end",
        title="End",
        help="Go to the end of the recording.",
        group=Group.REPLAY,
    ),
)
"""Commands of a replay alone; it has those of the panel too, as far as they are not ``live``."""

BY_ID = {command.id: command for command in (*COMMANDS, *REPLAY_COMMANDS)}


def commands_of(*, replay: bool) -> tuple[Command, ...]:
    """What a user of the panel, or of a replay, can do."""
    if not replay:
        return COMMANDS
    return (*REPLAY_COMMANDS, *(command for command in COMMANDS if not command.live))
