"""The report's head, what was noted on the way, what it was measured on, and how."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sleeptui.core.environment import Card, Machine
from sleeptui.core.session import Moment, ServerSeen, Session
from sleeptui.core.text import one_line
from sleeptui.core.units import UNKNOWN, duration, memory
from sleeptui.recorder.exports import report_plan as plan
from sleeptui.recorder.exports.digits import three, whole
from sleeptui.recorder.exports.markdown import code, section, table, text

_MOST = 60
_PAGES = ("anomaly", "mark", "note")
_CAREFUL_S = 0.05
"""A stall of our own loop that may have touched a figure."""


def head(session: Session) -> list[str]:
    """Title, warnings, and the session in one paragraph."""
    what = f"Benchmark {text(session.bench.name)}: " if session.bench else "Session "
    lines = [f"# {what}{text(session.run_id)}", ""]
    for warning in _warnings(session):
        lines += [f"> {warning}", ""]
    began = datetime.fromtimestamp(session.wall_ns // 1_000_000_000, UTC)
    cards = ", ".join(_counted([card.name for card in session.machine.cards]))
    place = " on ".join(text(word) for word in (cards, session.machine.host) if word)
    said = [
        f"{began:%Y-%m-%d %H:%M:%S} UTC",
        duration(session.duration_s),
        *([place] if place else []),
        _number(len(session.servers), "server"),
        _number(len(session.attempts), "operation"),
        _number(len(session.requests), "request"),
        text(session.tool),
    ]
    return [*lines, " · ".join(said) + ".", ""]


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _warnings(session: Session) -> Iterator[str]:
    if session.partial:
        yield (
            f"**PARTIAL.** {text(session.partial).capitalize()}. What was finished before is whole;"
            " what ran then is listed as unfinished."
        )
    if session.demo:
        yield (
            f"**SIMULATED.** Recorded on the simulated fleet “{text(session.demo)}”: no GPU, no"
            " vLLM. The times are drawn, not measured."
        )
    if session.source:
        yield (
            f"**IMPORTED** from {text(session.source)}. Not measured by sleeptui, and never merged"
            " with what is."
        )


def _counted(names: Sequence[str]) -> list[str]:
    """``2 x NVIDIA H200``."""
    return [
        name if names.count(name) == 1 else f"{names.count(name)} × {name}"  # noqa: RUF001 - times
        for name in dict.fromkeys(names)
    ]


def imported(session: Session) -> list[str]:
    """Series of another tool's file."""
    rows = (
        [
            text(one.run),
            text(one.name),
            text(one.unit),
            whole(len(one.values)),
            ", ".join(
                f"{text(name)} {three(value)}"
                for name, value in one.stats.items()
                if value is not None
            ),
            text(one.note),
        ]
        for one in session.imported
    )
    if not session.imported:
        return []
    heads = ("run", "series", "unit", ">values", "as the file itself says", "note")
    return section("Imported series", table(heads, rows))


def noted(session: Session) -> list[str]:
    """Anomalies, marks and notes, each with its time."""
    parts = [_moments(session, kind) for kind in _PAGES]
    lines = []
    for title, part in zip(("Anomalies", "Marks", "Notes"), parts, strict=True):
        lines += section(title, part)
    return lines


def _moments(session: Session, kind: str) -> list[str]:
    those = [one for one in session.moments if one.kind == kind]
    if not those:
        return []
    rows = (
        [
            str(number),
            f"{(one.at_ns - session.began_ns) / 1e9:.1f}",
            text(one.server or ""),
            text(one.code or _severity(one)),
            text(one.text),
        ]
        for number, one in enumerate(those[:_MOST], 1)
    )
    lines = table((">", ">at, s", "server", "kind", "what"), rows)
    if len(those) > _MOST:
        lines += ["", f"{len(those) - _MOST} more are in the journal."]
    return lines


def _severity(one: Moment) -> str:
    return one.severity if one.kind == "note" else ""


def environment(session: Session) -> list[str]:
    """The machine, its GPUs, the servers, the settings."""
    return section(
        "Environment",
        _machine(session),
        _cards(session.machine.cards),
        *(_server(one) for one in session.servers),
        _settings(session),
    )


def _machine(session: Session) -> list[str]:
    machine = session.machine
    rows = [
        ("environment", code(session.env_id) if session.env_id else ""),
        ("host", text(machine.host)),
        ("kernel", text(machine.kernel)),
        ("processor", _processor(machine)),
        ("memory", memory(machine.ram_bytes)),
        ("memory limit of the control group", memory(machine.memory_limit_bytes)),
        ("lockable memory", memory(machine.memlock_bytes)),
        ("transparent huge pages", text(machine.huge_pages)),
        ("driver, CUDA", ", ".join(text(one) for one in (machine.driver, machine.cuda) if one)),
        ("not readable", "; ".join(text(one) for one in machine.problems)),
    ]
    known = [row for row in rows if row[1] not in ("", UNKNOWN)]
    return table(("machine", ""), known) if known else []


def _processor(machine: Machine) -> str:
    cpus = f", {machine.cpus} logical" if machine.cpus and machine.cpu else ""
    return text(machine.cpu) + cpus


def _cards(cards: Sequence[Card]) -> list[str]:
    rows = (
        [
            str(card.index),
            text(card.name),
            memory(card.total_bytes),
            _link(card),
            "" if card.power_limit_w is None else three(card.power_limit_w),
            _flags(card),
            "" if card.numa_node is None else str(card.numa_node),
            code(card.uuid) if card.uuid else "",
        ]
        for card in cards
    )
    heads = (">GPU", "name", ">memory", "PCIe", ">limit, W", "modes", ">NUMA node", "UUID")
    return table(heads, rows) if cards else []


def _link(card: Card) -> str:
    generation = card.pcie_gen_max or card.pcie_gen
    width = card.pcie_width_max or card.pcie_width
    return f"gen {generation} x{width}" if generation and width else ""


def _flags(card: Card) -> str:
    known = (("persistence", card.persistence), ("ECC", card.ecc), ("MIG", card.mig))
    return ", ".join(f"{name} {'on' if on else 'off'}" for name, on in known if on is not None)


def _server(one: ServerSeen) -> list[str]:
    facts, home = one.facts, one.home
    rows = [("address", code(one.url))]
    if facts:
        rows += [
            ("vLLM", text(facts.version or "")),
            ("served names", ", ".join(text(name) for name in facts.models)),
            ("weights", text(facts.root or "")),
            ("longest context", f"{whole(facts.max_model_len)} tokens"),
        ]
    if home:
        rows += [
            ("container", text(home.container or "")),
            ("image", text(" ".join(filter(None, (home.image, home.image_digest))))),
            ("command", code(" ".join(home.command)) if home.command else ""),
            *((f"{text(name)}", code(value)) for name, value in sorted(home.environment.items())),
        ]
    rows.append(("lives seen", str(one.lives)))
    known = [row for row in rows if row[1] not in ("", f"{UNKNOWN} tokens")]
    return table((f"server {text(one.name)}", ""), known)


def _settings(session: Session) -> list[str]:
    both = {**session.settings, **session.plan}
    if session.seed is not None:
        both["seed"] = session.seed
    rows = [(code(name), text(_setting(value))) for name, value in both.items()]
    known = [row for row in rows if row[1]]
    return table(("setting", "value"), known) if known else []


def _setting(value: float | str | bool | None) -> str:
    """As a configuration file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def quality(session: Session) -> list[str]:
    """What says how far the figures can be trusted."""
    lags = [value for value in session.lag_s.values if value == value]  # noqa: PLR0124 - no gaps
    lines = [
        f"- {whole(session.lines)} lines, {whole(session.looks)} looks at servers; "
        + (
            "no sample was dropped."
            if not any(session.dropped.values())
            else "dropped samples: "
            + ", ".join(f"{count} {text(kind)}" for kind, count in session.dropped.items() if count)
            + "."
        ),
    ]
    if lags:
        late = sum(one > _CAREFUL_S for one in lags)
        lines.append(
            f"- The recording program's own loop was at most {duration(max(lags))} late,"
            f" more than {duration(_CAREFUL_S)} in {whole(late)} of {whole(len(lags))} seconds."
            " Times of operations are stamped on a thread that this does not touch."
        )
    return section("Quality of the recording", lines)


_METHOD = """\
- All times are of the monotonic clock. A sleep and a wake count from the request written to the
  answer complete; “to first token” counts from the wake's first request to the first token of a
  greedy prompt sent right after it.
- The first level 1 sleep of a process is a series of its own: it allocates its host memory.
- Only attempts of class `ok` give values; all others are counted above and are in `results.csv`.
  `not measured`: it went well, but this time was not taken, or has another in it, as a first sleep
  that waited for requests. `disturbed`: our own loop stalled meanwhile.
- Medians have the interval between two order statistics, which is exact for values that do not
  depend on each other (Conover). Wakes of one process do, so from 3 lives of a process on the lives
  are what is counted: Student's t on the logarithms of their medians, from 12 lives on order
  statistics of these. Ratios have Welch's t on the same logarithms, else a bootstrap that draws
  lives anew. No interval stands where it could not reach 90 %. A percentile stands where the number
  of values carries it: p90 from 29, p95 from 59, p99 from 299. Rates have the exact binomial bound
  (Clopper and Pearson), slopes are Theil-Sen with Sen's interval.
- Memory that was freed is the fall of used memory on the GPU itself; what a server holds is summed
  over its processes. MiB and GiB are binary."""
_LIMITS = """\
- What holds for this machine, these versions and these settings need not hold for others.
- Other programs on these GPUs move the same memory figures; changes from outside are listed."""
_BY_HAND = "- Loads here were sent by hand, one after the other: they are no measure of throughput."
_BY_PLAN = "- Loads here are there to be caught by a sleep: they are no measure of throughput."


def method(session: Session) -> list[str]:
    """How it was measured, what it does not tell, how this file is made again."""
    return [
        *section("Method", [*plan.method(session), *_METHOD.splitlines()]),
        *section("Limits", [*_LIMITS.splitlines(), _BY_PLAN if session.bench else _BY_HAND]),
        *plan.again(session),
        *section(
            "How to rebuild",
            [
                "This was made from `journal.jsonl` alone, and comes out the same again:",
                "",
                "```sh",
                f"sleeptui report {shlex.quote(one_line(session.run_id).replace('`', ''))}",
                "sha256sum --check MANIFEST.sha256",
                "```",
                "",
                f"SHA-256 of the journal: `{session.journal_sha256}`",
            ],
        ),
    ]
