"""All exports by name: what each makes of a session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sleeptui.core.session import Session
from sleeptui.recorder.exports.measured import Measured

Files = Mapping[str, bytes]
"""By their path below the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """One format."""

    name: str
    """As on the command line."""
    says: str
    """A few words for the help."""
    make: Callable[[Measured], Files]
    is_single: bool = True
    """One file, which may go to a pipe."""
    is_usual: bool = True
    """Made where no format is named."""


def _json(measured: Measured) -> Files:
    from sleeptui.recorder.exports.results_json import results_json  # noqa: PLC0415

    return {"results.json": results_json(measured)}


def _csv(measured: Measured) -> Files:
    from sleeptui.recorder.exports.results_csv import results_csv  # noqa: PLC0415

    return {"results.csv": results_csv(measured)}


def _requests(measured: Measured) -> Files:
    from sleeptui.recorder.exports.requests_csv import requests_csv  # noqa: PLC0415

    return {"requests.csv": requests_csv(measured.session)}


def _markdown(measured: Measured) -> Files:
    from sleeptui.recorder.exports.report_md import report_md  # noqa: PLC0415

    return {"report.md": report_md(measured)}


def _charts(measured: Measured) -> Files:
    from sleeptui.recorder.exports.charts import charts  # noqa: PLC0415

    return charts(measured)


def _trace(measured: Measured) -> Files:
    from sleeptui.recorder.exports.trace import trace  # noqa: PLC0415

    return {"trace.json": trace(measured.session)}


def _openmetrics(measured: Measured) -> Files:
    from sleeptui.recorder.exports.openmetrics import openmetrics  # noqa: PLC0415

    return {"session.prom": openmetrics(measured)}


def _plan(measured: Measured) -> Files:
    """What it was run with, to run it again; a session by hand has none."""
    plan = measured.session.bench
    if plan is None:
        return {}
    return {"plan.toml": plan.toml.encode(), "expectations.toml": plan.expectations.encode()}


EXPORTERS: Mapping[str, Exporter] = {
    one.name: one
    for one in (
        Exporter(name="json", says="results.json, names as in vllm bench", make=_json),
        Exporter(name="csv", says="results.csv, a row an interval", make=_csv),
        Exporter(name="requests", says="requests.csv, a row a request", make=_requests),
        Exporter(name="markdown", says="report.md, in a folder with its charts", make=_markdown),
        Exporter(name="charts", says="charts/*.svg", make=_charts, is_single=False),
        Exporter(name="trace", says="trace.json, for Perfetto", make=_trace),
        Exporter(
            name="plan",
            says="plan.toml and expectations.toml of a benchmark",
            make=_plan,
            is_single=False,
        ),
        Exporter(
            name="openmetrics",
            says="session.prom, for Prometheus' textfile collector",
            make=_openmetrics,
            is_usual=False,
        ),
    )
}
"""Imported one by one: a table needs no Matplotlib."""


def usual() -> tuple[str, ...]:
    """The formats that are made where none is named."""
    return tuple(one.name for one in EXPORTERS.values() if one.is_usual)


def files(session: Session, formats: tuple[str, ...]) -> Files:
    """All files of some formats; a report comes with its charts."""
    wanted = dict.fromkeys(formats)
    if "markdown" in wanted:
        wanted |= {"charts": None}
    measured = Measured(session)
    made: dict[str, bytes] = {}
    for name in wanted:
        made |= EXPORTERS[name].make(measured)
    return made
