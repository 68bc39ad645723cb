"""``report.md``: the session as a page, with its charts beside it."""

from sleeptui.core.session import Session
from sleeptui.recorder.exports import report_bench as bench
from sleeptui.recorder.exports import report_flights, report_plan, report_proof, report_stability
from sleeptui.recorder.exports import report_results as results
from sleeptui.recorder.exports import report_session as about
from sleeptui.recorder.exports import report_times as figures
from sleeptui.recorder.exports.charts import MEMORY, REQUESTS, RESIDUAL, TIMES, Chart
from sleeptui.recorder.exports.markdown import section
from sleeptui.recorder.exports.measured import Measured


def report_md(measured: Measured) -> bytes:
    """The file."""
    session = measured.session
    lines = [
        *about.head(session),
        *figures.glance(measured),
        *bench.verdicts(session),
        *bench.headline(measured),
        *_links(session),
        *_picture(session, MEMORY),
        *figures.times(measured),
        *_picture(session, TIMES),
        *results.attempts(measured),
        *results.memory(measured),
        *_picture(session, RESIDUAL),
        *report_proof.proofs(session),
        *results.answers(measured),
        *report_flights.in_flight(measured),
        *_picture(session, REQUESTS),
        *report_stability.stability(session),
        *bench.broken_phases(session),
        *results.others(session),
        *about.imported(session),
        *about.noted(session),
        *figures.parts(measured),
        *bench.cold_starts(session),
        *report_plan.plan(session),
        *about.environment(session),
        *about.quality(session),
        *about.method(session),
    ]
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


def _links(session: Session) -> list[str]:
    """Of a benchmark: by hand there are too few wakes to say it of a machine."""
    return report_proof.links(session) if session.bench else []


def _picture(session: Session, chart: Chart) -> list[str]:
    if not chart.is_worth(session):
        return []
    return section(chart.title, [f"![{chart.title}]({chart.path})"], [f"*{chart.caption}*"])
