"""The sample benchmark: two servers that are started anew for each block, wakes at both levels,
a proof by use, trials with requests in flight, many cycles, verdicts.

With everything in it that a reader must bear: an engine that dies, garbage on one wake, a phase
that is told as such. What it is like can be chosen, so that faults can be found.
"""

from dataclasses import dataclass, field

from support.journal_bench import BenchActs, Step
from support.journal_opening import Sample, engines, numbered, opening
from support.journal_story import GIB, Teller

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.cold import ColdKind
from sleeptui.core.verdict import Expectation, Verdict, Word
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.line import Line

BENCH_RUN_ID = "20261123T093000Z-bench-standard-51d0"
SERVERS = ("summarize", "code")
PLAN = """\
version = 1
name = "standard"
title = "Wake against cold start, memory, requests in flight, stability"
seed = 7

[latency]
blocks = 6
cycles = 2
levels = [1, 2]
cold = ["cold_cached"]

[memory]
cycles = 1

[in_flight]
streams = [4]
repeats = 1

[stability]
cycles = 8
"""
EXPECTATIONS = """\
version = 1

[[expect]]
id = "q1.wake-l1"
question = "latency"
title = "a wake is much faster than a cold start"
metric = "cold.ttft/wake.ttft"
op = ">="
threshold = 5.0
level = 1
min_n = 6
min_blocks = 6
source = "the experiment's question 1"
"""


@dataclass(frozen=True, kw_only=True)
class BenchSample:
    """What a sample benchmark is like."""

    seed: int = 7
    run_id: str = BENCH_RUN_ID
    demo: str | None = None
    blocks: int = 6
    cycles: int = 2
    """Steady ones of each level in a block."""
    levels: tuple[int, ...] = (1, 2)
    stability: int = 8
    streams: int = 4
    repeats: int = 1
    wakes: float = 1.0
    """Every wake takes that much longer."""
    leak_b: int = 0
    """Left more by each sleep of a process than by the one before."""
    lost_every: int = 0
    """Of so many requests in flight one is lost; 0: none."""
    garbage_every: int = 41
    """Of so many wakes one answers garbage; 0: none."""
    dies: bool = True
    """The engine of ``code`` dies in its second block."""
    verdicts: tuple[Verdict, ...] | None = None
    """None: those of the sample."""
    every_s: float = 5.0
    """Between two looks."""
    plan: str = PLAN
    expectations: str = EXPECTATIONS
    has_end: bool = True
    """Restored and judged; else it was cut off in its trials."""
    notes: tuple[str, ...] = field(default=("cold starts from the disk are left out: no root",))


def bench_lines(sample: BenchSample | None = None) -> list[Line]:
    """The lines of the benchmark, numbered, without its end."""
    sample = sample or BenchSample()
    both = engines()
    both[0].awake_b = 100 * GIB  # so large that the other one cannot be awake beside it
    teller = Teller(both, seed=sample.seed, every_s=sample.every_s)
    plan = {"name": "standard", "latency.blocks": sample.blocks, "latency.cycles": sample.cycles}
    opened = Sample(run_id=sample.run_id, demo=sample.demo)
    opening(teller, opened, plan=plan, seed=sample.seed)
    acts = BenchActs(
        teller,
        steps=_steps(sample),
        slower=sample.wakes,
        leak_b=sample.leak_b,
        garbage_every=sample.garbage_every,
    )
    acts.lost_every = sample.lost_every
    _story(acts, sample)
    return numbered(teller.take())


def _steps(sample: BenchSample) -> int:
    block = 4 + (sample.cycles + 1) * len(sample.levels)
    trials = 2 + 3 * sample.repeats
    stable = 1 + sample.stability
    proofs = 1 + len(sample.levels)
    return len(SERVERS) * (sample.blocks * block + trials + stable + proofs) + 1 + 5 * sample.dies


def _story(acts: BenchActs, sample: BenchSample) -> None:
    teller = acts.teller
    for name in SERVERS:
        teller.engines[name].is_up = False
    teller.wait(1.0)
    teller.add(
        kinds.PlanLine(
            t=teller.now_ns,
            name="standard",
            toml=sample.plan,
            expectations=sample.expectations,
            seed=sample.seed,
            steps=acts.steps,
            estimate_s=acts.steps * 6.0,
            notes=sample.notes,
        )
    )
    _latency(acts, sample)
    _memory(acts, sample)
    _in_flight(acts, sample)
    if not sample.has_end:
        return
    _stability(acts, sample)
    with acts.phase(PhaseKind.RESTORE, "every server is brought back to how it was found"):
        for name in SERVERS:
            acts.stop(name)
    for verdict in _verdicts() if sample.verdicts is None else sample.verdicts:
        teller.add(kinds.VerdictLine(t=teller.now_ns, verdict=verdict))
        teller.wait(0.001)


def _latency(acts: BenchActs, sample: BenchSample) -> None:
    for number in range(1, sample.blocks + 1):
        for name in SERVERS[:: 1 if number % 2 else -1]:
            dies = sample.dies and (name, number) == ("code", 2)
            if dies:
                _block(acts, sample, name, number, dies=True)
            _block(acts, sample, name, number)


def _block(
    acts: BenchActs, sample: BenchSample, name: str, number: int, *, dies: bool = False
) -> None:
    where = f"block {number} of {sample.blocks}"
    how = {"question": Question.LATENCY, "server": name, "block": number}
    cold = ColdKind.CACHED
    with acts.phase(PhaseKind.BLOCK, f"{name}: {where}", cold=cold, **how) as block:
        acts.prepare(name, how)
        acts.cold(name, cold, where, how)
        how["cold"] = cold
        with acts.phase(PhaseKind.WARM_UP, f"{name}: warm-up, {where}", **how):
            acts.ask(name, "warmup")
            acts.ask(name, "warmup")
        with acts.phase(PhaseKind.BASELINE, f"{name}: before any sleep, {where}", **how):
            for _ in range(3):
                acts.ask(name, "steady")
        if dies:
            _die(acts, name, where, how, block)
            return
        for nth in range(sample.cycles + 1):
            for level in sample.levels[:: 1 if (nth + number) % 2 else -1]:
                title = f"{name}: cycle {nth} of {sample.cycles} at level {level}, {where}"
                arm = {**how, "arm": f"L{level}", "nth": nth, "level": level, "dwell_s": 1.0}
                _cycle(acts, name, level, title, arm)


def _cycle(
    acts: BenchActs, name: str, level: int, title: str, arm: dict[str, object], *, asks: bool = True
) -> None:
    with acts.phase(PhaseKind.CYCLE, title, **arm) as step:
        done = acts.steady(name, level, is_measured=asks)
        step.cls, step.note = done.cls, done.note


def _die(acts: BenchActs, name: str, where: str, how: dict[str, object], block: Step) -> None:
    title = f"{name}: the first sleep and wake at level 1, {where}"
    with acts.phase(PhaseKind.CYCLE, title, arm="L1", nth=0, level=1, **how) as step:
        acts.sleep(name, 1)
        acts.lose(name)
        step.cls, step.note = "engine_dead", "the engine is lost"
    block.cls, block.note = step.cls, "the engine is lost: the block ends and is done again"


def _memory(acts: BenchActs, sample: BenchSample) -> None:
    for name, other in (SERVERS, SERVERS[::-1]):
        how = {"question": Question.MEMORY, "server": name, "nth": 1}
        with acts.phase(PhaseKind.PREPARE, f"{name}: room for it", **how):
            _only(acts, name)
        for level in sample.levels:
            title = f"{name} sleeps at level {level}, {other} wakes in its place, 1 of 1"
            with acts.phase(PhaseKind.PROOF, title, arm=f"L{level}", level=level, **how):
                acts.sleep(name, level)
                acts.wake(other)
                acts.teller.wait(1.0)
                acts.sleep(other, level)
                acts.wake(name)


def _only(acts: BenchActs, name: str) -> None:
    for other, engine in acts.teller.engines.items():
        if other != name and engine.level is None:
            acts.sleep(other, 1)
    if acts.teller.engines[name].level is not None:
        acts.wake(name)


def _in_flight(acts: BenchActs, sample: BenchSample) -> None:
    for name in SERVERS:
        how = {"question": Question.IN_FLIGHT, "server": name}
        with acts.phase(PhaseKind.BLOCK, f"{name}: requests in flight", **how):
            with acts.phase(PhaseKind.PREPARE, f"{name}: room for it", **how):
                _only(acts, name)
            title = f"{name}: {sample.streams} requests without a sleep"
            with acts.phase(PhaseKind.CONTROL, title, streams=sample.streams, **how):
                controls = [acts.ask(name, "control", tokens=64) for _ in range(sample.streams)]
            for nth in range(1, sample.repeats + 1):
                for mode in ("abort", "wait", "keep"):
                    title = f"{name}: {mode} with {sample.streams} requests at level 1, {nth}"
                    arm = {"arm": mode, "mode": mode, "level": 1, "streams": sample.streams}
                    with acts.phase(PhaseKind.TRIAL, title, nth=nth, **arm, **how):
                        acts.trial(name, mode, 1, controls)


def _stability(acts: BenchActs, sample: BenchSample) -> None:
    for name in SERVERS:
        how = {"question": Question.STABILITY, "server": name, "arm": "L1", "level": 1}
        with acts.phase(PhaseKind.BLOCK, f"{name}: {sample.stability} cycles at level 1", **how):
            with acts.phase(PhaseKind.PREPARE, f"{name}: room for it", **how):
                _only(acts, name)
            for nth in range(1, sample.stability + 1):
                title = f"{name}: cycle {nth} of {sample.stability} at level 1"
                _cycle(acts, name, 1, title, {**how, "nth": nth, "dwell_s": 0.0}, asks=False)


def _verdicts() -> tuple[Verdict, ...]:
    wakes = _expected("q1.wake-l1", "latency", "a wake is much faster than a cold start", 5.0)
    freed = _expected("q2.freed", "memory", "a sleep frees nearly all of it", 0.9)
    whole = _expected("q3.wait", "in_flight", "a sleep that waits loses no request", 1.0)
    stable = _expected("q4.stable", "stability", "59 cycles without a failure", 0.95)
    older = _expected("q1.no-slower", "latency", "no slower than the session before", 1.1, op="<=")
    few = "8 of 59 cycles: 51 more without a failure would prove it"
    return (
        _said(wakes, "summarize", Word.PASS, 74.1, 72.8, 75.6, n=12, blocks=6),
        _said(wakes, "code", Word.PASS, 46.2, 45.1, 47.6, n=12, blocks=6),
        _said(freed, "summarize", Word.PASS, 0.971, 0.970, 0.972, n=24, blocks=6),
        _said(freed, "code", Word.PASS, 0.963, 0.961, 0.964, n=24, blocks=6),
        _said(whole, "summarize", Word.PASS, 1.0, 0.398, 1.0, n=4),
        _said(stable, "summarize", Word.INCONCLUSIVE, 1.0, 0.631, 1.0, n=8, reason=few),
        _said(
            stable, "code", Word.FAIL, 0.875, 0.473, 0.997, n=8, reason="1 of 8 answered garbage"
        ),
        _said(older, "", Word.NOT_RUN, reason="there is no session to compare with"),
    )


def _expected(name: str, question: str, title: str, limit: float, **fields: object) -> Expectation:
    values = {"metric": "cold.ttft/wake.ttft", "op": ">=", "source": "the experiment", **fields}
    return Expectation(id=name, question=question, title=title, threshold=limit, **values)


def _said(
    expected: Expectation,
    server: str,
    word: Word,
    *interval: float,
    **fields: object,
) -> Verdict:
    value, low, high = interval or (None, None, None)
    values = {"confidence": 0.95 if interval else 0.0, **fields}
    return Verdict(
        expectation=expected, server=server, word=word, value=value, low=low, high=high, **values
    )
