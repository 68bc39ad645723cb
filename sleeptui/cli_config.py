"""``sleeptui config``: which configuration is used, what it says, a new one, is it well."""

import asyncio
import os
import sys
from pathlib import Path

import click

from sleeptui.cli_complete import files
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_output import Paper, passing, put
from sleeptui.config import FILE_NAME, Flags, find_file, load_settings, places
from sleeptui.config_expectations import read_expectations
from sleeptui.config_plan import read_plan
from sleeptui.config_show import Origins, shown
from sleeptui.config_toml import file_of, path_of, tables_of, text_of
from sleeptui.config_write import new_file
from sleeptui.core.errors import ConfigError, ExportError
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.core.text import one_line
from sleeptui.services.doctor_finding import names as listed
from sleeptui.services.doctor_survey import Survey
from sleeptui.wiring import check_theme, open_services

PATH_EXAMPLES = """\b
Examples:
  sleeptui config path                 the file that is used, and where it was looked for
  $EDITOR "$(sleeptui config path)"    change it
"""
SHOW_EXAMPLES = """\b
Examples:
  sleeptui config show                            all settings, each with where it comes from
  SLEEPTUI_INTERVAL=2 sleeptui config show        what a variable changes
  sleeptui --theme nord config show | grep theme  what an option changes
"""
INIT_EXAMPLES = """\b
Examples:
  sleeptui config init                 ./sleeptui.toml, with every key explained
  sleeptui config init --from-found    and with the servers that run on this machine
  sleeptui config init ~/.config/sleeptui/config.toml --force
"""
CHECK_EXAMPLES = """\b
Examples:
  sleeptui config check                the configuration as it would be used now
  sleeptui config check fleet.toml     a file
  sleeptui config check plan.toml && sleeptui bench plan.toml
"""
_LOOK_S = 15.0


@click.group(
    no_args_is_help=False,  # it would be said as a mistake is; one sentence is enough
    short_help="Say which configuration is used; check it, write a new one.",
    epilog="""\b
Examples:
  sleeptui config init --from-found    begin: a file with the servers that run here
  sleeptui config check                is it well?
  sleeptui config show                 what is in force, and why
""",
)
def config() -> None:
    """Say which configuration is used and what it says, write a new one, check one.

    Defaults < file < environment (SLEEPTUI_…) < options. No server is touched.

    Exit code: 0 done, 1 it cannot be written, 2 something is wrong with the configuration.
    """


@config.command(epilog=PATH_EXAMPLES, short_help="Say which file is used.")
@fleet_options
@click.pass_obj
def path(before: Flags | None, *, flags: Flags) -> int:
    """Print the file that is used, and tell on standard error where it is looked for.

    Exit code: 0 there is one, or none is needed; 2 one was named and is not there.
    """
    flags = both(before, flags)
    found = find_file(flags, os.environ, Path.cwd())
    for place in places(flags, os.environ, Path.cwd()):
        mark = "used" if _is_same(found, place.path) else "not there"
        if found is not None and not _is_same(found, place.path) and file_of(str(place.path)):
            mark = "not used, the one before it is"
        _talk(f"{place.path} ({place.why}): {mark}")
    if found is None:
        _talk("there is none: the defaults are used. sleeptui config init writes one")
    else:
        put(str(found))
    return 0


@config.command(epilog=SHOW_EXAMPLES, short_help="Print what is in force, and why.")
@fleet_options
@click.pass_obj
def show(before: Flags | None, *, flags: Flags) -> int:
    """Print the settings that are in force as TOML, each with where it comes from.

    The default, the line of the file, the variable, or the option. Keys and passwords in what
    starts a server are printed as ***.

    Exit code: 0 printed, 2 something is wrong with the configuration.
    """
    flags = both(before, flags)
    settings = settings_of(flags)
    found = find_file(flags, os.environ, Path.cwd())
    text = "" if found is None else text_of(found)
    origins = Origins(
        settings=settings,
        flags=flags,
        environment=os.environ,
        path=str(found or ""),
        text=text,
        tree=tables_of(text, str(found)),
    )
    paper = Paper.of(sys.stdout, ascii_only=settings.ascii)
    put("\n".join(paper.spelt(line) for line in shown(origins)))
    return 0


@config.command(epilog=INIT_EXAMPLES, short_help="Write a file with every key.")
@click.argument("file", default=FILE_NAME, metavar="[FILE]", shell_complete=files)
@fleet_options
@click.option("--from-found", is_flag=True, help="With the servers that are found, or watched.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def init(before: Flags | None, *, file: str, flags: Flags, from_found: bool, force: bool) -> int:
    """Write a configuration in which every key stands with its default and meaning.

    FILE: ./sleeptui.toml where it is left out. It is readable by you alone. Prints its path.

    Exit code: 0 written, 1 it cannot be, 2 it is there already, or usage.
    """
    target = path_of(file, "FILE")
    if os.path.lexists(target) and not force:
        raise ConfigError(f"{target} is there already", hint="--force replaces it")
    servers: tuple[ServerSpec, ...] = ()
    if from_found:
        servers = asyncio.run(_found(settings_of(both(before, flags))))
        if not servers:
            _talk("no server is found: the file has one as an example")
    _write(target, new_file(servers))
    put(str(target))
    return 0


@config.command(epilog=CHECK_EXAMPLES, short_help="Say whether a file is well.")
@click.argument("file", required=False, metavar="[FILE]", shell_complete=files)
@fleet_options
@click.pass_obj
def check(before: Flags | None, *, file: str | None, flags: Flags) -> int:
    """Say that a configuration is well, or the one thing that is wrong with it.

    Without FILE: what would be used now, with the environment and the options. FILE may also be
    a plan for bench, or a file of expectations: what it is is told by its keys.

    Exit code: 0 it is well, 2 it is not.
    """
    if file is not None:
        put(_checked(file))
        return 0
    settings = settings_of(both(before, flags))
    check_theme(settings)
    where = "no file, the defaults" if settings.source == "defaults" else settings.source
    put(f"ok: {where}, {_watched(settings)}")
    _tell_keys(settings)
    return 0


def _checked(name: str) -> str:
    """What a file is, if all is well with it.

    Raises:
        ConfigError: It is not there, or something in it is wrong.
    """
    found = file_of(name)
    if found is None:
        raise ConfigError(f"{one_line(name)}: there is no such file", hint="check its path")
    tree = tables_of(text_of(found), str(found))
    if "expect" in tree:
        expected = read_expectations(str(found))
        return f"ok: {found}, {_counted(len(expected.lines), 'expectation')}"
    if "version" in tree:
        plan = read_plan(str(found))
        return f"ok: {found}, a plan: {one_line(plan.title)}"
    settings = load_settings(Flags(fleet=str(found)), {}, Path.cwd())
    check_theme(settings)
    _tell_keys(settings)
    return f"ok: {found}, {_watched(settings)}"


def _watched(settings: Settings) -> str:
    if not settings.servers:
        return "no server: what is found is watched"
    names = listed([one_line(server.name) for server in settings.servers])
    return f"{_counted(len(settings.servers), 'server')}: {names}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _tell_keys(settings: Settings) -> None:
    """Say which variables with a key are not set: the file is well all the same."""
    for server in settings.servers:
        if server.api_key_env is not None and not os.environ.get(server.api_key_env):
            _talk(f"{one_line(server.name)}: the variable {server.api_key_env} is not set here")


async def _found(settings: Settings) -> tuple[ServerSpec, ...]:
    """The servers that would be watched."""
    async with open_services(settings) as services:
        survey = Survey(services)
        await survey.take(_LOOK_S, lambda missing: passing(f"looking at {listed(missing)}"))
        passing()
        return services.supervisor.specs


def _write(target: Path, text: str) -> None:
    """Write it whole or not at all, readable by its owner alone.

    Raises:
        ExportError: It cannot be written.
    """
    beside = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(text)
        beside.replace(target)
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written: {error.strerror or error}", hint="name another file"
        ) from error


def _is_same(found: Path | None, place: Path) -> bool:
    return found is not None and found == file_of(str(place))


def _talk(text: str) -> None:
    click.echo(f"sleeptui: {text}", err=True)
