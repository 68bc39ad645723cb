"""The settings of a run as TOML, each with where it comes from. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sleeptui.config import Flags
from sleeptui.config_errors import line_of
from sleeptui.config_keys import RUNTIME, SERVER, Key, keys
from sleeptui.config_schema import MIB
from sleeptui.config_write import name, value
from sleeptui.core.secrecy import HIDDEN, secrets_within, without
from sleeptui.core.settings import ServerSpec, Settings

_DEFAULT = "default"
_COLUMN = 44
"""Where the sources stand, if the line is not longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Over:
    """What can overrule a key of the file."""

    flag: str
    option: str
    variable: str = ""


_OVER: Mapping[tuple[str, str], _Over] = {
    ("", "theme"): _Over(flag="theme", option="--theme", variable="SLEEPTUI_THEME"),
    ("", "ascii"): _Over(flag="ascii", option="--ascii", variable="SLEEPTUI_ASCII"),
    ("", "readonly"): _Over(flag="readonly", option="--readonly", variable="SLEEPTUI_READONLY"),
    ("sampling", "interval_s"): _Over(
        flag="interval_s", option="--interval", variable="SLEEPTUI_INTERVAL"
    ),
    ("recording", "folder"): _Over(flag="record", option="--record", variable="SLEEPTUI_SESSIONS"),
    ("recording", "at_start"): _Over(flag="record", option="--record"),
    ("recording", "text"): _Over(flag="record_text", option="--record-text"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What has a say in the settings of a run."""

    settings: Settings
    flags: Flags = field(default_factory=Flags)
    environment: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    """The configuration file; empty: there is none."""
    text: str = ""
    """What is in it."""
    tree: Mapping[str, Any] = field(default_factory=dict)
    """The same as tables."""


def shown(of: Origins) -> list[str]:
    """The lines of the effective settings; secrets are not among them."""
    lines = [f"# {of.path or 'no configuration file'}"]
    if of.settings.demo is not None:
        lines.append(f"# --demo {of.settings.demo}: a simulated fleet in the place of servers")
    top = [key for key in keys() if not key.table]
    lines += [_line(key, _value(of, key), _source(of, key)) for key in top if key.name != "keymap"]
    for server in of.settings.servers:
        lines += ["", *_server(of, server)]
    for table in dict.fromkeys(key.table for key in keys()):
        if table not in ("", SERVER, RUNTIME):
            inside = [key for key in keys() if key.table == table]
            lines += ["", f"[{table}]"]
            lines += [_line(key, _value(of, key), _source(of, key)) for key in inside]
    if of.settings.keymap:
        lines += ["", "[keymap]"]
        lines += [
            _padded(f"{name(command)} = {value(pressed)}", _at(of, ("keymap", command)))
            for command, pressed in of.settings.keymap.items()
        ]
    return lines


def _line(key: Key, found: Any, source: str) -> str:  # noqa: ANN401 - of any key
    """A key with its value; one that has none as a comment, which TOML has no word for."""
    dotted = f"{RUNTIME}.{key.name}" if key.table == RUNTIME else key.name
    text = f"# {dotted} is not set" if found is None else f"{dotted} = {value(found)}"
    return text if found is None else _padded(text, source)


def _padded(text: str, source: str) -> str:
    return f"{text:<{_COLUMN}}  # {source}"


def _value(of: Origins, key: Key) -> Any:  # noqa: ANN401 - of any key
    """The effective value of a key that is not a server's, in the unit of the file."""
    if key.table in ("timeouts", "canary"):  # each server has its own; here is what it begins with
        return of.tree.get(key.table, {}).get(key.name, key.default)
    part = getattr(of.settings, key.table) if key.table else of.settings
    found = getattr(part, key.field)
    return found // MIB if key.name.endswith("_mib") and found is not None else found


def _source(of: Origins, key: Key) -> str:
    """What has set a key: the strongest that says something."""
    over = _OVER.get((key.table, key.name))
    if over is not None:
        said = getattr(of.flags, over.flag)
        if said is not None and (said or over.option != "--record" or key.name == "at_start"):
            return over.option
        if over.variable and _is_told(of.environment, over.variable):
            return over.variable
    table = of.tree.get(key.table, {}) if key.table else of.tree
    if key.name not in table:
        return _DEFAULT
    return _at(of, (key.table, key.name) if key.table else (key.name,))


def _is_told(environment: Mapping[str, str], variable: str) -> bool:
    """Whether a variable counts; switches may be empty, which is off."""
    if variable in ("SLEEPTUI_READONLY", "SLEEPTUI_ASCII"):
        return variable in environment
    return bool(environment.get(variable))


def _at(of: Origins, path: tuple[str | int, ...]) -> str:
    line = line_of(of.text, path)
    return f"file, line {line}" if line is not None else "file"


def _server(of: Origins, server: ServerSpec) -> Iterator[str]:
    """A server: what is set for it; of the rest only level and pinned, which matter always."""
    listed = of.tree.get(SERVER, [])
    number = next((at for at, one in enumerate(listed) if one.get("name") == server.name), None)
    is_flag = any(text.partition("=")[0] == server.name for text in of.flags.servers)
    given: Mapping[str, Any] = {} if number is None or is_flag else listed[number]
    source = "--server" if not given else _at(of, (SERVER, number or 0))
    yield _padded("[[server]]", source)
    for key in keys():
        if key.table not in (SERVER, RUNTIME):
            continue
        inside = given.get(RUNTIME, {}) if key.table == RUNTIME else given
        found = _without_secrets(server, key)
        is_set = key.name in inside or key.is_required
        if is_set or key.name in ("level", "pinned"):
            runtime = (RUNTIME,) if key.table == RUNTIME else ()
            path = (SERVER, number or 0, *runtime, key.name)
            origin = "--server" if not given else _at(of, path)
            yield _line(key, found, origin if is_set else _DEFAULT)
    for table in ("timeouts", "canary"):
        for inside_name, one in given.get(table, {}).items():
            at = _at(of, (SERVER, number or 0, table, str(inside_name)))
            yield _padded(f"{table}.{inside_name} = {value(one)}", at)


def _without_secrets(server: ServerSpec, key: Key) -> Any:  # noqa: ANN401 - of any key
    """The value of a server's key; secrets in what starts it are hidden."""
    found = getattr(server, key.field)
    secrets = secrets_within(server.command, server.environment)
    if key.name == "command":
        return [without(word, secrets) for word in found]
    if key.name == "env":
        return {each: HIDDEN if one in secrets else one for each, one in found.items()}
    return found
