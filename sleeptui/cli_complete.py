"""What the shell offers behind the cursor: names of servers, sessions and plans, files.

Nothing is looked at but files: a completion must be quick, and what is wrong with a
configuration is said by the command, not here.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from click import Context, Parameter
from click.shell_completion import CompletionItem

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.settings import Settings

_JOURNAL = "journal.jsonl"


def files(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, as the shell itself completes them."""
    return [CompletionItem(incomplete, type="file")]


def folders(_context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders, as the shell itself completes them."""
    return [CompletionItem(incomplete, type="dir")]


def servers(context: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """The servers of the configuration, of the demo, and of ``--server``; each once."""
    taken = set(_names(context, "names"))
    known = _demo(context) or [spec.name for spec in _settings(context).servers]
    return _items((name for name in known if name not in taken), incomplete)


def sessions(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """``last``, and the recorded sessions, newest first; a path where one is begun."""
    if "/" in incomplete:
        return folders(context, parameter, incomplete)
    from sleeptui.recorder.folder import LAST, default_folder

    folder = Path(_settings(context).recording.folder or default_folder())
    return _items([LAST, *sorted(_sessions_in(folder), reverse=True)], incomplete)


def plans(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """The plans that come with it, and files."""
    from sleeptui.config_plan import BUILT_IN

    found = _items(BUILT_IN, incomplete)
    return found or files(context, parameter, incomplete)


def _items(values: "Sequence[str] | Iterator[str]", incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


def _settings(context: Context) -> Settings:
    """The settings that the line so far asks for; the defaults where something is wrong."""
    from sleeptui.config import Flags, load_settings

    fleet = next(iter(_names(context, "fleet")), None)
    flags = Flags(fleet=fleet, servers=tuple(_names(context, "servers")))
    try:
        return load_settings(flags, os.environ, Path.cwd())
    except (SleeptuiError, OSError):
        return Settings()


def _demo(context: Context) -> list[str]:
    """The servers of the scenario that the line so far asks for."""
    from sleeptui.sim.scenario import SCENARIOS

    name = next(iter(_names(context, "demo")), None)
    scenario = SCENARIOS.get(name) if name else None
    return list(scenario.server_names) if scenario is not None else []


def _names(context: Context, parameter: str) -> list[str]:
    """What was given for a parameter, before or behind the name of the subcommand."""
    found: list[str] = []
    at: Context | None = context
    while at is not None:
        given = at.params.get(parameter)
        found += [given] if isinstance(given, str) else (given or ())
        at = at.parent
    return found


def _sessions_in(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir() if (one / _JOURNAL).is_file()]
    except OSError:
        return []
