"""The command line: parse, load settings, run, say how it ended.

Exit codes: 0 done, 1 it failed, 2 usage or configuration, 3 unreachable, 4 timed out, 5 wrong
answers, 130 interrupted.
stdout is data, stderr is talk. Imports stand inside the functions: the first frame must be early.
"""

import errno
import gc
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from sleeptui import __version__
from sleeptui.cli_options import Program, Scenario, both, fleet_options, settings_of
from sleeptui.cli_output import need_terminal, open_closed_streams, settle_streams
from sleeptui.config import Flags
from sleeptui.core.errors import ConfigError, SleeptuiError
from sleeptui.core.sentences import sentences
from sleeptui.core.text import clean

log = logging.getLogger(__name__)

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
EXAMPLES = """\b
Examples:
  sleeptui                                 look around and watch what is found
  sleeptui --server a=http://HOST:8001     watch one server
  sleeptui --fleet fleet.toml --readonly   watch a fleet, change nothing
  sleeptui --demo                          try it: a simulated fleet, no GPU needed
  sleeptui --demo two-gpus                 two GPUs, eight models
  sleeptui --record --fleet fleet.toml     record all that is seen and done
  sleeptui ps --watch                      the fleet as a table, without the panel
  sleeptui doctor --fleet fleet.toml       what is wrong, and what to do
  sleeptui switch code                     make room for one of them, and wake it
  sleeptui sleep --all --timeout 60        put all to sleep, without the panel
  sleeptui prompt code "Write a haiku"     its answer to standard output
  sleeptui up --fleet fleet.toml           start its servers, one after the other
  sleeptui bench quick --fleet fleet.toml  measure sleep mode, and judge it
  sleeptui record --duration 600           record ten minutes without a screen
  sleeptui sessions                        what was recorded
  sleeptui report last                     the newest session as a page with charts
  sleeptui replay last                     the newest session in the panel again
  sleeptui config init --from-found        begin a configuration
  sleeptui sim                             the simulated fleet alone, as HTTP servers
"""
SIM_EXAMPLES = """\b
Examples:
  sleeptui sim                     three models on one GPU
  sleeptui sim faults --speed 10   one server for each thing that goes wrong, ten times as fast
  sleeptui sim exp1 --server code --port 8102 --bank bank
"""
DOCTOR_EXAMPLES = """\b
Examples:
  sleeptui doctor                              what runs on this machine
  sleeptui doctor --server a=http://box:8001   one server
  sleeptui doctor --demo faults                a simulated fleet with everything that goes wrong
  sleeptui doctor --json | jq '.findings[] | select(.status == "bad")'
"""


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXAMPLES,
)
@fleet_options
@click.option(
    "--readonly",
    is_flag=True,
    default=None,
    help="Watch only: nothing can be put to sleep or woken.",
)
@click.option(
    "--interval",
    "interval_s",
    type=float,
    metavar="S",
    help="Seconds between two looks, 0.1 to 10.",
)
@click.option("--theme", metavar="NAME", help="Colour theme; the command palette shows them all.")
@click.option(
    "--record",
    metavar="[DIR]",
    is_flag=False,
    flag_value="",
    help="Record from the start, into a new folder in DIR; r records later.",
)
@click.option(
    "--record-text",
    is_flag=True,
    default=None,
    help="Record prompts and answers in full; else their hash and counts.",
)
@click.version_option(
    __version__, "-V", "--version", prog_name="sleeptui", message="%(prog)s %(version)s"
)
@click.pass_context
def cli(
    context: click.Context,
    *,
    flags: Flags,
    readonly: bool | None,
    interval_s: float | None,
    theme: str | None,
    record: str | None,
    record_text: bool | None,
) -> int:
    """A control panel for vLLM sleep mode.

    Shows each model's sleep state, GPU memory and queue; puts models to sleep, wakes and
    switches them; says what is true and how it is known. Without a COMMAND the panel opens.

    Exit code: 0 left, 1 it failed, 2 usage or configuration, 128 and its number where a signal
    ended it. Each COMMAND has its own: sleeptui COMMAND --help.
    """
    flags = replace(
        flags,
        readonly=readonly,
        interval_s=interval_s,
        theme=theme,
        record=record,
        record_text=record_text,
    )
    if context.invoked_subcommand is not None:
        context.obj = flags
        return DONE
    settings = settings_of(flags)
    need_terminal()
    # Importing Textual sets off the collector over and over, a tenth of the time to the first
    # frame; the wiring switches it on again when the panel stands.
    gc.disable()
    from sleeptui.wiring import run_panel

    ended = run_panel(settings, _talk)
    if ended.unreported:
        from sleeptui.cli_session_files import make_files

        make_files(settings, ended.unreported, _talk)
    return ended.code


@cli.command(
    short_help="Run the simulated fleet, or one server of it.",
    epilog=SIM_EXAMPLES,
)
@click.argument("scenario", type=Scenario(), required=False)
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    show_default=True,
    help="How many times faster than real.",
)
@click.option(
    "--until-eof", is_flag=True, help="End when standard input ends: for a parent process."
)
@click.option("--server", metavar="NAME", help="One server of the scenario alone, as a process.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where it listens, on loopback.")
@click.option("--bank", metavar="DIR", type=Path, help="Memory of the GPUs that it shares.")
@click.option("--weights", metavar="FILE", type=Path, help="Weights that its start really reads.")
@click.option("--fault", "faults", metavar="JSON", multiple=True, help="A fault; repeatable.")
@click.option("--seed", metavar="TEXT", help="Of its pace and of what it draws.")
def sim(
    scenario: str | None,
    *,
    speed: float,
    until_eof: bool,
    server: str | None,
    port: int | None,
    bank: Path | None,
    weights: Path | None,
    faults: tuple[str, ...],
    seed: str | None,
) -> int:
    """Run the simulated fleet as real HTTP servers on loopback, or one server of it alone.

    Prints one JSON line with the addresses when all answer; runs until ctrl+c. Alone, with
    --server, it starts, logs and ends as vLLM does; servers with the same --bank share GPUs. Its
    requests are as fast as real ones at any speed.

    Exit code: 0 ended by ctrl+c or a signal, 1 it could not begin, 2 usage.
    """
    from sleeptui.sim.__main__ import run, run_server

    if server is None:
        if port or bank or weights or faults or seed:
            raise click.UsageError("--port, --bank, --weights, --fault and --seed need --server")
        return run(scenario or "default", speed=speed, until_eof=until_eof)
    if port is None or bank is None:
        raise click.UsageError("--server needs --port and --bank")
    return run_server(
        server,
        port=port,
        bank=bank,
        scenario=scenario,
        speed=speed,
        weights=weights,
        faults=faults,
        seed=seed,
    )


@cli.command(epilog=DOCTOR_EXAMPLES)
@fleet_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(0.1, 3600),
    default=15.0,
    show_default=True,
    metavar="S",
    help="Seconds after which it says what it has seen.",
)
@click.pass_obj
def doctor(before: Flags | None, *, flags: Flags, as_json: bool, limit_s: float) -> int:
    """Examine every server and this machine, and say what to do.

    Exit code: 0 nothing is bad, 1 something is, 2 usage or configuration, 3 a server is
    unreachable, 4 not everything could be looked at in time.
    """
    from sleeptui.cli_doctor import run

    return run(settings_of(both(before, flags)), json=as_json, limit_s=limit_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """The ``sleeptui`` command. Never shows a traceback: those go to the log file."""
    code = _run(arguments)
    settle_streams()
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    open_closed_streams()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # quiet until here (__main__)
    try:
        result = cli.main(args=arguments, prog_name="sleeptui", standalone_mode=False)
    except click.ClickException as error:
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        )
        _complain(error.format_message(), f"see {command or 'sleeptui'} --help")
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ConfigError as error:
        _complain(error.message, error.hint)
        return USAGE
    except SleeptuiError as error:
        _complain(error.message, error.hint)
        return FAILED
    except BrokenPipeError:
        return FAILED  # the reader of our output has gone; nothing can be said to it
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return _bug(error)
        _complain(
            "no space is left on the device that is written to", "make room, or write elsewhere"
        )
        return FAILED
    except Exception as error:  # noqa: BLE001 - the one border: a bug must not be a traceback
        return _bug(error)
    return result if isinstance(result, int) else DONE


def _bug(error: BaseException) -> int:
    from sleeptui.logs import set_up

    path = set_up()
    log.critical("unexpected", exc_info=error)
    where = f"the details are in {path}" if path else "its log could not be written"
    _complain(f"a bug in sleeptui: {type(error).__name__}: {error}", f"please report it; {where}")
    return FAILED


def _talk(text: str) -> None:
    """Say it on standard error, if that still is somewhere."""
    with suppress(OSError):
        click.echo(f"sleeptui: {text}", err=True)


def _complain(message: str, hint: str) -> None:
    with suppress(OSError):  # nobody can be told
        click.echo(clean(f"sleeptui: {sentences(message, hint)}", lines=True), err=True)
