"""Are seeded faults found by the verdicts of a benchmark, and is a clean fleet passed?

``python -m tests.perf detection [N]``: N times with other seeds, each a whole benchmark with the
real runner, HTTP servers, journal and verdicts; two at once, about 3 minutes for each N. The
fleet and its faults: ``support.seeded``; what is measured: ``support.detecting``. How often
verdicts are wrong on data whose truth is known, in many more runs: ``tests.perf verdicts``.
"""

import asyncio
import multiprocessing
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from support.detecting import PLANS, USE, detect
from support.seeded import CLEAN

from sleeptui.core.session import Session
from sleeptui.core.verdict import Verdict, Word

RUNS = 2
AT_ONCE = 2
"""More disturb each other: what is disturbed is not timed, and says nothing of wakes."""
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
    may_fail: frozenset[str] = frozenset()
    """It touches them too; whether it shows depends on what it meets."""
    unmet: float = 0.0
    """Chance that a run does not meet the fault at all."""


CASES = (
    Case(fault=CLEAN, title="clean"),
    Case(fault=USE, title="clean, the proof by use"),
    Case(fault="slower", title="wakes 20 % slower", must_fail=_SLOWER),
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


def measure(runs: int = RUNS) -> tuple[str, bool]:
    """A table by fault and row; whether nothing failed wrongly, and faults were found."""
    seeds = [list(range(1 + lane, runs + 1, AT_ONCE)) for lane in range(AT_ONCE)]
    with (
        tempfile.TemporaryDirectory(prefix="sleeptui-detection-") as folder,
        ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        every = [run for found in pool.map(_lane, seeds, [folder] * AT_ONCE) for run in found]
    wrong = missed = 0
    for case in CASES:
        those = [run for run in every if run.fault == case.fault]
        print("\n".join(_table(case, those)), flush=True)
        missed += sum(not _is_found(case, run) for run in those)
        wrong += sum(bool(_wrong(case, run)) for run in those)
    seeded = runs * sum(bool(case.must_fail) for case in CASES)
    line = (
        f"of {seeded} faults {missed} were not found (bar {MISSED:.0%}),"
        f" of {len(every)} benchmarks {wrong} failed wrongly (bar 0)"
    )
    broke = any(run.end == BROKE for run in every)
    return line, missed <= MISSED * seeded and not wrong and not broke


def _lane(seeds: Sequence[int], folder: str) -> list[Run]:
    """All cases for each seed, one after the other: each wake is held against a clean fleet's."""
    found, before = list[Run](), None
    for seed in seeds:
        clean: Session | None = None
        for case in CASES:
            run, session = _run(case, seed, Path(folder), before if case.fault == CLEAN else clean)
            clean = session if case.fault == CLEAN else clean
            found.append(run)
            print(_told(case, run), file=sys.stderr, flush=True)
        before = clean or before
    return found


def _run(
    case: Case, seed: int, folder: Path, baseline: Session | None
) -> tuple[Run, Session | None]:
    began_s = monotonic()
    against = baseline if case.fault in (CLEAN, "slower") else None
    try:
        end, session = asyncio.run(
            detect(folder, case.fault, seed, plan=PLANS[case.fault], baseline=against)
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
