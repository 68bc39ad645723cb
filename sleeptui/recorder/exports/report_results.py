"""The report's tables of what came of it all: attempts, memory, answers, changes from outside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.measure_memory import MemoryCycle, Trend
from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, Session
from sleeptui.core.stats import median
from sleeptui.core.units import duration
from sleeptui.recorder.exports.digits import gib, mib, percent, three, whole
from sleeptui.recorder.exports.markdown import code, section, table, text
from sleeptui.recorder.exports.measured import Measured

_KINDS = {kind.value: place for place, kind in enumerate(Kind)}
_MOST_ROWS = 40
"""Of what did not end well; ``results.csv`` has all."""


def attempts(measured: Measured) -> list[str]:
    """How many of each kind, how they ended, and each that did not end well."""
    if not measured.reliability:
        return []
    places = _places(measured.session)
    rows = (
        [
            text(one.server),
            text(one.kind),
            "" if one.level is None else str(one.level),
            whole(sum(one.classes.values())),
            f"{one.rate.k} of {one.rate.n}" if one.rate else "",
            f"{one.rate.at_least * 100:.1f}" if one.rate else "",
            ", ".join(f"{count} {code(cls)}" for cls, count in one.classes.items() if cls != OK),
        ]
        for one in sorted(
            measured.reliability,
            key=lambda one: (places.get(one.server, 0), _KINDS.get(one.kind, 0), one.level or 0),
        )
    )
    heads = (
        "server", "operation", ">level", ">attempts", ">did what it should",
        ">at least, % (95 % sure)", "other than ok",
    )  # fmt: skip
    return section("Attempts", table(heads, rows), _bad(measured))


def _places(session: Session) -> dict[str, int]:
    """Number of each server, in the order of the session."""
    return {one.name: number for number, one in enumerate(session.servers)}


def _bad(measured: Measured) -> list[str]:
    bad = [
        one for one in measured.session.attempts if measured.classes[one.id] not in (OK, DISTURBED)
    ]
    if not bad:
        return []
    rows = (
        [
            _at(measured.session, one.began_ns),
            text(one.server),
            _what(one),
            code(measured.classes[one.id]),
            duration(one.record.duration_s) if one.record else "",
            _said(one),
        ]
        for one in bad[:_MOST_ROWS]
    )
    lines = table((">at, s", "server", "operation", "class", ">took", "what was said"), rows)
    if len(bad) > _MOST_ROWS:
        lines += ["", f"{len(bad) - _MOST_ROWS} more are in `results.csv`."]
    return lines


def _said(one: Attempt) -> str:
    if one.record is None:
        return "the recording ended while it ran: what became of it is not known"
    return text(one.record.message or str(one.record.cause or one.record.outcome))


def _what(one: Attempt) -> str:
    level = "" if one.level is None else f" L{one.level}"
    return f"{text(one.kind)}{level}"


def _at(session: Session, at_ns: int) -> str:
    return f"{(at_ns - session.began_ns) / 1e9:.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Cycles of one server, level and life that count."""

    cycles: Sequence[MemoryCycle]

    def middle(self, name: str) -> float | None:
        """The median of a field, of the cycles that have it."""
        values = [value for one in self.cycles if (value := getattr(one, name)) is not None]
        return median(values) if values else None


def memory(measured: Measured) -> list[str]:
    """Medians by server, level and life; of the many lives of a benchmark together; what grows."""
    groups: dict[tuple[str, int, int], list[MemoryCycle]] = {}
    is_apart = measured.session.bench is None
    for one in measured.memory:
        if one.cls in (OK, DISTURBED):
            key = one.server, one.level, one.life if is_apart else 0
            groups.setdefault(key, []).append(one)
    if not groups:
        return []
    places = _places(measured.session)
    rows = (
        _memory_row(key, _Group(cycles=groups[key]))
        for key in sorted(groups, key=lambda key: (places.get(key[0], 0), *key[1:]))
    )
    heads = (
        "server", ">level", ">life", ">lives", ">cycles", ">held awake, GiB", ">freed, GiB",
        ">freed, %", ">left asleep, MiB", ">regrown, MiB", ">host memory taken, MiB",
    )  # fmt: skip
    whose = "one life of the process" if is_apart else "all lives of the process"
    return section(
        "Memory",
        [f"Medians over the cycles of {whose}; every cycle is in `results.json`."],
        table(heads, rows),
        _trends(measured.trends),
    )


def _memory_row(key: tuple[str, int, int], group: _Group) -> list[str]:
    server, level, life = key
    return [
        text(server),
        str(level),
        str(life) if life else "",
        "" if life else whole(len({one.life for one in group.cycles})),
        whole(len(group.cycles)),
        gib(group.middle("held_bytes")),
        gib(group.middle("freed_bytes")),
        percent(group.middle("freed_frac")),
        mib(group.middle("residual_bytes")),
        mib(group.middle("regrown_bytes")),
        mib(group.middle("host_bytes")),
    ]


def _trends(those: Sequence[Trend]) -> list[str]:
    if not those:
        return []
    rows = (
        [
            text(one.server),
            str(one.level),
            str(one.life),
            one.what,
            whole(one.cycles),
            *_slope(one),
            "**yes**" if one.is_notable else "none beyond noise",
        ]
        for one in those
    )
    heads = (
        "server", ">level", ">life", "what", ">cycles", ">slope a cycle", "95 % interval", "growth",
    )  # fmt: skip
    return table(heads, rows)


def _slope(one: Trend) -> tuple[str, str]:
    """In MiB or in milliseconds."""
    unit, scale = ("MiB", 1 / (1 << 20)) if one.unit == "B" else ("ms", 1000.0)
    low, high = three(one.slope.low * scale), three(one.slope.high * scale)
    return f"{three(one.slope.value * scale)} {unit}", f"{low} to {high}"


def answers(measured: Measured) -> list[str]:
    """What the canaries said, by server."""
    grades = list(dict.fromkeys(grade for those in measured.canaries.values() for grade in those))
    rows = (
        [text(server), *(str(those.get(grade, "")) for grade in grades)]
        for server, those in measured.canaries.items()
    )
    if not grades:
        return []
    return section(
        "Answers after a wake",
        ["How the canary's answers compare with those from before the sleep, by number."],
        table(("server", *(f">{grade}" for grade in grades)), rows),
    )


def others(session: Session) -> list[str]:
    """Changes of state that somebody else made, or the server itself."""
    return section("Changes from outside", list(_others(session)))


def _others(session: Session) -> Iterator[str]:
    words = {"other": "somebody else", "server": "the server itself"}
    found = [one for one in session.states if one.by in words]
    if not found:
        return
    rows = (
        [
            _at(session, one.began_ns),
            text(one.server),
            text(one.state) + ("" if one.level is None else f" L{one.level}"),
            words[one.by],
            text(one.reason),
        ]
        for one in found[:_MOST_ROWS]
    )
    yield from table((">at, s", "server", "became", "by", "why"), rows)
    if len(found) > _MOST_ROWS:
        yield ""
        yield f"{len(found) - _MOST_ROWS} more are in the journal."
