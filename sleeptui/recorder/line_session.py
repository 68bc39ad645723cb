"""Lines of the session itself: its header, what it depends on, its end."""

from typing import ClassVar

from msgspec import Struct, field

from sleeptui.core.environment import Machine
from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import ServerFacts
from sleeptui.recorder.line import Line

SCHEMA = "sleeptui.journal"
VERSION = 1
"""Raised when a field changes its meaning or goes; new kinds and new fields do not raise it."""


class Target(Struct, omit_defaults=True, kw_only=True):
    """A server as it is configured; its URL without user, password and query."""

    name: str
    url: str
    gpus: tuple[int, ...] | None = None
    container: str | None = None
    compose: str | None = None
    level: int = 1
    pinned: bool = False
    canary: bool = True
    canary_max_tokens: int = 16


class Header(Line, tag="header", omit_defaults=False, kw_only=True):
    """The first line; schema and version are always written."""

    SYNCED: ClassVar[bool] = True

    schema: str = SCHEMA
    v: int = VERSION
    run_id: str
    """Name of the session's folder."""
    wall_ns: int
    """Wall clock at ``t``, since the epoch, UTC."""
    boot_id: str = ""
    """Monotonic times are comparable within one boot only."""
    tool: str
    """``sleeptui 0.3.0``."""
    python: str = ""
    source: str | None = None
    """Where an imported session comes from: ``vllm bench serve``; None: recorded by sleeptui."""
    demo: str | None = None
    """The scenario, where the fleet is simulated: such a session is no measurement."""
    text: bool = False
    """Prompts and answers are recorded in full; else their hash and counts."""
    settings: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    """Intervals, thresholds and time-outs, by dotted name."""
    targets: tuple[Target, ...] = ()
    plan: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    """Of a benchmark."""
    seed: int | None = None


class Clock(Line, tag="clock", kw_only=True):
    """The two clocks at one moment, each minute: a jump between two of them is an anomaly."""

    wall_ns: int


class Env(Line, tag="env", kw_only=True):
    """The machine, as soon as it is known; ``env_id`` is its hash."""

    SYNCED: ClassVar[bool] = True

    env_id: str
    machine: Machine


class Server(Line, tag="server", kw_only=True):
    """A server is watched from now on; ``gone``: no longer."""

    s: str
    target: Target | None = None
    gone: bool = False


class Facts(Line, tag="facts", kw_only=True):
    """What changes only with a restart of a server was read."""

    SYNCED: ClassVar[bool] = True

    s: str
    facts: ServerFacts


class HomeLine(Line, tag="home", kw_only=True):
    """The container or the processes of a server were found, or changed; None: lost."""

    s: str
    home: Home | None


class Recalled(Line, tag="learned", kw_only=True):
    """What earlier runs knew of a server, without the reference."""

    s: str
    learned: Learned


class Note(Line, tag="note", kw_only=True):
    """A line of the event log that is none of the others."""

    s: str | None = None
    severity: str
    text: str


class Found(Line, tag="found", kw_only=True):
    """Discovery has looked around."""

    notes: tuple[str, ...] = ()
    done: bool = True


class Mark(Line, tag="mark", kw_only=True):
    """A moment that the user has marked."""

    SYNCED: ClassVar[bool] = True

    text: str


class Anomaly(Line, tag="anomaly", kw_only=True):
    """Something that a reader of the figures must know."""

    code: str
    """clock_jump, stood_still, dropped, disk_full, late_line, unwritable"""
    detail: str


class Series(Line, tag="series", kw_only=True):
    """Values of an imported file, in its own order: never merged with ours."""

    name: str
    """ttft, tpot, itl, e2el, cold_startup_time …"""
    run: str = ""
    """Which run of the file, where it has several: its label, or its rate."""
    unit: str
    values: tuple[float | None, ...] = ()
    stats: dict[str, float | None] = field(default_factory=dict)
    """What the file itself says of them: mean, median, p99 …"""
    note: str = ""


class End(Line, tag="end", kw_only=True):
    """The last line."""

    SYNCED: ClassVar[bool] = True

    lines: int
    """Before this one."""
    sha256: str
    """Of all bytes before this line."""
    aborted: bool = False
    """A signal or an error ended the recording."""
    counts: dict[str, int] = field(default_factory=dict)
    """Lines before this one, by kind."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Samples that were not written, by kind."""
