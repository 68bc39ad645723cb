"""The report of a benchmark: how it was measured, what it does not tell, how to do it again."""

import shlex

from sleeptui.core.bench import ENDED_EARLY, PhaseKind
from sleeptui.core.session import PlanSeen, Session
from sleeptui.core.text import one_line
from sleeptui.core.units import duration
from sleeptui.recorder.exports.markdown import code, section, table, text
from sleeptui.recorder.exports.report_bench import wanted

_METHOD = """\
- A block is one life of a process: a cold start, requests to warm up, requests before any sleep,
  the first sleep and wake, then steady cycles. Wakes of one process resemble each other, so
  intervals count blocks, and a verdict asks for blocks, not for wakes.
- What is compared is interleaved: levels within a block, models and kinds of cold starts from block
  to block, modes within a round of trials. The order is drawn from the seed.
- A cold start counts from just before the process or container is started; until the first good
  look at /health, which lies between the last bad look and the first good one, and until the first
  token of a greedy prompt. What it started from is proven by the share of its weights in the page
  cache just before, and by what its processes have read; where that cannot be told it says so.
- “Wake, as fast as before” is from the request of a wake to the first of three requests in a row
  that are no slower than those before the sleep. They are sent once the memory has come to rest
  after the wake, so half a second or so of it is our own waiting.
- Requests in flight are sent on a schedule of their own, and count from it. Each is classified by
  what its user saw, and the classes are held against the counters of the server.
- A process whose engine dies ends its block; the block is told as such, and never retried silently.
- Thresholds are those of `expectations.toml`, each with its source; verdicts are made from the
  journal alone."""


def plan(session: Session) -> list[str]:
    """What was to be done, and how far it came."""
    bench = session.bench
    if bench is None:
        return []
    done = sum(
        one.phase.kind is not PhaseKind.BLOCK
        and one.ended_ns is not None
        and one.cls not in ENDED_EARLY
        for one in session.phases
    )
    rows = [
        ("plan", text(bench.name)),
        ("seed of the order", str(bench.seed)),
        ("steps", f"{done} of {bench.steps}"),
        ("took", f"{duration(session.duration_s)} (estimated {duration(bench.estimate_s)})"),
        ("compared with", code(bench.baseline) if bench.baseline else ""),
    ]
    known = [row for row in rows if row[1]]
    return section("Plan", table(("benchmark", ""), known), _expected(session))


def _expected(session: Session) -> list[str]:
    """Each line of the expectations, with where its threshold comes from."""
    every = dict.fromkeys(one.expectation for one in session.verdicts)
    rows = [[text(one.title), text(wanted(one)), text(one.source)] for one in every]
    return table(("expected", ">wanted", "where the threshold comes from"), rows) if rows else []


def method(session: Session) -> list[str]:
    """The method of a benchmark; a session by hand has none."""
    return _METHOD.splitlines() if session.bench else []


def again(session: Session) -> list[str]:
    """How to repeat it; nothing of a session by hand."""
    bench = session.bench
    if bench is None:
        return []
    name = shlex.quote(one_line(session.run_id).replace("`", ""))
    return section(
        "How to repeat",
        [
            "`plan.toml` and `expectations.toml` are those that it was run with:",
            "",
            "```sh",
            f"sleeptui export {name} --format plan",
            f"sleeptui bench plan.toml --expectations expectations.toml{_options(bench)}",
            "```",
        ],
    )


def _options(bench: PlanSeen) -> str:
    name = one_line(bench.baseline).replace("`", "")
    baseline = f" --baseline {shlex.quote(name)}" if name else ""
    return f" --seed {bench.seed}{baseline}"
