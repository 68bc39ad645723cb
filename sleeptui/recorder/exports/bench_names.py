"""A load as ``vllm bench serve`` and ``vllm bench startup`` (0.33) name its figures.

Scripts that read their files read these. Where the two count otherwise than we do, both counts are
there; what is not known, or not carried by so few values, is null and never 0.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import fsum
from typing import Any

from sleeptui.core import stats
from sleeptui.core.cold import ColdKind
from sleeptui.core.interval import Interval
from sleeptui.core.session import RequestSeen, ServerSeen, Session
from sleeptui.recorder.exports.requests_csv import latencies

PERCENTILES = (90, 95, 99)
STARTUP_PERCENTILES = (10, 25, 50, 75, 90, 99)
_COLD = ("cold.health", "cold.ttft")
_TRIPLES = {
    "cold_startup": ("cold.health",),
    "cold_ttft": ("cold.ttft",),
    "wake": ("wake.call", "wake.ready_l2"),
    "wake_ttft": ("wake.ttft",),
    "first_sleep": ("sleep.first",),
    "sleep": ("sleep.call",),
    "switch": ("switch",),
}
_NOT_LOAD = ("canary",)


def phase(session: Session, server: ServerSeen, intervals: Sequence[Interval]) -> dict[str, Any]:
    """All requests to one server but canaries as one load, and its sleeps and wakes."""
    load = [
        one
        for one in session.requests
        if one.server == server.name and one.cohort not in _NOT_LOAD and one.sent_ns is not None
    ]
    return {
        **_about(session, server, len(load)),
        **_totals(load),
        **_latencies(load),
        **_details(session, load),
        **_startup([one for one in intervals if one.server == server.name]),
    }


def is_completed(one: RequestSeen) -> bool:
    """Strictly: it ended by itself, and the end of its stream was seen."""
    return one.finish_reason in ("stop", "length") and one.terminated and one.error is None


def _about(session: Session, server: ServerSeen, count: int) -> dict[str, Any]:
    began = datetime.fromtimestamp(session.wall_ns // 1_000_000_000, UTC)
    root = server.facts.root if server.facts else None
    return {
        "date": f"{began:%Y%m%d-%H%M%S}",
        "backend": "vllm",
        "endpoint_type": "openai",
        "label": server.name,
        "model_id": server.model,
        "tokenizer_id": root or server.model,
        "num_prompts": count,
        "request_rate": None,  # by hand: there is no schedule
        "burstiness": None,
        "max_concurrency": None,
    }


def _totals(load: Sequence[RequestSeen]) -> dict[str, Any]:
    completed = [one for one in load if is_completed(one)]
    begins = [one.sent_ns for one in load if one.sent_ns is not None]
    ends = [one.ended_ns for one in load if one.ended_ns is not None]
    duration = (max(ends) - min(begins)) / 1e9 if begins and ends else None
    given = sum(one.prompt_tokens or 0 for one in completed)
    made = sum(one.output_tokens or 0 for one in completed)

    def rate(count: int) -> float | None:
        """A second."""
        return count / duration if duration else None

    return {
        "duration": duration,
        "completed": len(completed),
        "completed_vllm_bench_rule": sum(one.first_ns is not None for one in load),
        "failed": len(load) - len(completed),
        "total_input_tokens": given,
        "total_output_tokens": made,
        "request_throughput": rate(len(completed)),
        "request_goodput": None,
        "output_throughput": rate(made),
        "total_token_throughput": rate(given + made),
    }


def _latencies(load: Sequence[RequestSeen]) -> dict[str, float | None]:
    """Milliseconds, of completed requests; the deviation is that of the population, as NumPy's."""
    completed = [latencies(one) for one in load if is_completed(one)]
    gaps = [gap for one in load if is_completed(one) for gap in _gaps(one)]
    series = {
        "ttft": [one[0] for one in completed if one[0] is not None],
        "tpot": [one[1] for one in completed if one[1] is not None],
        "itl": gaps,
        "e2el": [one[2] for one in completed if one[2] is not None],
    }
    figures: dict[str, float | None] = {}
    for name, values in series.items():
        mean, std = stats.mean_std(values) if values else (None, None)
        figures[f"mean_{name}_ms"] = _ms(mean)
        figures[f"median_{name}_ms"] = _ms(stats.median(values) if values else None)
        figures[f"std_{name}_ms"] = _ms(std)
        for percent in PERCENTILES:
            value = stats.percentile(values, percent).value
            figures[f"p{percent}_{name}_ms"] = _ms(value)
    return figures


def _ms(value_s: float | None) -> float | None:
    return None if value_s is None else value_s * 1000


def _gaps(one: RequestSeen) -> list[float]:
    """Between pieces, as ``vllm bench serve`` takes them; a piece may have several tokens."""
    return [(after - before) / 1e9 for (before, _), (after, _) in pairwise(one.chunks)]


def _details(session: Session, load: Sequence[RequestSeen]) -> dict[str, list[Any]]:
    """A value a request, in the order of their sending; seconds."""
    timed = [latencies(one) for one in load]
    return {
        "input_lens": [one.prompt_tokens for one in load],
        "output_lens": [one.output_tokens for one in load],
        "ttfts": [one[0] for one in timed],
        "itls": [_gaps(one) for one in load],
        "latencies": [one[2] for one in timed],
        "start_times": [((one.sent_ns or 0) - session.began_ns) / 1e9 for one in load],
        "queue_times": [
            None if one.scheduled_ns is None else ((one.sent_ns or 0) - one.scheduled_ns) / 1e9
            for one in load
        ],
        "errors": [_error(one) for one in load],
    }


def _error(one: RequestSeen) -> str:
    """Empty for a completed one, as there."""
    return "" if is_completed(one) else one.error or one.finish_reason or one.fate


def _startup(intervals: Sequence[Interval]) -> dict[str, Any]:
    """Average, values and percentiles, seconds; of the level with most wakes, the kind with most.

    ``vllm bench startup`` times the engine alone; these are times of a server.
    """
    level, arm = _level(intervals), _arm(intervals)
    triples: dict[str, Any] = {"startup_scope": "server", "sleep_level": level}
    if arm is not None:
        triples["cold_kind"] = arm
    for name, ids in _TRIPLES.items():
        wanted = [
            one
            for one in intervals
            if one.id in ids and one.level in (level, None) and one.arm in ("", arm)
        ]
        values = [value for one in wanted for value in one.values]
        if values:
            triples[f"avg_{name}_time"] = fsum(values) / len(values)
            triples[f"{name}_times"] = values
            triples[f"{name}_percentiles"] = _percentiles(values)
    return triples


def _level(intervals: Sequence[Interval]) -> int | None:
    wakes: Mapping[int, int] = {
        one.level: one.n
        for one in intervals
        if one.id in _TRIPLES["wake"] and one.level is not None
    }
    return max(wakes, key=lambda level: (wakes[level], -level), default=None)


def _arm(intervals: Sequence[Interval]) -> str | None:
    """The kind of cold starts that most are of; None: there are none."""
    starts = {one.arm: one.n for one in intervals if one.id in _COLD and one.n}
    return max(starts, key=lambda arm: (starts[arm], arm == ColdKind.CACHED), default=None)


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {
        str(percent): stats.percentile(values, percent).value for percent in STARTUP_PERCENTILES
    }
