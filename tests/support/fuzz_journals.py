"""Journals that are nearly whole: real lines, some changed, lost, doubled or out of order."""

import hashlib
import json
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from support.fuzzing import DEEP, RAW, VALUES, as_json, mangled, mutated

from sleeptui.recorder.decoding import BROKEN, decoded

ROOT = Path(__file__).parents[2]
REAL = (
    ROOT / "tests/data/golden/journal.jsonl",
    ROOT / "tests/data/benchmark/journal.jsonl",
    ROOT / "screenshots/session-h200/journal.jsonl",
)
_FEW = {"prom": 8, "gpu": 6, "gpu.slow": 2, "host": 2, "lag": 2, "req.begin": 8, "req.end": 8,
        "req.mark": 3, "op.phase": 6, "state": 8, "counts": 4, "phase": 6, "phase.end": 6,
        "verdict": 4, "canary": 3}  # fmt: skip


@cache
def lines_of(path: Path) -> tuple[bytes, ...]:
    """The first lines of each kind of a journal, in their order."""
    found: list[bytes] = []
    left = dict(_FEW)
    for raw in path.read_bytes().splitlines():
        kind = json.loads(raw)["k"]
        left[kind] = left.get(kind, 6) - 1
        if left[kind] >= 0 and kind != "end":
            found.append(raw)
    return tuple(found)


@st.composite
def changed(draw, raw: bytes, *, wild: bool = True) -> bytes:
    """One line with something else in it; without ``wild`` one that can be understood."""
    line = draw(mutated(json.loads(raw), is_near=not wild).map(as_json))
    return line if wild or _is_understood(line) else raw


def _is_understood(line: bytes) -> bool:
    try:
        decoded(line)
    except BROKEN:
        return False
    return True


_FEWEST = 8
_ACTS = (*("change",) * 6, "remove", "swap", "double", "cut")
STRANGE = st.one_of(
    st.sampled_from(
        [
            b"",
            b"\0" * 500,
            b'{"k":"weather","n":3,"t":4}',
            b'{"k":"note","n":3,"t":4}',
            b'{"k":"end","n":9,"t":9,"lines":9,"sha256":""}',
            b'{"k":"header","schema":"sleeptui.journal","v":2}',
            b"{}",
            b"\xff",
            DEEP,
            b'{"k":"mark","t":5,"text":"x","y":' + DEEP,
            *(b'{"k":"mark","n":3,"t":%s,"text":"x"}' % raw for raw in RAW[2:]),
        ]
    ),
    VALUES.map(as_json),
)


@st.composite
def journals(draw, *, wild: bool = True) -> bytes:
    """A journal; without ``wild`` every line is understood by itself."""
    lines = list(lines_of(draw(st.sampled_from(REAL))))
    whole = frozenset(lines)
    for _ in range(draw(st.integers(1, 4 if wild else 10))):
        at = draw(st.integers(1, len(lines) - 1))
        what = draw(st.sampled_from(_ACTS))
        if what == "change" and lines[at] in whole:
            lines[at] = draw(changed(lines[at], wild=wild))
        elif len(lines) > _FEWEST:
            _move(lines, at, what, draw)
    if draw(st.booleans()):
        lines[0] = draw(changed(lines[0], wild=wild))
    if wild and draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), draw(STRANGE))
    data = b"".join(one + b"\n" for one in lines)
    if draw(st.booleans()):
        data += end_of(data, count=len(lines))
    return draw(mangled(data)) if wild and draw(st.integers(0, 3)) == 0 else data


def _move(lines: list[bytes], at: int, what: str, draw: st.DrawFn) -> None:
    """Take lines away, put one in another place, or there too."""
    other = draw(st.integers(1, len(lines) - 1))
    if what == "remove":
        del lines[at : at + 5]
    elif what == "swap":
        lines[at], lines[other] = lines[other], lines[at]
    elif what == "double":
        lines.insert(other, lines[at])
    elif what == "cut":
        del lines[max(at, _FEWEST) :]


def end_of(data: bytes, *, count: int) -> bytes:
    """The last line that fits what stands before it."""
    told = {"k": "end", "n": count, "t": 10**15, "lines": count}
    return as_json(told | {"sha256": hashlib.sha256(data).hexdigest()}) + b"\n"
