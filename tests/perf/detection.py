"""Are seeded faults found by the verdicts of a benchmark, and is a clean fleet passed?

``python -m tests.perf detection [N] [--lanes N] [--limit SECONDS]``: N times with other seeds,
each a whole benchmark with the real runner, HTTP servers, journal and verdicts. They are shared
out over lanes, which run at once; a seed takes about 6 minutes, a lane a minute more. After the
limit nothing is begun. What was found until then is told, also when it is interrupted.

The fleet and its faults: ``support.seeded``; what is measured: ``support.detecting``. How often
verdicts are wrong on data whose truth is known, in many more runs: ``tests.perf verdicts``.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from time import monotonic
from types import FrameType

from support.detecting import BASELINE, PLANS, USE, detect
from support.seeded import CLEAN

from sleeptui.core.session import Session
from sleeptui.core.verdict import Verdict, Word

RUNS = 2
LANES = max((os.cpu_count() or 2) // 2, 1)
"""One takes a third of a core, and two while it streams. More disturb each other: what is
disturbed is not timed, and says nothing of wakes."""
BASELINES = 10_000
"""Seeds from here on are of baselines."""
_LOOK_S = 1.0
_APART_S = 0.5
"""Between the begins of two lanes, which are busiest then."""
MISSED = 0.1
"""Share of faults that may be left without a verdict: six restarts tell no more of wakes."""
BROKE = "broke"
_SLOWER = frozenset({"q1.no-slower-l1", "q1.no-slower-l2"})
_FLIGHTS = frozenset({"q3.wait", "q3.abort", "q3.keep"})
_ANSWERS = frozenset({"q2.use", "q4.cycles", "q4.same-answers"})


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, and the rows of the verdicts that it touches."""

    fault: str
    title: str
    must_fail: frozenset[str] = frozenset()
    is_timed: bool = False
    """Its wakes are held against those of a clean fleet in the same lane."""
    may_fail: frozenset[str] = frozenset()
    """It touches them too; whether it shows depends on what it meets."""
    unmet: float = 0.0
    """Chance that a run does not meet the fault at all."""


CASES = (
    Case(fault=BASELINE, title="clean, the first of a lane: its wakes", is_timed=True),
    Case(fault=CLEAN, title="clean", is_timed=True),
    Case(fault=USE, title="clean, the proof by use"),
    Case(fault="slower", title="wakes 20 % slower", must_fail=_SLOWER, is_timed=True),
    Case(
        fault="leak",
        title="200 MiB left more by each sleep",
        must_fail=frozenset({"q2.no-leak"}),
        may_fail=frozenset({"q2.freed-l1"}),
    ),
    Case(
        fault="lose",
        title="one request in 50 lost",
        must_fail=frozenset({"q3.none-lost"}),
        may_fail=_FLIGHTS | _ANSWERS,
        unmet=0.98 ** (15 * 20),
    ),
    Case(
        fault="garbage",
        title="garbage on one wake in 20",
        must_fail=frozenset({"q4.same-answers"}),
        may_fail=_ANSWERS,
        unmet=0.95**110,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One benchmark of one case."""

    fault: str
    seed: int
    words: tuple[tuple[str, str, str], ...]
    """Row, word, reason; of those that were measured."""
    took_s: float
    end: str = "ok"
    """How the benchmark ended."""

    def rows(self, *words: Word) -> frozenset[str]:
        """The rows with one of these words."""
        return frozenset(row for row, word, _ in self.words if word in words)


@dataclass(frozen=True, kw_only=True)
class Share:
    """What all lanes have."""

    told: "Queue[Run]"
    """What they found."""
    rest: "Queue[tuple[int, str]]"
    """Seed and fault of what whichever lane is free takes."""
    folder: str
    end_s: float
    """Monotonic; nothing is begun later."""


def measure(runs: int = RUNS, *, lanes: int = LANES, limit: float = inf) -> tuple[str, bool]:
    """A table by fault and row; whether nothing failed wrongly, and faults were found.

    Args:
        runs: Seeds, each of which is tried with every fault.
        lanes: So many benchmarks run at once.
        limit: Seconds after which nothing is begun.
    """
    every = list(_found(runs, lanes, monotonic() + limit))
    wrong = missed = 0
    for case in CASES:
        those = [run for run in every if run.fault == case.fault]
        print("\n".join(_table(case, those)), flush=True)
        missed += sum(not _is_found(case, run) for run in those)
        wrong += sum(bool(_wrong(case, run)) for run in those)
    must_fail = {case.fault for case in CASES if case.must_fail}
    seeded = sum(run.fault in must_fail for run in every)
    whole = min(lanes, runs) + runs * (len(CASES) - 1)
    line = (
        f"of {seeded} faults {missed} were not found (bar {MISSED:.0%}),"
        f" of {len(every)} benchmarks {wrong} failed wrongly (bar 0)"
        f"{'' if len(every) == whole else f'; {whole} were to be made'}"
    )
    broke = any(run.end == BROKE for run in every)
    return line, bool(seeded) and missed <= MISSED * seeded and not wrong and not broke


def _found(runs: int, lanes: int, end_s: float) -> Iterator[Run]:
    """Every benchmark as it ends, of all lanes; those until then where it is interrupted."""
    context = multiprocessing.get_context("spawn")
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(prefix="sleeptui-detection-") as folder:
        share = Share(told=context.Queue(), rest=context.Queue(), folder=folder, end_s=end_s)
        for one in product(range(1, runs + 1), (case.fault for case in CASES if not case.is_timed)):
            share.rest.put(one)
        seeds = [range(1 + lane, runs + 1, lanes) for lane in range(lanes)]
        work = [context.Process(target=_lane, args=(share, one)) for one in seeds]
        try:
            for lane in work:
                lane.start()
                yield from _told_within(share.told, _APART_S)
            while any(lane.is_alive() for lane in work):
                yield from _told_within(share.told, _LOOK_S)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr, flush=True)
            for lane in work:
                if lane.pid is not None:
                    lane.terminate()
        yield from _told_within(share.told, _LOOK_S)
        for lane in work:
            if lane.pid is not None:
                lane.join()
        share.rest.cancel_join_thread()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once: the table is told afterwards
    raise KeyboardInterrupt


def _told_within(told: "Queue[Run]", seconds: float) -> Iterator[Run]:
    """What comes, until nothing has come for so long."""
    while True:
        try:
            yield told.get(timeout=seconds)
        except Empty:
            return


def _lane(share: Share, seeds: Sequence[int]) -> None:
    """One benchmark after the other: those with a clean fleet before them, then what is left."""
    before: Session | None = None
    for seed in seeds:
        clean: Session | None = None
        for case in (one for one in CASES if one.is_timed):
            if case.fault != BASELINE or before is None:
                session = _tried(share, case, seed, clean if case.must_fail else before)
                before = session if case.fault == BASELINE else before
                clean = session if case.fault == CLEAN else clean
        before = clean or before
    cases = {case.fault: case for case in CASES}
    while True:
        try:
            seed, fault = share.rest.get(timeout=_LOOK_S)
        except Empty:
            return
        _tried(share, cases[fault], seed, None)


def _tried(share: Share, case: Case, seed: int, against: Session | None) -> Session | None:
    """What one benchmark saw; nothing once it is too late to begin."""
    if monotonic() > share.end_s:
        return None
    run, session = _run(case, seed, Path(share.folder), against)
    print(_told(case, run), file=sys.stderr, flush=True)
    share.told.put(run)
    return session


def _run(
    case: Case, seed: int, folder: Path, baseline: Session | None
) -> tuple[Run, Session | None]:
    began_s = monotonic()
    drawn = seed + BASELINES if case.fault == BASELINE else seed
    try:
        end, session = asyncio.run(
            detect(folder, case.fault, drawn, plan=PLANS[case.fault], baseline=baseline)
        )
    except Exception:  # noqa: BLE001 - the others go on; the table tells of it
        traceback.print_exc()
        took_s = monotonic() - began_s
        return Run(fault=case.fault, seed=seed, words=(), took_s=took_s, end=BROKE), None
    words = tuple(_measured(end.verdicts))
    told = end.cls if not end.left else "; ".join(end.left)
    took_s = monotonic() - began_s
    return Run(fault=case.fault, seed=seed, words=words, took_s=took_s, end=told), session


def _measured(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, str, str]]:
    """Row, word and reason of all that was measured."""
    for one in verdicts:
        if one.word is not Word.NOT_RUN:
            yield one.expectation.id, one.word.value, one.reason or _figure(one)


def _figure(verdict: Verdict) -> str:
    ends = (verdict.value, verdict.low, verdict.high)
    return "{:.3g}, from {:.3g} to {:.3g}".format(*(one or 0.0 for one in ends))


def _is_found(case: Case, run: Run) -> bool:
    return not case.must_fail or bool(run.rows(Word.FAIL) & case.must_fail)


def _wrong(case: Case, run: Run) -> frozenset[str]:
    """Rows that failed, though the fault does not touch them."""
    return run.rows(Word.FAIL) - case.must_fail - case.may_fail


def _told(case: Case, run: Run) -> str:
    """One run in a line."""
    failed = [
        f"{row} ({reason})" for row, word, reason in run.words if word in (Word.FAIL, Word.INVALID)
    ]
    state = "" if run.end == "ok" else f", {run.end}"
    good = _is_found(case, run) and not _wrong(case, run)
    return (
        f"{'  ' if good else '! '}seed {run.seed}, {case.title}, {run.took_s:.0f} s{state}:"
        f" {'; '.join(failed) or 'nothing failed'}"
    )


def _table(case: Case, runs: Sequence[Run]) -> Iterator[str]:
    """A line for the case, and one for each of its rows."""
    found = sum(_is_found(case, run) for run in runs)
    wrong = sum(bool(_wrong(case, run)) for run in runs)
    what = f"found in {found} of {len(runs)}" if case.must_fail else f"{len(runs)} runs"
    unmet = f"; a run does not meet it by chance: {case.unmet:.1%}" if case.unmet else ""
    odd = Counter(run.end for run in runs if run.end != "ok")
    ends = "".join(f"; {count} x {end}" for end, count in odd.items())
    yield f"{case.title}: {what}, another row failed in {wrong}{unmet}{ends}"
    yield f"  {'row':18}{'runs':>6}{'right':>7}{'wrong':>7}{'no verdict':>14}"
    for row in dict.fromkeys(row for run in runs for row, _, _ in run.words):
        words = Counter(word for run in runs for own, word, _ in run.words if own == row)
        inconclusive = words.pop(Word.INCONCLUSIVE, 0) + words.pop(Word.INVALID, 0)
        right = words[Word.FAIL] if row in case.must_fail else words[Word.PASS]
        note = ""
        if row in case.may_fail - case.must_fail:
            right, note = words.total(), f"  touched too: {words[Word.FAIL]} FAIL"
        counts = f"{right:>7}{words.total() - right:>7}{inconclusive:>14}"
        yield f"  {row:18}{words.total() + inconclusive:>6}{counts}{note}"
