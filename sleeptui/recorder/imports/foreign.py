"""What a foreign file tells, and how its values are read: nothing in it is trusted to be there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from sleeptui.core.session import ImportedSeries
from sleeptui.core.text import one_line

Plain = float | int | str | bool | None
MS = 1e-3
"""Milliseconds to seconds."""
MOST_VALUES = 100_000
"""Of one series that are kept; of more, only what the file says of them."""
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """One file, understood."""

    source: str
    """The tool: ``vllm bench serve``."""
    model: str = ""
    began_s: float | None = None
    """Seconds since the epoch; None: the file does not say."""
    duration_s: float = 0.0
    plan: Mapping[str, Plain] = field(default_factory=dict)
    """What was asked of the tool."""
    series: tuple[ImportedSeries, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know of the figures, a sentence each."""


def table(value: object, *path: str) -> Mapping[str, object]:
    """The object at a path; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows(value: object) -> Sequence[object]:
    """A list; empty where it is none."""
    return value if isinstance(value, list) else ()


def text(value: object) -> str:
    """A string, cleaned and cut; empty where it is none."""
    return one_line(value, _LONGEST) if isinstance(value, str) else ""


def number(value: object, scale: float = 1.0) -> float | None:
    """A finite number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        scaled = float(value) * scale
    except OverflowError:
        return None
    return scaled if isfinite(scaled) else None


def numbers(value: object, scale: float = 1.0) -> tuple[float | None, ...]:
    """A list of numbers; None for each that is none."""
    return tuple(number(one, scale) for one in rows(value))


def plain(values: Mapping[str, object], names: Iterable[str]) -> Iterator[tuple[str, Plain]]:
    """Those of the fields that are there and are no lists or objects."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str):
            yield name, text(value)
        elif isinstance(value, bool) or number(value) is not None:
            yield name, value  # type: ignore[misc] # a number or a boolean by now


def known(stats: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """Figures without those that are not there."""
    return {name: value for name, value in stats.items() if value is not None}


def series(
    name: str,
    *,
    run: str = "",
    unit: str = "s",
    values: Sequence[float | None] = (),
    stats: Mapping[str, float | None] | None = None,
    note: str = "",
) -> Iterator[ImportedSeries]:
    """A series, unless there is nothing in it."""
    figures = known(stats or {})
    if len(values) > MOST_VALUES:
        more = f"{len(values)} values are in the file, too many to be kept here"
        note, values = f"{note}; {more}" if note else more, ()
    if figures or any(value is not None for value in values):
        yield ImportedSeries(
            name=name, run=run, unit=unit, values=tuple(values), stats=figures, note=note
        )


def single(
    name: str, value: object, *, run: str = "", unit: str, note: str = ""
) -> Iterator[ImportedSeries]:
    """A figure that stands alone, as a series of one value."""
    found = number(value)
    if found is not None:
        yield from series(name, run=run, unit=unit, values=(found,), note=note)
