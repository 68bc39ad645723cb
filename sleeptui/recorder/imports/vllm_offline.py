"""Results of ``vllm bench startup``, ``latency`` and ``throughput``: without a server, in-process.

Read in the sources of 0.32.0.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import fsum

from sleeptui.core.session import ImportedSeries
from sleeptui.recorder.imports.foreign import (
    Foreign,
    number,
    numbers,
    series,
    single,
    table,
    text,
)

STARTUP = "vllm bench startup"
LATENCY = "vllm bench latency"
THROUGHPUT = "vllm bench throughput"
STARTUP_KEYS = ("cold_startup_times",)
LATENCY_KEYS = ("latencies", "avg_latency")
THROUGHPUT_KEYS = ("elapsed_time", "tokens_per_second")
_TIMES = re.compile(r"((?:cold|warm)_[a-z_]+)_times")
_SCOPE = (
    "vllm bench startup times the making of the engine alone, without the start of the interpreter"
    " and of the HTTP server: it is not a cold start as sleeptui measures it"
)


def fits_startup(document: Mapping[str, object]) -> bool:
    """Whether it is a result of ``vllm bench startup``."""
    return all(key in document for key in STARTUP_KEYS)


def fits_latency(document: Mapping[str, object]) -> bool:
    """Whether it is a result of ``vllm bench latency``."""
    return all(key in document for key in LATENCY_KEYS)


def fits_throughput(document: Mapping[str, object]) -> bool:
    """Whether it is a result of ``vllm bench throughput``."""
    return all(key in document for key in THROUGHPUT_KEYS)


def read_startup(every: Sequence[Mapping[str, object]]) -> Foreign:
    """Cold and warm starts of the engine."""
    return _foreign(STARTUP, every, _startup, notes=(_SCOPE,))


def read_latency(every: Sequence[Mapping[str, object]]) -> Foreign:
    """Latencies of one batch."""
    return _foreign(LATENCY, every, _latency)


def read_throughput(every: Sequence[Mapping[str, object]]) -> Foreign:
    """Figures of one large batch."""
    return _foreign(THROUGHPUT, every, _throughput)


def _foreign(
    source: str,
    every: Sequence[Mapping[str, object]],
    of: Callable[[Mapping[str, object], str], Iterator[ImportedSeries]],
    notes: tuple[str, ...] = (),
) -> Foreign:
    runs = [""] if len(every) == 1 else [f"run {at}" for at in range(1, len(every) + 1)]
    return Foreign(
        source=source,
        model=text(every[0].get("model_id")),
        duration_s=fsum(number(one.get("elapsed_time")) or 0.0 for one in every),
        series=tuple(one for run, each in zip(runs, every, strict=True) for one in of(each, run)),
        notes=notes,
    )


def _startup(one: Mapping[str, object], run: str) -> Iterator[ImportedSeries]:
    for key, value in one.items():
        match = _TIMES.fullmatch(key)
        if match:
            name = f"{match[1]}_time"
            stats = {"mean": number(one.get(f"avg_{name}"))} | _percentiles(
                one.get(f"{match[1]}_percentiles")
            )
            yield from series(name, run=run, values=numbers(value), stats=stats)


def _latency(one: Mapping[str, object], run: str) -> Iterator[ImportedSeries]:
    stats = {"mean": number(one.get("avg_latency"))} | _percentiles(one.get("percentiles"))
    yield from series("latency", run=run, values=numbers(one.get("latencies")), stats=stats)


def _throughput(one: Mapping[str, object], run: str) -> Iterator[ImportedSeries]:
    yield from single("request_throughput", one.get("requests_per_second"), run=run, unit="req/s")
    yield from single("total_token_throughput", one.get("tokens_per_second"), run=run, unit="tok/s")
    yield from single("elapsed_time", one.get("elapsed_time"), run=run, unit="s")
    counts = {name: number(one.get(name)) for name in ("num_requests", "total_num_tokens")}
    yield from series("counts", run=run, unit="", stats=counts)


def _percentiles(value: object) -> dict[str, float | None]:
    """``{"50": 9.5}`` as ``p50``, and the median by its name."""
    found = {f"p{text(name)}": number(seconds) for name, seconds in table(value).items()}
    if "p50" in found:
        found["median"] = found["p50"]
    return found
