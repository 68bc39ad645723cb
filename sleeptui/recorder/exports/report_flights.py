"""The report's tables of requests that a sleep found: by hand, and in trials of a benchmark."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from sleeptui.core.bench import PhaseKind
from sleeptui.core.fates import Class
from sleeptui.core.flights import COHORTS, Flight
from sleeptui.core.measure_fates import FateRow
from sleeptui.core.session import RequestSeen, Session
from sleeptui.core.stats import median
from sleeptui.core.trial_checks import Check
from sleeptui.core.trials import Trial
from sleeptui.recorder.exports.digits import three, whole
from sleeptui.recorder.exports.markdown import section, table, text
from sleeptui.recorder.exports.measured import Measured

_WHOSE = "“In flight” and “server counted” are the server's own figures over all clients"
_OURS = "“ours” are requests that were sent from here"
_TRIALS = (
    "In a trial so many streams are under way, their server is put to sleep and woken, and each is"
    " followed to its end. `wait` promises that they are answered before it sleeps (`drained`),"
    " `abort` that they are ended with that reason (`aborted`), `keep` that they go on after the"
    " wake with the text that they have without a sleep (`resumed_exact`). `queued`: of them had"
    " no token yet."
)
_DIFFER = (
    "Without a sleep {} of {} answers differed when they were asked for again: beside other"
    " requests the sums of a batch run in another order. Where a text parts from that of its"
    " control at two tokens that are as likely it is counted as the same (`resumed_differs`)."
)
_OTHERS = (
    "Requests that were sent beside the streams: `late` just after the sleep was sent, `parked`"
    " while it slept, `probe` at fixed times whatever became of those before. Waits count from the"
    " moment at which a request was due; “client late” is how much later it was sent."
)
_LEDGER = (
    "What we saw of our requests, held against what the server counted between a look before the"
    " sleep and one after the last end. A difference is shown as it is."
)
_MOST_ROWS = 20


def in_flight(measured: Measured) -> list[str]:
    """All of it; nothing where no sleep found a request."""
    rows = measured.in_flight
    trials = [one for one in measured.trials if not one.invalid]
    return section(
        "Requests in flight at a sleep",
        _by_hand([row for row in rows if not row.server]),
        _matrix([row for row in rows if row.server], measured.session),
        _others(trials),
        _ledger(trials),
    )


def _by_hand(rows: Sequence[FateRow]) -> list[str]:
    """Modes and levels of sleeps against the fates of requests."""
    if not rows:
        return []
    fates = _kinds(rows)
    heads = (
        "mode", ">level", ">sleeps", ">in flight", *(f">ours {fate}" for fate in fates),
        "server counted", ">longest silence, s",
    )  # fmt: skip
    cells = (
        [
            text(row.mode),
            str(row.level),
            whole(row.sleeps),
            whole(row.running),
            *(str(row.fates.get(fate, "")) for fate in fates),
            ", ".join(f"{text(why)} {count}" for why, count in row.finished.items()),
            three(row.worst_stall_s),
        ]
        for row in rows
    )
    return [f"{_WHOSE}; {_OURS}." if fates else f"{_WHOSE}.", "", *table(heads, cells)]


def _kinds(rows: Iterable[FateRow]) -> list[str]:
    """In the order of the table of classes."""
    found = {fate for row in rows for fate in row.fates}
    return [cls.value for cls in Class if cls in found]


def _matrix(rows: Sequence[FateRow], session: Session) -> list[str]:
    """Server, mode, level and streams against classes."""
    if not rows:
        return []
    fates = _kinds(rows)
    heads = (
        "server", "mode", ">level", ">streams", ">trials", *(f">{fate}" for fate in fates),
        ">queued", ">as promised", ">at least, % (95 % sure)", ">longest silence, s",
    )  # fmt: skip
    cells = (
        [
            text(row.server),
            text(row.mode),
            str(row.level),
            whole(row.streams),
            f"{row.sleeps}{f' ({row.invalid} not counted)' if row.invalid else ''}",
            *(str(row.fates.get(fate, "")) for fate in fates),
            str(sum(row.cohorts.get("queued", {}).values()) or ""),
            f"{row.expected.k} of {row.expected.n}" if row.expected else "",
            f"{row.expected.at_least * 100:.1f}" if row.expected else "",
            three(row.worst_stall_s),
        ]
        for row in rows
    )
    differ, of = _repeats(session)
    noise = ["", _DIFFER.format(differ, of)] if differ else []
    return [_TRIALS, "", *table(heads, cells), *noise]


def _repeats(session: Session) -> tuple[int, int]:
    """Of answers that were asked for twice: how many differ, of how many."""
    controls = {one.phase.id for one in session.phases if one.phase.kind is PhaseKind.CONTROL}
    equal = [
        one.equal for one in session.requests if one.phase in controls and one.equal is not None
    ]
    return equal.count(False), len(equal)


def _others(trials: Sequence[Trial]) -> list[str]:
    """Those that are no streams: what became of them, and when their first token came."""
    rows = list(_other_rows(trials))
    if not rows:
        return []
    heads = (
        "server", "mode", ">level", "sent", ">requests", "what became of them",
        ">first token, median, s", ">longest, s", ">client late, s",
    )  # fmt: skip
    return [_OTHERS, "", *table(heads, rows)]


def _other_rows(trials: Sequence[Trial]) -> Iterator[list[str]]:
    servers = list(dict.fromkeys(trial.server for trial in trials))
    arms: dict[tuple[int, str, int], list[Trial]] = {}
    for trial in trials:
        place = servers.index(trial.server)
        arms.setdefault((place, trial.mode, trial.level), []).append(trial)
    for (place, mode, level), arm in sorted(arms.items(), key=lambda item: item[0]):
        for cohort in COHORTS[2:]:
            flights = [one for trial in arm for one in trial.of(cohort)]
            if flights:
                yield [text(servers[place]), text(mode), str(level), cohort, *_told(flights)]


def _told(flights: Sequence[Flight]) -> list[str]:
    counts = Counter(one.cls for one in flights)
    waits = _seconds(flights, lambda one: one.first_ns)
    late = _seconds(flights, lambda one: one.sent_ns if one.scheduled_ns else None)
    return [
        whole(len(flights)),
        ", ".join(f"{counts[cls]} {cls}" for cls in Class if counts[cls]),
        three(median(waits)) if waits else "",
        three(max(waits)) if waits else "",
        three(max(late)) if late else "",
    ]


def _seconds(flights: Iterable[Flight], until: Callable[[RequestSeen], int | None]) -> list[float]:
    """From the moment at which each was due to another one, of those that have it."""
    found = []
    for one in flights:
        request, end = one.request, until(one.request)
        begin = request.sent_ns if request.scheduled_ns is None else request.scheduled_ns
        if begin is not None and end is not None:
            found.append((end - begin) / 1e9)
    return found


def _ledger(trials: Sequence[Trial]) -> list[str]:
    """How often both sides agree, and where they do not."""
    checks: dict[str, list[Check]] = {}
    for trial in trials:
        for check in trial.checks:
            checks.setdefault(check.what, []).append(check)
    if not checks:
        return []
    rows = (
        [
            text(what),
            whole(sum(check.agrees is not None for check in those)),
            whole(sum(bool(check.agrees) for check in those)),
            str(sum(check.agrees is None for check in those) or ""),
        ]
        for what, those in checks.items()
    )
    lines = table(("requests", ">trials", ">agree", ">not told by the server"), rows)
    return [_LEDGER, "", *lines, *_mismatches(trials)]


def _mismatches(trials: Sequence[Trial]) -> list[str]:
    found = [(trial, check) for trial in trials for check in trial.mismatches]
    if not found:
        return []
    rows = (
        [
            text(trial.phase.title),
            text(check.what),
            whole(int(check.ours)),
            whole(int(check.theirs or 0)),
        ]
        for trial, check in found[:_MOST_ROWS]
    )
    lines = ["", *table(("trial", "requests", ">ours", ">the server's"), rows)]
    if len(found) > _MOST_ROWS:
        lines += ["", f"{len(found) - _MOST_ROWS} more are in `results.json`."]
    return lines
