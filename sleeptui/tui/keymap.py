"""The command table as Textual key bindings, as rows of the help, and as the README's key table."""

from collections.abc import Mapping
from typing import Final

from textual.binding import Binding
from textual.keys import format_key

from sleeptui.core.commands import COMMANDS, Command, Group

_ACTION: Final = "command"
_NO_OVERRIDES: Final[Mapping[str, str]] = {}


def bindings() -> list[Binding]:
    """One binding a command, in the order of the table, for the app.

    The user's keys are laid over them by Textual, by id. No ``Binding.Group``: the footer would
    fold the keys of a group into one label and hide what each of them does.
    """
    return [
        Binding(
            command.key,
            f"{_ACTION}('{command.id}')",
            command.title,
            show=command.footer,
            tooltip=command.help,
            id=command.id,
        )
        for command in COMMANDS
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
    overrides: Mapping[str, str] = _NO_OVERRIDES,
) -> list[tuple[Group, list[tuple[str, Command]]]]:
    """Groups in the order of the table, each with its keys (joined by a space) and commands."""
    return [
        (
            group,
            [
                (" ".join(keys_of(command, overrides)), command)
                for command in COMMANDS
                if command.group is group
            ],
        )
        for group in Group
    ]


def key_table_markdown() -> str:
    """The key table of the README: every command with its default keys."""
    lines = ["| key | command | does |", "| --- | --- | --- |"]
    for _, commands in rows():
        for _, command in commands:
            keys = " ".join(f"`{key}`" for key in keys_of(command))
            lines.append(f"| {keys} | {command.title} | {command.help} |")
    return "\n".join(lines) + "\n"


def _printed(key: str) -> str:
    *modifiers, name = key.split("+") if key != "+" else [key]
    return "+".join([*modifiers, format_key(name)])
