"""Reports of guidellm, ``benchmarks.json``: report versions 1 and 2.

Read in the sources of 0.8.1. What guidellm calls inter-token latency is the mean over one request
without its first token: vLLM's TPOT. Its own time per output token counts the first token too; it
keeps its name here.
"""

from collections.abc import Iterator, Mapping, Sequence

from sleeptui.core.session import ImportedSeries
from sleeptui.recorder.imports.foreign import (
    MS,
    Foreign,
    Plain,
    number,
    plain,
    rows,
    series,
    single,
    table,
    text,
)

SOURCE = "guidellm"
_NAMES = {
    "time_to_first_token_ms": ("ttft", MS),
    "inter_token_latency_ms": ("tpot", MS),
    "time_per_output_token_ms": ("time_per_output_token", MS),
    "request_latency": ("e2el", 1.0),
}
_NOTES = {
    "tpot": "guidellm's inter_token_latency: without the first token, what vLLM calls TPOT",
    "time_per_output_token": "counts the first token too: not what vLLM calls TPOT",
}
_RATES = {
    "requests_per_second": ("request_throughput", "req/s"),
    "output_tokens_per_second": ("output_throughput", "tok/s"),
    "tokens_per_second": ("total_token_throughput", "tok/s"),
}
_STATUS = ("successful", "incomplete", "errored", "total")
_DIGITS = 9
"""Of a percentile; more is none."""
_OUTCOMES = "only requests that guidellm counts as successful; incomplete and errored are counted"


def fits(document: Mapping[str, object]) -> bool:
    """Whether it is such a report."""
    return "version" in table(document, "metadata") and isinstance(document.get("benchmarks"), list)


def read(every: Sequence[Mapping[str, object]]) -> Foreign:
    """All benchmarks of all reports, a run each."""
    benchmarks = [table(one) for report in every for one in rows(report.get("benchmarks"))]
    spans = [span for one in benchmarks if (span := _span(one)) is not None]
    began_s = min((began for began, _ in spans), default=None)
    ended_s = max((ended for _, ended in spans), default=None)
    runs = _runs(benchmarks)
    return Foreign(
        source=SOURCE,
        model=next((name for one in every if (name := _model(one))), ""),
        began_s=began_s,
        duration_s=ended_s - began_s if ended_s is not None and began_s is not None else 0.0,
        plan=_plan(every[0]),
        series=tuple(
            one for run, each in zip(runs, benchmarks, strict=True) for one in _of(each, run)
        ),
        notes=(_OUTCOMES,),
    )


def _model(report: Mapping[str, object]) -> str:
    """Version 2 has it in the configuration, version 1 in the arguments or in each benchmark."""
    first = next(iter(rows(report.get("benchmarks"))), None)
    for place, name in (
        (table(report, "config", "spec", "backend"), "model"),
        (table(report, "args"), "model"),
        (table(first, "benchmarker", "backend"), "model"),
        (table(first, "worker"), "backend_model"),
    ):
        found = text(place.get(name))
        if found:
            return found
    return ""


def _plan(report: Mapping[str, object]) -> Mapping[str, Plain]:
    told = dict(plain(table(report, "metadata"), ("version", "guidellm_version")))
    profile = table(report, "config", "spec", "profile")
    return {
        f"report_{name}" if name == "version" else name: value for name, value in told.items()
    } | {f"profile.{name}": value for name, value in plain(profile, ("kind", "rampup_duration"))}


def _strategy(one: Mapping[str, object]) -> Mapping[str, object]:
    places = (("config", "strategy"), ("scheduler", "strategy"), ("args", "strategy"))
    return next((found for place in places if (found := table(one, *place))), {})


def _runs(benchmarks: Sequence[Mapping[str, object]]) -> list[str]:
    """A name for each run that no other has: its strategy, with its rate or streams."""
    if len(benchmarks) == 1:
        return [""]
    named: list[str] = []
    for one in benchmarks:
        strategy = _strategy(one)
        rate, streams = number(strategy.get("rate")), number(strategy.get("streams"))
        parts = [text(strategy.get("type_")) or "run"]
        parts += [] if rate is None else [f"rate {rate:g}"]
        parts += [] if streams is None else [f"streams {streams:g}"]
        name = " ".join(parts)
        count = sum(other == name or other.startswith(f"{name} #") for other in named)
        named.append(f"{name} #{count + 1}" if count else name)
    return named


def _span(one: Mapping[str, object]) -> tuple[float, float] | None:
    for place in (one, table(one, "run_stats")):
        began, ended = number(place.get("start_time")), number(place.get("end_time"))
        if began is not None and ended is not None and ended >= began:
            return began, ended
    return None


def _of(one: Mapping[str, object], run: str) -> Iterator[ImportedSeries]:
    metrics, requests = table(one, "metrics"), rows(table(one, "requests").get("successful"))
    totals = table(metrics, "request_totals")
    whole = number(totals.get("successful"))
    for key, (name, scale) in _NAMES.items():
        values = [number(table(request).get(key), scale) for request in requests]
        note = _NOTES.get(name, "")
        if values and whole is not None and len(values) < whole:
            part = f"{len(values)} of {whole:.0f} requests are in the file"
            note = f"{note}; {part}" if note else part
        stats = _stats(table(metrics, key, "successful"), scale)
        yield from series(name, run=run, values=values, stats=stats, note=note)
    for key, (name, unit) in _RATES.items():
        yield from single(name, table(metrics, key, "successful").get("mean"), run=run, unit=unit)
    counts = {name: number(totals.get(name)) for name in _STATUS}
    yield from series("counts", run=run, unit="", stats=counts)


def _stats(told: Mapping[str, object], scale: float) -> Mapping[str, float | None]:
    found = {name: number(told.get(name), scale) for name in ("mean", "median", "min", "max")}
    found["std"] = number(told.get("std_dev"), scale)
    for name, value in table(told, "percentiles").items():
        digits = name.removeprefix("p")
        if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS:
            found[f"p{_percent(digits)}"] = number(value, scale)
    return found


def _percent(digits: str) -> str:
    """``001`` is 0.1, ``05`` is 5, ``999`` is 99.9."""
    return f"{int(digits) / 10 ** (len(digits) - 2):g}" if len(digits) > 2 else f"{int(digits)}"  # noqa: PLR2004 - as said
