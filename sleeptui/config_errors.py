"""From a wrong value in a TOML text to one sentence that names the line and the way out."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from types import UnionType
from typing import Any, get_args, get_origin

import msgspec

from sleeptui.core.errors import ConfigError
from sleeptui.core.text import one_line

_AT = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_MISSING_FIELD = re.compile(r"Object missing required field `(?P<key>\w+)`")
_HEADER = re.compile(r"^\s*(?P<open>\[\[?)\s*(?P<name>[^\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*(?P<key>[A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")

_SAYABLE = 10**18
Path = tuple[str | int, ...]


def explain(error: msgspec.ValidationError, text: str, where: str, root: type) -> ConfigError:
    """The error for the user.

    Args:
        error: What msgspec found; its message ends with a path such as ``$.server[0].level``.
        text: The TOML text, to find the line.
        where: The file's name.
        root: The structure of the whole file, to suggest the right key.
    """
    parts = _AT.match(str(error))
    what = parts["what"] if parts else str(error)
    path = _path(parts["path"] or "") if parts else ()
    if unknown := _UNKNOWN_FIELD.match(what):
        key = one_line(unknown["key"], 60)
        line = line_of(text, (*path, unknown["key"]))
        return ConfigError(
            f"{where}{_at(line)}: {_table(path)} has no key “{key}”",
            hint=_suggestion(key, _fields(root, path)),
        )
    line = line_of(text, path)
    if missing := _MISSING_FIELD.match(what):
        return ConfigError(
            f"{where}{_at(line)}: {_table(path)} lacks “{missing['key']}”",
            hint=f"add {missing['key']} = …",
        )
    return ConfigError(
        f"{where}{_at(line)}: {_dotted(path)}: {_plain(what)}",
        hint="correct the value",
    )


def plainly(number: int) -> str:
    """A number of a file in words; in hexadecimal it may have more digits than can be said."""
    return str(number) if abs(number) < _SAYABLE else "beyond reason"


def line_of(text: str, path: Path) -> int | None:
    """The line, from 1, on which a key or its table stands; None if it cannot be found."""
    best: tuple[int, int] | None = None
    for number, at in _keys(text):
        shared = len(at) if path[: len(at)] == at else 0
        if shared and (best is None or shared > best[0]):
            best = (shared, number)
    return best[1] if best else None


def _keys(text: str) -> Iterator[tuple[int, Path]]:
    """Each header and key of a TOML text with its line; arrays of tables are counted."""
    table: Path = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            names = tuple(part.strip().strip("\"'") for part in header["name"].split("."))
            if header["open"] == "[[":
                counts[names] = counts.get(names, -1) + 1
            table = _indexed(names, counts)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, key["key"].strip("\"'"))


def _indexed(names: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> Path:
    path: list[str | int] = []
    for end, name in enumerate(names, start=1):
        path.append(name)
        if names[:end] in counts:
            path.append(counts[names[:end]])
    return tuple(path)


def _path(text: str) -> Path:
    steps: list[str | int] = []
    for name, index in _STEP.findall(text):
        if name:
            steps.append(name)
        elif index:
            steps.append(int(index))
    return tuple(steps)


def _fields(root: type, path: Path) -> tuple[str, ...]:
    """The keys that are allowed at a path."""
    at: Any = root
    for step in path:
        at = _struct(at)
        if isinstance(step, int):
            continue
        hints = {field.name: field.type for field in msgspec.structs.fields(at)}
        at = hints.get(step)
    found = _struct(at)
    return found.__struct_fields__ if found is not None else ()


def _struct(at: Any) -> Any:  # noqa: ANN401 - annotations have no common type
    """The structure inside an annotation such as ``list[X]`` or ``X | None``."""
    if isinstance(at, type) and issubclass(at, msgspec.Struct):
        return at
    if get_origin(at) in (list, dict) or isinstance(at, UnionType):
        return next((found for part in get_args(at) if (found := _struct(part))), None)
    return None


def _suggestion(key: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"did you mean “{close[0]}”?"
    return f"known here: {', '.join(sorted(known))}" if known else "remove it"


def _at(line: int | None) -> str:
    return f", line {line}" if line is not None else ""


def _table(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    return f"[{'.'.join(names)}]" if names else "the top level"


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text or "the file"


def _plain(what: str) -> str:
    """The words of msgspec without its quoting of types."""
    return one_line(what.replace("`", "").replace("Expected", "expected"))
