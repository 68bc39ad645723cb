"""How often verdicts are wrong, on benchmarks whose truth is known (``support.synthetic``).

``python -m tests.perf verdicts``: 200 clean ones, and 200 with each of four faults, each beside a
clean baseline.
"""

from collections import Counter
from dataclasses import dataclass

from support.synthetic import Truth, sessions

from sleeptui.config_expectations import read_expectations
from sleeptui.core.judge import judge
from sleeptui.core.verdict import Word

RUNS = 200
FOUND, WRONG = 0.95, 0.01
"""Least share of faults that are found, most of benchmarks that fail where there is none. A wake
that is 20 % slower is not always told from 10 %: starts of a server differ by 3 %."""
BASELINE = 10_000
"""Seeds from here on are of baselines."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fleet, and the expectations that must fail on it; the others may not."""

    name: str
    truth: Truth
    must_fail: frozenset[str] = frozenset()
    """One of these is enough."""
    may_fail: frozenset[str] = frozenset()


FAULTS = (
    Fault(name="clean", truth=Truth()),
    Fault(
        name="wakes 20 % slower",
        truth=Truth(slower=1.2),
        must_fail=frozenset({"q1.no-slower-l1", "q1.no-slower-l2"}),
    ),
    Fault(
        name="200 MiB left more by each cycle",
        truth=Truth(leak_b=200 << 20),
        must_fail=frozenset({"q2.no-leak"}),
        may_fail=frozenset({"q2.freed-l1", "q2.freed-l2"}),
    ),
    Fault(
        name="one request in 50 lost",
        truth=Truth(lost_every=50),
        must_fail=frozenset({"q3.none-lost"}),
        may_fail=frozenset({"q3.wait", "q3.abort", "q3.keep"}),
    ),
    Fault(
        name="garbage on one wake in 20",
        truth=Truth(garbage=1 / 20),
        must_fail=frozenset({"q4.same-answers"}),
        may_fail=frozenset({"q4.cycles", "q2.use"}),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What became of one fault."""

    fault: Fault
    runs: int
    found: int
    """Sessions in which it was found."""
    wrong: int
    """Sessions in which something failed that has no fault."""
    words: Counter[str]
    """Of all verdicts that were asked for."""
    failed: Counter[str]
    """By id."""

    def __str__(self) -> str:
        told = ", ".join(f"{self.words[word]} {word}" for word in Word if self.words[word])
        what = f"found in {self.found}" if self.fault.must_fail else "nothing to find"
        failed = ", ".join(f"{name} {count}" for name, count in sorted(self.failed.items()))
        return (
            f"{self.fault.name:34} {what} of {self.runs}, another one failed in {self.wrong}:"
            f" {told}{f' ({failed})' if failed else ''}"
        )


def rates(fault: Fault, runs: int = RUNS) -> Rates:
    """Judge so many benchmarks of one fault, each beside a clean baseline of its own."""
    lines = read_expectations().lines
    words: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    found = wrong = 0
    baselines = sessions(Truth(), runs, first=BASELINE, repeats=1, stability=1)
    for session, baseline in zip(sessions(fault.truth, runs), baselines, strict=True):
        verdicts = judge(lines, session, baseline)
        bad = {one.expectation.id for one in verdicts if one.word is Word.FAIL}
        words.update(one.word.value for one in verdicts)
        failed.update(bad)
        found += bool(bad & fault.must_fail)
        wrong += bool(bad - fault.must_fail - fault.may_fail)
    return Rates(fault=fault, runs=runs, found=found, wrong=wrong, words=words, failed=failed)


def measure() -> tuple[str, bool]:
    """A table, and whether faults are found, and nothing else is."""
    every = [rates(fault) for fault in FAULTS]
    for one in every:
        print(one)
    seeded = [one for one in every if one.fault.must_fail]
    found, of = min((one.found, one.runs) for one in seeded)
    wrong, tried = sum(one.wrong for one in every), sum(one.runs for one in every)
    line = (
        f"each fault was found in {found} of {of} benchmarks or more (bar {FOUND:.0%}), of {tried}"
        f" benchmarks {wrong} failed where there is no fault (bar {WRONG:.0%})"
    )
    return line, found >= FOUND * of and wrong <= WRONG * tried
