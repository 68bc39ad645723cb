"""``sleeptui bench``: measures sleep mode by a plan, and judges what it finds."""

import asyncio
import secrets
import sys
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING

import click

from sleeptui.cli_bench_run import Order, measure
from sleeptui.cli_complete import files, folders, plans, sessions
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_output import Paper, put
from sleeptui.cli_session_files import make_files
from sleeptui.cli_work import FAILED
from sleeptui.config import Flags
from sleeptui.config_expectations import read_expectations
from sleeptui.config_plan import BUILT_IN, read_plan
from sleeptui.core.errors import ConfigError, JournalError
from sleeptui.core.estimate import about, seconds_of
from sleeptui.core.plan import Plan
from sleeptui.core.schedule import Subject, schedule
from sleeptui.core.settings import Settings
from sleeptui.late import LateArchive
from sleeptui.services.bench.prepared import Criteria
from sleeptui.wiring import check_recording

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = """\b
Examples:
  sleeptui bench --list                         the plans that there are, and how long they take
  sleeptui bench quick --demo exp1 --yes        try it: a simulated fleet, no GPU needed
  sleeptui bench --fleet fleet.toml --dry-run   what it would do, and how long that takes
  sleeptui bench standard --fleet fleet.toml    enough for a verdict on every question
  sleeptui bench my.toml --baseline last        a plan of your own; not slower than the last one?
  sleeptui bench --json --yes | jq '.verdicts[] | select(.word == "FAIL")'
"""
_SEEDS = 1 << 32
_OF_TWO = (Subject(name="a", partners=("b",)), Subject(name="b", partners=("a",)))
"""A fleet as ``--list`` imagines it: two models on one GPU."""


@click.command(epilog=EXAMPLES, short_help="Measure sleep mode by a plan.")
@click.argument(
    "plan", default="standard", metavar="[quick|standard|careful|FILE]", shell_complete=plans
)
@fleet_options
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    help="Make the session's folder in DIR.",
    shell_complete=folders,
)
@click.option(
    "--expectations",
    metavar="FILE",
    help="Judge by the expectations of a TOML file; else by those that come with it.",
    shell_complete=files,
)
@click.option(
    "--baseline",
    metavar="SESSION",
    help="Also judge whether it is slower than an earlier benchmark.",
    shell_complete=sessions,
)
@click.option(
    "--seed",
    type=click.IntRange(0, _SEEDS - 1),
    metavar="N",
    help="Of the order of the steps; else it is drawn. It is recorded.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would do, and touch nothing.")
@click.option("--yes", "is_agreed", is_flag=True, help="Begin without asking.")
@click.option("--json", "is_json", is_flag=True, help="The verdicts as one JSON document.")
@click.option(
    "--no-report", is_flag=True, help="Only the journal; sleeptui report makes the rest later."
)
@click.option("--list", "is_list", is_flag=True, help="List the plans that come with it.")
@click.option("--announce", "is_announced", is_flag=True, hidden=True)
@click.pass_obj
def bench(
    before: Flags | None,
    *,
    plan: str,
    flags: Flags,
    folder: str | None,
    expectations: str | None,
    baseline: str | None,
    seed: int | None,
    dry_run: bool,
    is_agreed: bool,
    is_json: bool,
    no_report: bool,
    is_list: bool,
    is_announced: bool,
) -> int:
    """Measure sleep mode: wakes against cold starts, memory, requests in flight, stability.

    Restarts servers that have a runtime, puts all of them to sleep and wakes them, many times;
    says so first, and asks. Every server ends as it was found: ctrl+c restores them and leaves a
    valid partial result, a second ctrl+c does not wait for that.

    Exit code: 0 nothing failed, 1 a verdict is FAIL or INVALID, a server is not as it was found, or
    a file could not be made, 2 usage or plan, 3 no server answers, 130 ended by ctrl+c.
    INCONCLUSIVE is no failure: it says what is missing.
    """
    if is_list:
        put("\n".join(_listed()))
        return 0
    wanted = read_plan(plan)
    settings = settings_of(both(before, replace(flags, record=folder)))
    if not (dry_run or is_agreed or _can_ask()):
        raise ConfigError(
            "a benchmark restarts servers, and nobody can be asked here",
            hint="use --yes, or --dry-run to see what it would do",
        )
    drawn = seed if seed is not None else wanted.seed
    drawn = secrets.randbelow(_SEEDS) if drawn is None else drawn
    wanted = replace(wanted, seed=drawn)
    order = Order(
        plan=wanted,
        seed=drawn,
        criteria=_criteria(settings, expectations, baseline),
        is_dry=dry_run,
        is_agreed=is_agreed,
        is_announced=is_announced,
    )
    return _run(_prepared(settings, wanted, drawn), order, is_json=is_json, report=not no_report)


def _run(settings: Settings, order: Order, *, is_json: bool, report: bool) -> int:
    """Measure, print the result, and return the exit code."""
    if not order.is_dry:
        check_recording(settings, "--to")
    done = asyncio.run(measure(settings, order))
    if (
        done.path
        and report
        and settings.recording.report
        and not make_files(settings, done.path, done.say)
    ):
        done.code = done.code or FAILED
    paper = Paper.of(sys.stdout, ascii_only=settings.ascii)
    text = done.as_json() if is_json else "\n".join(done.lines(paper))
    if text:
        put(text)
    return done.code


def _criteria(settings: Settings, expectations: str | None, baseline: str | None) -> Criteria:
    """What the measurements are held against; read before anything is touched."""
    expected = read_expectations(expectations)
    try:
        before = None if baseline is None else LateArchive(settings).read(baseline)
    except JournalError as error:  # exit code 1 is that of verdicts
        raise ConfigError(f"--baseline: {error.message}", hint=error.hint) from error
    return Criteria(
        expectations=expected.lines,
        text=expected.text,
        baseline=before,
        baseline_name="" if before is None else before.run_id,
    )


def _prepared(settings: Settings, plan: Plan, seed: int) -> Settings:
    """The settings of this run: its header says of which benchmark it is."""
    # No report by the services: this program makes it, when all has ended.
    recording = replace(settings.recording, at_start=False)
    told = {"name": plan.name, **dict(_flat("", plan))}
    return replace(settings, recording=recording, plan=told, seed=seed)


def _flat(prefix: str, value: object) -> "Iterator[tuple[str, float | int | str | bool | None]]":
    """Fields by dotted name; lists as text."""
    if not is_dataclass(value):
        return
    for field in fields(value):
        found, name = getattr(value, field.name), f"{prefix}{field.name}"
        if is_dataclass(found):
            yield from _flat(f"{name}.", found)
        elif isinstance(found, tuple):
            yield name, ", ".join(str(one) for one in found)
        elif name != "text":
            yield name, found


def _listed() -> "Iterator[str]":
    """Name, what it does and about how long it takes, of each plan."""
    for name in BUILT_IN:
        plan = read_plan(name)
        steps = schedule(plan, _OF_TWO, seed=0)
        seconds = sum(seconds_of(step, plan, {}) for step in steps)
        yield f"{name:<10}{plan.title}; {about(seconds)} for two models of some GiB"


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
