"""The command table as Textual key bindings, as rows of the help, and as the README's key table."""

from collections.abc import Mapping, Sequence
from typing import Final

from textual.binding import Binding
from textual.keys import format_key

from sleeptui.core.commands import (
    COMMANDS,
    REPLAY_COMMANDS,
    Command,
    Group,
    commands_of,
)

_ACTION: Final = "command"
_NO_OVERRIDES: Final[Mapping[str, str]] = {}


def bindings(*, replay: bool = False) -> list[Binding]:
    """One binding a command, in the order of the table, for the app.

    The user's keys are laid over them by Textual, by id. No ``Binding.Group``: the footer would
    fold the keys of a group into one label and hide what each of them does. The footer of a
    replay leaves out what commands a model: nothing can be asked of it.
    """
    return [
        Binding(
            command.key,
            f"{_ACTION}('{command.id}')",
            command.title,
            show=command.footer and not (replay and command.group is Group.MODEL),
            tooltip=command.help,
            id=command.id,
            # Lists and tables have arrows for themselves.
            priority=command.group is Group.REPLAY,
        )
        for command in commands_of(replay=replay)
    ]


def command_of(action: str) -> str | None:
    """The command id of a binding's action; None for the actions of widgets."""
    name, _, rest = action.partition("(")
    return rest.rstrip(")").strip("'\"") if name == _ACTION else None


def keys_of(command: Command, overrides: Mapping[str, str] = _NO_OVERRIDES) -> tuple[str, ...]:
    """The keys of a command as they are printed: ``?``, ``ctrl+p``."""
    keys = overrides.get(command.id) or command.key
    return tuple(_printed(key.strip()) for key in keys.split(","))


def rows(
    overrides: Mapping[str, str] = _NO_OVERRIDES, commands: Sequence[Command] = COMMANDS
) -> list[tuple[Group, list[tuple[str, Command]]]]:
    """Groups in the order of the table, each with its keys (joined by a space) and commands."""
    found: dict[Group, list[tuple[str, Command]]] = {}
    for command in commands:
        keys = " ".join(keys_of(command, overrides))
        found.setdefault(command.group, []).append((keys, command))
    return list(found.items())


def key_table_markdown() -> str:
    """The key table of the README: every command with its default keys."""
    lines = ["| key | command | does |", "| --- | --- | --- |"]
    for _, commands in rows(commands=(*COMMANDS, *REPLAY_COMMANDS)):
        for _, command in commands:
            keys = " ".join(f"`{key}`" for key in keys_of(command))
            lines.append(f"| {keys} | {command.title} | {command.help} |")
    return "\n".join(lines) + "\n"


def _printed(key: str) -> str:
    *modifiers, name = key.split("+") if key != "+" else [key]
    return "+".join([*modifiers, format_key(name)])
