"""What is fed to the readers of outside data: recordings with something wrong in them.

Random bytes end at the first check of a reader. So what comes is mostly right: a recorded answer,
page, file or line with a few of its values replaced, cut, doubled or taken away.
"""

import json
import os
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.text import clean

TIMES: Final = int(os.environ.get("FUZZ", "1"))
"""How many times the usual number of examples; above 1 they are others in each run."""
DEEP = b"[" * 20_000
_MARK = "\ufdd0"
"""No character: stands in a tree for JSON that no tree can have."""
RAW: Final = (
    DEEP,
    b'{"a":' * 20_000,
    b"9" * 5000,
    b"-" + b"9" * 60,
    b"9" * 310,
    b"9223372036854775808",
    b"18446744073709551616",
    b"4611686018427387903",
    b"1e308",
    b"1e400",
    b"-1E+19",
    b"1e-320",
    b"-0.0",
    b"NaN",
    b"-Infinity",
    b'"\\ud800"',
    b'"\\udc00\\u0000"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'{"a":1,"a":[]}',
    b'"' + b"x" * 3000 + b'"',
)
ESCAPES: Final = (
    "\x1b[2J",
    "\x1b]0;owned\x07",
    "\x9b31m",
    "\x1bP$q\x1b\\",
    "\u202e",
    "\r\n",
    "\0",
    "\x7f",
    "\u2028",
    "\ufeff",
    "[red]x[/red] [/]",
    "|`*<b>&amp;",
    '","x":"',
    "'; --",
)
HOSTILE: Final = st.lists(st.one_of(st.sampled_from(ESCAPES), st.text(max_size=8)), max_size=4).map(
    "".join
)
"""Text that drives a terminal, a table, a page or a quote."""
NUMBERS: Final = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([1 << 31, 1 << 53, 1 << 61, (1 << 62) - 1, 1 << 63, 1 << 64, 10**18, 10**30]),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e-9, 1e17, 4e18, 1e300]),
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    HOSTILE,
    st.integers(0, len(RAW) - 1).map(lambda number: f"{_MARK}{number}"),
)
_WHOLE = (1 << 31, 1 << 53, 10**18, 1 << 61, (1 << 62) - 1, -(1 << 61), 1 << 63)
VALUES: Final = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
"""Whatever JSON can say, and some that it cannot."""

LONGEST_TOLD = 10_000
"""Bytes of an error, at most."""

_WAYS = ("replace", "replace", "near", "remove", "rename")
Path = tuple[str | int, ...]


def fuzz(examples: int) -> settings:
    """So many examples in the usual run: always the same, none of them timed."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def as_json(tree: object) -> bytes:
    """The bytes of a tree; what no tree can have is put in its place."""
    data = json.dumps(tree).encode()
    for number, raw in reversed(list(enumerate(RAW))):
        data = data.replace(b'"\\ufdd0%d"' % number, raw)
    return data


def paths(tree: object, at: Path = ()) -> Iterator[Path]:
    """Where something stands in a tree, the root left out."""
    if isinstance(tree, dict):
        inside: Iterator[tuple[str | int, Any]] = iter(tree.items())
    elif isinstance(tree, list):
        inside = iter(enumerate(tree))
    else:
        return
    for key, value in inside:
        yield (*at, key)
        yield from paths(value, (*at, key))


@st.composite
def mutated(draw: st.DrawFn, tree: Any, *, most: int = 3, is_near: bool = False) -> Any:
    """A tree with one to ``most`` values replaced, taken away or renamed; the given one stays.

    With ``is_near`` mostly by others of the same type: a reader lets them pass, and what comes
    behind it has to do with them.
    """
    ways = ("near", "near", "near", "remove") if is_near else _WAYS
    changed = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, most))):
        places = list(paths(changed))
        if not places:
            return draw(VALUES)
        *way, last = draw(st.sampled_from(places))
        inside = changed
        for step in way:
            inside = inside[step]
        what = draw(st.sampled_from(ways))
        if what == "replace":
            inside[last] = draw(VALUES)
        elif what == "near":
            inside[last] = draw(_near(inside[last]))
        elif what == "remove":
            del inside[last]
        elif isinstance(inside, dict):
            inside[draw(HOSTILE)] = inside.pop(last)
        else:
            inside.append(inside[last])
    return changed


def _near(value: object) -> st.SearchStrategy[object]:
    """Another value of the same type, which a reader lets pass."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        near = st.integers(-2, 3).map(lambda step: value + step)
        return st.one_of(near, st.integers(-3, 3), st.integers(), st.sampled_from(_WHOLE))
    if isinstance(value, float):
        return st.one_of(st.floats(-2, 2).map(lambda step: value + step), NUMBERS)
    if isinstance(value, str):
        return st.one_of(HOSTILE, HOSTILE.map(lambda more: f"{value}{more}"))
    return st.sampled_from([[], {}, None, [value], value])


@st.composite
def mangled(draw: st.DrawFn, data: bytes, *, most: int = 4) -> bytes:
    """Bytes with some of them changed, doubled, cut out or put in."""
    for _ in range(draw(st.integers(1, most))):
        at = draw(st.integers(0, len(data)))
        end = min(at + draw(st.integers(0, 40)), len(data))
        put = draw(
            st.one_of(
                st.just(b""),
                st.just(data[at:end] * 2),
                st.binary(max_size=6),
                st.sampled_from((b"\0" * 300, b"\n", b"\r\n", b"\n\n", b'"', b"}", b"\xff", DEEP)),
            )
        )
        data = data[:at] + put + data[end:]
        if draw(st.integers(0, 9)) == 0:
            data = data[: draw(st.integers(0, len(data)))]
    return data


@st.composite
def pieces(draw: st.DrawFn, data: bytes, *, most: int = 12) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=most)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def is_clean(*texts: str | None, lines: bool = False) -> bool:
    """Nothing in them that a terminal would obey."""
    return all(text is None or clean(text, lines=lines) == text for text in texts)


def is_told(error: SleeptuiError) -> bool:
    """It is one that a user can read: the command line and the presenters clean what they show."""
    text = clean(str(error), lines=True)
    return bool(error.message.strip()) and len(text.encode()) < LONGEST_TOLD
