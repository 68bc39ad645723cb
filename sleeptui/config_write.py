"""The configuration as TOML: a new file with every key, and the settings of a run. Pure."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sleeptui.config_keys import RUNTIME, SERVER, Key, keys
from sleeptui.core.settings import ServerSpec

_WIDTH = 98
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_HEAD = (
    "sleeptui: which servers are watched, and how. Each key stands here with its default and its"
    " meaning. Take away the # before a key to set it; sleeptui config check says whether all is"
    " well."
)
_OF_ONE = (
    "Of this server alone: the keys of [timeouts] and [canary] below, such as timeouts.wake_s = 300"
    " or canary.enabled = false."
)
_TABLES: Mapping[str, str] = {
    "timeouts": "How long each kind of request may take, of all servers; seconds.",
    "canary": "The prompt that is asked before a sleep and after the wake, of all servers.",
    "sampling": "How often it looks; seconds.",
    "thresholds": "When a measurement counts.",
    "prompt": "What the prompt screen starts with.",
    "recording": "How sessions are recorded.",
}


def value(of: Any) -> str:  # noqa: ANN401 - whatever TOML can say
    """A value in TOML."""
    match of:
        case bool():
            return str(of).lower()
        case int() | float():
            return f"{of:.12g}"
        case str():
            # JSON's escapes are TOML's, but for one character that JSON leaves as it is.
            return json.dumps(of, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            pairs = ", ".join(f"{name(str(key))} = {value(one)}" for key, one in of.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            return f"[{', '.join(value(one) for one in of)}]"


def name(text: str) -> str:
    """A key in TOML, in quotes where it must be."""
    return text if text and _PLAIN.issuperset(text) else value(text)


def new_file(servers: Sequence[ServerSpec]) -> str:
    """A file with every key, all but those of the servers as comments.

    Args:
        servers: That are watched by it; none: one is shown as a comment.
    """
    lines = [*_comment(_HEAD), ""]
    for key in keys():
        if not key.table and key.name != "keymap":
            lines += [*_said(key), ""]
    lines += _keymap()
    for number, server in enumerate(servers or (None,)):
        lines += ["", *_server(server, explained=number == 0)]
    for table, words in _TABLES.items():
        lines += ["", *_comment(words), f"[{table}]"]
        for key in keys():
            if key.table == table:
                lines += _said(key)
    return "\n".join(lines) + "\n"


def _keymap() -> Iterator[str]:
    (key,) = (key for key in keys() if key.name == "keymap")
    yield from _comment(key.meaning)
    yield "[keymap]"
    for command, pressed in key.example.items():
        yield f"#{value(command)} = {value(pressed)}"


def _server(server: ServerSpec | None, *, explained: bool) -> Iterator[str]:
    """One server; None: an example, as a comment."""
    mark = "#" if server is None else ""
    if explained:
        yield from _comment("A server, once for each.")
    yield f"{mark}[[server]]"
    for key in keys():
        if key.table not in (SERVER, RUNTIME):
            continue
        given = None if server is None else _given(server, key)
        if given is not None:
            yield f"{_dotted(key)} = {value(given)}"
        elif explained:
            yield from _said(key)
    if explained:
        yield from _comment(_OF_ONE)


def _given(server: ServerSpec, key: Key) -> Any:  # noqa: ANN401 - of any key
    """What is known of a server and not the default."""
    found = getattr(server, key.field)
    return None if found in (None, (), {}, key.default) else found


def _said(key: Key) -> Iterator[str]:
    """Its meaning, then the key with its default, or an example, as comments."""
    shown = key.example if key.default is None else key.default
    note = " Not set; for example:" if key.default is None and not key.is_required else ""
    yield from _comment(f"{key.meaning}{note}".replace("``", ""))
    yield f"#{_dotted(key)} = {value(shown)}"


def _dotted(key: Key) -> str:
    return f"{RUNTIME}.{key.name}" if key.table == RUNTIME else key.name


def _comment(text: str) -> list[str]:
    return [f"# {row}" for row in textwrap.wrap(text, _WIDTH, break_on_hyphens=False)]
