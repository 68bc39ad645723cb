"""The report of a benchmark: proofs by use, and the share of the host link."""

from dataclasses import replace

import pytest
from support import journals
from support.report_tables import cells
from support.sessions import S, attempt, session, standing

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.session import PhaseSeen
from sleeptui.recorder.exports import report_proof
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.report_md import report_md
from sleeptui.recorder.fold import fold


@pytest.fixture(scope="module")
def bench():
    return fold(journals.bench_lines())


def test_they_stand_beside_what_they_are_about(bench):
    page = report_md(Measured(bench)).decode()
    heads = [line[3:] for line in page.splitlines() if line.startswith("## ")]
    assert heads[2] == "Share of the host link"
    assert heads.index("Memory") < heads.index("Proof by use") < heads.index("Stability")
    by_hand = report_md(Measured(replace(bench, bench=None, phases=(), verdicts=()))).decode()
    assert "## Share of the host link" not in by_hand
    assert "## Proof by use" not in by_hand


def test_a_proof_says_what_was_needed_and_what_was_free(bench):
    lines = report_proof.proofs(bench)
    found = [cells(lines, row) for row in range(4)]
    assert {one["proven"] for one in found} == {"yes"}
    for one in found:
        assert float(one["needed, GiB"]) > float(one["free before, GiB"])
    assert [(one["sleeps"], one["wakes in its place"]) for one in found[::2]] == [
        ("summarize", "code"),
        ("code", "summarize"),
    ]


def test_a_proof_that_failed_or_proves_nothing_says_why():
    proof = BenchPhase(id=1, kind=PhaseKind.PROOF, title="", server="qwen", level=1)
    alone = PhaseSeen(phase=proof, began_ns=S, ended_ns=5 * S, cls="timeout", note="no answer")
    every = session(
        attempt("sleep", phase=1, at_s=1.0, pre=standing()),
        phases=(alone,),
    )
    one = cells(report_proof.proofs(every))
    assert (one["wakes in its place"], one["proven"], one["why not"]) == (
        "nobody",
        "**no**",
        "no answer",
    )
    assert report_proof.proofs(session()) == []


def test_the_share_of_the_link_stands_where_it_is_known(bench):
    one = cells(report_proof.links(bench))
    assert (one["server"], one["link at most, GB/s"]) == ("summarize", "63.0")
    unknown = replace(bench, machine=replace(bench.machine, cards=()))
    assert "link at most, GB/s" not in cells(report_proof.links(unknown))
    assert report_proof.links(session()) == []
