"""Faults of a fleet are found by the verdicts of a benchmark, each in its row; a clean one passes.

Doses are larger than in ``python -m tests.perf detection``, so that few cycles show them.
"""

import asyncio
from pathlib import Path

import pytest
from support.detecting import detect
from support.seeded import CLEAN, LEFT

from sleeptui.config_expectations import read_expectations
from sleeptui.core.judge import judge
from sleeptui.core.plan import InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.verdict import Verdict, Word

LATENCY = Latency(
    blocks=3, cycles=6, levels=(1,), dwell_s=(0.0,), warm_up=1, steady=1, settle_s=0.0
)
IN_FLIGHT = InFlight(
    modes=("wait",),
    streams=(2,),
    repeats=3,
    max_tokens=400,
    dwell_s=0.2,
    probe_per_s=0,
    deadline_s=2.0,
)
BAD = frozenset({Word.FAIL, Word.INVALID})


def plan(**parts: object) -> Plan:
    return Plan(name="fast", **{"models": (LEFT,), **parts})


async def judged(folder: Path, fault: str, of: Plan) -> dict[str, Verdict]:
    """The verdicts by row; where a row has several, the worst."""
    end, _ = await detect(folder / fault.replace(" ", "-"), fault, 1, plan=of)
    assert (end.cls, end.left, end.unjudged) == ("ok", (), "")
    return rows(end.verdicts)


def rows(verdicts: tuple[Verdict, ...]) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for one in verdicts:
        if one.expectation.id not in found or one.word in BAD:
            found[one.expectation.id] = one
    return found


def failed(found: dict[str, Verdict]) -> dict[str, str]:
    return {row: one.reason for row, one in found.items() if one.word in BAD}


async def test_each_fault_fails_in_its_row_and_a_clean_fleet_in_none(tmp_path):
    clean = plan(
        models=(), memory=Memory(cycles=1, levels=(1,)), stability=Stability(cycles=3, levels=(2,))
    )
    passed, leaks, lost, wrong = await asyncio.gather(
        judged(tmp_path, CLEAN, clean),
        judged(tmp_path, "leak", plan(stability=Stability(cycles=11))),
        judged(tmp_path, "loses many", plan(in_flight=IN_FLIGHT)),
        judged(tmp_path, "much garbage", plan(stability=Stability(cycles=6))),
    )
    assert failed(passed) == {}
    assert set(failed(leaks)) == {"q2.no-leak"}
    assert {"q3.none-lost"} <= set(failed(lost)) <= {"q3.none-lost", "q3.wait", "q4.same-answers"}
    assert set(failed(wrong)) == {"q4.cycles", "q4.same-answers"}


async def test_slower_wakes_fail_against_a_baseline(tmp_path):
    (_, before), (_, slower) = await asyncio.gather(
        detect(tmp_path / "before", CLEAN, 1, plan=plan(latency=LATENCY)),
        detect(tmp_path / "slower", "much slower", 2, plan=plan(latency=LATENCY)),
    )
    found = rows(judge(read_expectations().lines, slower, before))
    verdict = found.pop("q1.no-slower-l1")
    others = failed(found)
    for reason in (verdict.reason, *others.values()):
        if "needed" in reason or "disturbed" in reason:
            pytest.skip(f"this machine was too busy to time wakes: {reason}")
    assert others == {}
    assert verdict.word is Word.FAIL
    assert verdict.value > 1.3
