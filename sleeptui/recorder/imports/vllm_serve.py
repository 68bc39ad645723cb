"""Results of ``vllm bench serve --save-result``: one object, or several with ``--append-result``.

Read in the sources of 0.32.0. Lists of values are there with ``--save-detailed`` only, but for
``latencies`` and ``queue_times``, which newer versions always write.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sleeptui.core.session import ImportedSeries
from sleeptui.recorder.imports.foreign import (
    MS,
    Foreign,
    number,
    numbers,
    plain,
    rows,
    series,
    single,
    text,
)

SOURCE = "vllm bench serve"
KEYS = ("backend", "request_throughput")
"""By which it is known."""
_PLAN = (
    "backend", "endpoint_type", "label", "tokenizer_id", "num_prompts", "request_rate",
    "burstiness", "max_concurrency", "ramp_up_strategy", "ramp_up_start_rps", "ramp_up_end_rps",
)  # fmt: skip
_STAT = re.compile(r"(mean|median|std|p\d+(?:\.\d+)?)_([a-z][a-z0-9_]*)_ms")
_RATES = {
    "request_throughput": "req/s",
    "request_goodput": "req/s",
    "output_throughput": "tok/s",
    "total_token_throughput": "tok/s",
}
_COUNTS = ("num_prompts", "completed", "failed", "total_input_tokens", "total_output_tokens")
_DERIVED = "made from the latencies, as vLLM does: (latency - ttft) / (output tokens - 1)"
_STRICTNESS = (
    "vllm bench counts a request as completed once one chunk has come: requests that were aborted"
    " or cut off are among them"
)


def fits(document: Mapping[str, object]) -> bool:
    """Whether it is such a result."""
    return all(key in document for key in KEYS)


def read(every: Sequence[Mapping[str, object]]) -> Foreign:
    """All results of a file, a run each."""
    runs = _runs(every)
    first, last = every[0], every[-1]
    ended = _moment(first.get("date"))
    duration_s = number(first.get("duration")) or 0.0
    final = _moment(last.get("date"))
    began = None if ended is None else ended - duration_s
    return Foreign(
        source=SOURCE,
        model=next((name for one in every if (name := text(one.get("model_id")))), ""),
        began_s=began,
        duration_s=max(duration_s, final - began if final and began else 0.0),
        plan=_plan(every),
        series=tuple(one for run, each in zip(runs, every, strict=True) for one in _of(each, run)),
        notes=(_STRICTNESS,),
    )


def _plan(every: Sequence[Mapping[str, object]]) -> dict[str, float | int | str | bool | None]:
    """What was asked in all runs alike; what differs is in their names."""
    plans = [dict(plain(one, _PLAN)) for one in every]
    return {
        name: value
        for name, value in plans[0].items()
        if all(one.get(name) == value for one in plans)
    }


def _runs(every: Sequence[Mapping[str, object]]) -> list[str]:
    """A name for each run that no other has; none where there is one run."""
    if len(every) == 1:
        return [""]
    named: list[str] = []
    for one in every:
        parts = [text(one.get("label"))]
        rate, most = number(one.get("request_rate")), number(one.get("max_concurrency"))
        parts += [] if rate is None else [f"rate {rate:g}"]
        parts += [] if most is None else [f"concurrency {most:g}"]
        name = ", ".join(filter(None, parts)) or "run"
        count = sum(other == name or other.startswith(f"{name} #") for other in named)
        named.append(f"{name} #{count + 1}" if count else name)
    return named


def _moment(date: object) -> float | None:
    """``20261123-231244``, in the local time of where it ran; taken as ours."""
    try:
        return datetime.strptime(text(date), "%Y%m%d-%H%M%S").timestamp()  # noqa: DTZ007 - as said
    except (ValueError, OverflowError, OSError):
        return None


def _of(one: Mapping[str, object], run: str) -> Iterator[ImportedSeries]:
    stats: dict[str, dict[str, float | None]] = {}
    for key, value in one.items():
        match = _STAT.fullmatch(key)
        if match:
            stats.setdefault(match[2], {})[match[1]] = number(value, MS)
    values = _values(one)
    for name in (*stats, *(name for name in values if name not in stats)):
        yield from series(
            name,
            run=run,
            values=values.get(name, ()),
            stats=stats.get(name),
            note=_DERIVED if name == "tpot" and name in values else "",
        )
    for name, unit in _RATES.items():
        yield from single(name, one.get(name), run=run, unit=unit)
    yield from single("duration", one.get("duration"), run=run, unit="s")
    counts = {name: number(one.get(name)) for name in _COUNTS}
    yield from series("counts", run=run, unit="", stats=counts)


def _values(one: Mapping[str, object]) -> Mapping[str, Sequence[float | None]]:
    """The lists, under the names of their figures; None for a request that failed."""
    failed = [bool(error) for error in rows(one.get("errors"))]

    def good(name: str) -> list[float | None]:
        """A request that failed has 0 in the place of its times."""
        those = numbers(one.get(name))
        flags = failed if len(failed) == len(those) else [False] * len(those)
        return [
            None if is_bad or value is None or value <= 0 else value
            for value, is_bad in zip(those, flags, strict=True)
        ]

    latencies, ttfts = good("latencies"), good("ttfts")
    found: dict[str, Sequence[float | None]] = {
        "ttft": ttfts,
        "tpot": _tpots(latencies, ttfts, numbers(one.get("output_lens"))),
        "itl": [value for those in rows(one.get("itls")) for value in numbers(those)],
        "e2el": latencies,
        "queue_time": numbers(one.get("queue_times")),
    }
    return {name: those for name, those in found.items() if those}


def _tpots(
    latencies: Sequence[float | None],
    ttfts: Sequence[float | None],
    tokens: Sequence[float | None],
) -> list[float | None]:
    if not len(latencies) == len(ttfts) == len(tokens):
        return []
    return [
        None if latency is None or first is None or not count or count <= 1
        else max(latency - first, 0.0) / (count - 1)
        for latency, first, count in zip(latencies, ttfts, tokens, strict=True)
    ]  # fmt: skip
