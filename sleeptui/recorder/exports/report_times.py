"""The report's tables of times: the headline, and what it consists of."""

from collections.abc import Iterable, Iterator, Sequence

from sleeptui.core.interval import DISTURBED, OK, Interval
from sleeptui.core.measure import Comparison
from sleeptui.core.measure_memory import MemoryCycle
from sleeptui.core.stats import median
from sleeptui.recorder.exports.cold_words import KINDS
from sleeptui.recorder.exports.digits import between, gib, three, whole
from sleeptui.recorder.exports.markdown import code, notes, section, table, text
from sleeptui.recorder.exports.measured import Measured

HEADLINE = {
    "cold.ttft": "**cold start to first token**",
    "cold.health": "cold start to first good health",
    "sleep.first": "first sleep of a process",
    "sleep.call": "sleep",
    "sleep.drained": "sleep that waited for requests",
    "wake.call": "wake",
    "wake.ready_l2": "wake, all steps",
    "wake.ttft": "**wake to first token**",
    "wake.steady": "wake, as fast as before",
    "wake.first.ttft": "first wake of a process, to first token",
    "switch": "**switch to first token**",
    "prompt.ttft": "prompt to first token",
    "prompt.parked": "prompt to a sleeping server, to first token",
}
PARTS = {
    "cold.container": "cold start: the runtime says that it runs",
    "wake.first": "first wake of a process",
    "sleep.in_flight": "sleep with requests in flight",
    "wake.in_flight": "wake with requests in flight",
    "sleep.mem": "after a sleep: memory settled",
    "wake.ready_l2.call": "wake step: call",
    "wake.ready_l2.weights": "wake step: weights",
    "wake.ready_l2.reload": "wake step: reload",
    "wake.ready_l2.kv_cache": "wake step: KV cache",
    "wake.ready_l2.reset": "wake step: prefix cache reset",
    "switch.total": "switch, to its proof",
    "switch.sleep": "switch: putting to sleep",
    "switch.wake": "switch: waking",
    "server.op.sleep": "sleep, by the server's own clock",
    "server.op.wake": "wake, by the server's own clock",
}
_NAMES = {
    "sleep.first/sleep.call": "first sleep over later ones",
    "wake.l2/wake.l1": "wake from level 2 over level 1, to first token",
    "cold.ttft/wake.ttft": "cold start over wake, to first token",
}
_LOGGED = "cold.phases."
"""Steps that the log of a starting server tells of: their names are the server's."""
_MOST_GLANCES = 8
"""Servers that are told at the top."""
_MOST_NAMED = 4
"""Rows that a note names; of more it tells how many."""
_LEAST = 0.90
"""Confidence below which an interval says too little to be printed."""


def times(measured: Measured) -> list[str]:
    """The headline."""
    shown = [one for one in measured.intervals if one.id in HEADLINE]
    told = [
        f"{text(one.server)}, {_level(one)}{HEADLINE[one.id].strip('*')}: {words}"
        for one in shown
        for words in (one.note, *one.warnings)
        if words
    ]
    return section("Times", _table(shown, HEADLINE), notes(_folded(told)))


def glance(measured: Measured) -> list[str]:
    """A line a server with what matters most."""
    lines = []
    for server in measured.session.servers[:_MOST_GLANCES]:
        said = list(_glance(measured, server.name))
        if said:
            model = "" if server.model == server.name else f" ({text(server.model)})"
            lines.append(f"- **{text(server.name)}**{model}: {'; '.join(said)}.")
    return [*lines, ""] if lines else []


def _glance(measured: Measured, server: str) -> Iterator[str]:
    own = [one for one in measured.intervals if one.server == server and one.median is not None]
    for level in sorted({one.level for one in own if one.level is not None}):
        medians = {one.id: three(one.median) for one in own if one.level == level}
        wake = medians.get("wake.call") or medians.get("wake.ready_l2")
        said = [
            f"sleeps in {medians['sleep.call']} s" if "sleep.call" in medians else "",
            f"wakes in {wake} s" if wake else "",
            f"answers {medians['wake.ttft']} s after the call" if "wake.ttft" in medians else "",
            _freed(measured.memory, server, level),
        ]
        if any(said):
            yield f"level {level} {', '.join(filter(None, said))}"
    rates = [one.rate for one in measured.reliability if one.server == server and one.rate]
    good, tried = sum(rate.k for rate in rates), sum(rate.n for rate in rates)
    if tried:
        yield f"{good} of {tried} operations did what they should"


def _freed(cycles: Sequence[MemoryCycle], server: str, level: int) -> str:
    own = [one for one in cycles if (one.server, one.level) == (server, level)]
    freed = [
        one.freed_bytes for one in own if one.cls in (OK, DISTURBED) and one.freed_bytes is not None
    ]
    return f"frees {gib(median(freed))} GiB" if freed else ""


def parts(measured: Measured) -> list[str]:
    """What the headline consists of, and ratios."""
    shown = [one for one in measured.intervals if one.id in PARTS or _is_logged(one)]
    names = PARTS | {one.id: _logged(one) for one in shown if _is_logged(one)}
    return section("Times, part by part", _table(shown, names), _ratios(measured.ratios))


def _is_logged(one: Interval) -> bool:
    return one.id.startswith(_LOGGED)


def _logged(one: Interval) -> str:
    return f"cold start, by its log: {text(one.id.removeprefix(_LOGGED).removesuffix('_s'))}"


def _table(shown: Sequence[Interval], names: dict[str, str]) -> list[str]:
    if not shown:
        return []
    heads = (
        "server", ">level", "what", ">median, s", "interval of the median, s", ">at, %",
        "range, s", ">p90, s", ">p95, s", ">p99, s", ">n", ">lives", "not counted",
    )  # fmt: skip
    return table(heads, (_row(one, names) for one in shown))


def _row(one: Interval, names: dict[str, str]) -> list[str]:
    return [
        text(one.server),
        "" if one.level is None else str(one.level),
        names[one.id] + _from(one),
        three(one.median),
        between(one.low, one.high) if one.confidence >= _LEAST else "",
        f"{one.confidence * 100:.1f}" if one.confidence >= _LEAST else "",
        between(one.min, one.max),
        *("" if value is None else three(value) for value in (one.p90, one.p95, one.p99)),
        whole(one.n),
        whole(one.lives),
        ", ".join(f"{count} {code(cls)}" for cls, count in one.others.items()),
    ]


def _from(one: Interval) -> str:
    return f" ({KINDS.get(one.arm, text(one.arm))})" if one.arm else ""


def _folded(told: Iterable[str]) -> list[str]:
    """Where several series have the same to say, one line says it of all."""
    about: dict[str, list[str]] = {}
    for line in told:
        who, _, words = line.partition(": ")
        about.setdefault(words, []).append(who)
    return [
        f"{'; '.join(who) if len(who) <= _MOST_NAMED else f'{len(who)} of these'}: {words}."
        for words, who in about.items()
    ]


def _level(one: Interval) -> str:
    return "" if one.level is None else f"level {one.level} "


def _ratio_name(one: Comparison) -> str:
    level = "" if one.level is None else f", level {one.level}"
    arm = f", from {KINDS.get(one.arm, text(one.arm))}" if one.arm else ""
    return f"{_NAMES.get(one.id, one.id)}{level}{arm}"


def _ratios(those: Sequence[Comparison]) -> list[str]:
    if not those:
        return []
    rows = (
        [
            text(one.server),
            _ratio_name(one),
            three(one.ratio.value),
            between(one.ratio.low, one.ratio.high),
            f"{one.above.n} / {one.below.n}",
            f"{one.ratio.blocks[0]} / {one.ratio.blocks[1]}",
            one.ratio.note,
        ]
        for one in those
    )
    heads = ("server", "ratio of medians", ">value", "95 % interval", ">n", ">lives", "note")
    return table(heads, rows)
