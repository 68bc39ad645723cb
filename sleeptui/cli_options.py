"""Options that the panel and the subcommands share: which fleet, and how it is said.

They stand before or after the name of a subcommand: what is behind it counts more, servers of
both places are watched.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from functools import wraps
from keyword import iskeyword
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from sleeptui import cli_complete
from sleeptui.config import Flags, load_settings
from sleeptui.core.errors import ConfigError
from sleeptui.core.settings import Settings
from sleeptui.sim.titles import TITLES

R = TypeVar("R")


class Scenario(click.ParamType[str]):
    """The name of a scenario, refused with the list of names."""

    name = "scenario"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, if there is such a scenario."""
        if value not in TITLES:
            self.fail(f"there is no scenario “{value}”: use one of {', '.join(TITLES)}", param, ctx)
        return value

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - as above
        incomplete: str,
    ) -> list[CompletionItem]:
        """Their names, for the shell."""
        return [
            CompletionItem(name, help=title)
            for name, title in TITLES.items()
            if name.startswith(incomplete)
        ]


LATE: Mapping[str, str] = {
    "bench": "sleeptui.cli_bench",
    "compare": "sleeptui.cli_compare",
    "completions": "sleeptui.cli_completions",
    "config": "sleeptui.cli_config",
    "down": "sleeptui.cli_up",
    "export": "sleeptui.cli_report",
    "import": "sleeptui.cli_import",
    "log": "sleeptui.cli_log",
    "prompt": "sleeptui.cli_prompt",
    "ps": "sleeptui.cli_ps",
    "record": "sleeptui.cli_record",
    "replay": "sleeptui.cli_replay",
    "report": "sleeptui.cli_report",
    "sessions": "sleeptui.cli_sessions",
    "sleep": "sleeptui.cli_act",
    "switch": "sleeptui.cli_act",
    "up": "sleeptui.cli_up",
    "verify": "sleeptui.cli_act",
    "wake": "sleeptui.cli_act",
}
"""Subcommands with a module of their own, imported when one is asked for: the panel's first frame
must not wait for them. The module has the command under its own name, ``import`` as ``import_``."""


SECTIONS: Mapping[str, tuple[str, ...]] = {
    "Watch": ("ps", "log", "doctor", "record"),
    "Act": ("sleep", "wake", "switch", "prompt", "verify", "up", "down"),
    "Measure": ("bench",),
    "Recorded sessions": ("sessions", "replay", "report", "export", "compare", "import"),
    "Set up and try": ("config", "completions", "sim"),
}
"""Subcommands as the help lists them."""


_WHOLE = 80
"""Characters of a sentence in the list of subcommands; a longer one would be cut."""
_BARE = {"--demo": "--demo=default", "--record": "--record="}
"""Options that can stand without their value."""


class Program(click.Group):
    """The group of all subcommands.

    A subcommand behind ``--demo`` is no scenario, and behind ``--record`` no folder.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, those of ``LATE`` too."""
        return sorted([*super().list_commands(ctx), *LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; its module is imported now."""
        module = LATE.get(cmd_name)
        if module is None:
            return super().get_command(ctx, cmd_name)
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands by what they are for, each with its whole sentence."""
        for section, names in SECTIONS.items():
            found = ((name, self.get_command(ctx, name)) for name in names)
            rows = [(name, one.get_short_help_str(_WHOLE)) for name, one in found if one]
            with formatter.section(section):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; ``--demo doctor`` is ``--demo=default doctor``."""
        names = self.list_commands(ctx)
        spelt = [
            _BARE[one] if one in _BARE and after in names else one
            for one, after in zip(args, [*args[1:], ""], strict=False)
        ]
        return super().parse_args(ctx, spelt)


def fleet_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command ``--fleet``, ``--server``, ``--demo`` and ``--ascii``, as one ``flags``."""

    @wraps(command)
    def taking(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        fleet: str | None,
        servers: tuple[str, ...],
        demo: str | None,
        ascii_: bool | None,
        **rest: Any,  # noqa: ANN401 - as above
    ) -> R:
        """The command, with its options as one value."""
        flags = Flags(fleet=fleet, servers=servers, demo=demo, ascii=ascii_)
        return command(*args, flags=flags, **rest)

    for option in reversed(_FLEET):
        taking = option(taking)
    return taking


_FLEET = (
    click.option(
        "--fleet",
        metavar="FILE",
        help="Configuration file; else ./sleeptui.toml, else the user's.",
        shell_complete=cli_complete.files,
    ),
    click.option(
        "--server",
        "servers",
        metavar="NAME=URL",
        multiple=True,
        help="Watch this server; repeatable.",
    ),
    click.option(
        "--demo",
        type=Scenario(),
        metavar="[SCENARIO]",
        is_flag=False,
        flag_value="default",
        help="Watch a simulated fleet, on this machine, without a GPU.",
    ),
    click.option("--ascii", "ascii_", is_flag=True, default=None, help="ASCII characters only."),
)


def both(before: Flags | None, behind: Flags) -> Flags:
    """The flags before a subcommand and those behind it as one."""
    if before is None:
        return behind
    return Flags(
        fleet=behind.fleet or before.fleet,
        servers=(*before.servers, *behind.servers),
        demo=behind.demo or before.demo,
        readonly=before.readonly if behind.readonly is None else behind.readonly,
        interval_s=before.interval_s if behind.interval_s is None else behind.interval_s,
        theme=behind.theme or before.theme,
        ascii=before.ascii if behind.ascii is None else behind.ascii,
        record=before.record if behind.record is None else behind.record,
        record_text=before.record_text if behind.record_text is None else behind.record_text,
    )


def settings_of(flags: Flags) -> Settings:
    """The settings of this run.

    Raises:
        ConfigError: Something is wrong with them, or they contradict each other.
    """
    if flags.demo is not None and (flags.servers or flags.fleet):
        raise ConfigError(
            "--demo watches a simulated fleet and takes no --server or --fleet",
            hint="leave one of them out",
        )
    return load_settings(flags, os.environ, Path.cwd())
