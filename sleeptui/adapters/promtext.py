"""A page of ``/metrics`` to the few figures in use.

A real page has 577 to 637 lines, and prometheus_client's parser reads each character in Python:
8 ms for the whole page, 128 times a second for 64 servers. So one compiled expression picks the
lines in use (0.05 ms), and the parser sees each *series*, the text before the value, only once:
the same series come back with every look. Names and labels: vLLM's ``v1/metrics/loggers.py``.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from sleeptui.core.model import EngineMetrics, SleepMetric

_BEYOND_REASON = float(1 << 62)
"""No counter counts so far, and a recording has no place for it."""
MAX_SERIES = 4096
"""More lines in use than this is no page of vLLM: 64 engines have about 1,500."""

_WANTED = (
    rb"num_requests_running",
    rb"num_requests_waiting",
    rb"kv_cache_usage_perc",
    rb"gpu_cache_usage_perc",  # its name up to 0.11
    rb"engine_sleep_state",
    rb"generation_tokens_total",
    rb"prompt_tokens_total",
    rb"num_preemptions_total",
    rb"request_success_total",
    rb"time_to_first_token_seconds_(?:sum|count)",
    rb"sleep_mode_operation_duration_seconds_(?:sum|count)",
    rb"sleep_mode_operations_in_flight",
    rb"cache_config_info",
)
# The literal "\n" in front lets the engine skip with memchr; a (?m)^ costs six times as much.
# 8,192 bytes of labels: the longest real line, vllm:cache_config_info, has 1,300.
_LINE = re.compile(
    rb"\n((?:vllm:(?:" + rb"|".join(_WANTED) + rb")|process_start_time_seconds)"
    rb"(?:\{[^\n]{0,8192}\})?)[ \t]+([^\s]{1,64})(?=[ \t\r]*[0-9-]*[ \t\r]*\n)"
)


class BrokenPageError(ValueError):
    """The page is not one that vLLM writes; the text says what is wrong with it."""


class _Series(NamedTuple):
    name: str
    labels: dict[str, str]


def parse_metrics(page: bytes) -> EngineMetrics:
    """Read the figures in use; families that the page lacks are None.

    Lines of a family that cannot be read, and a last line without its end, are left out;
    of a line that comes twice the last counts. NaN, infinities and numbers beyond reason are
    unknown.

    Args:
        page: The whole page as it came.

    Raises:
        BrokenPageError: No family of vLLM is in it, or absurdly many lines.
    """
    found = _LINE.findall(b"\n" + page)
    if len(found) > MAX_SERIES:
        raise BrokenPageError("has more series than any vLLM")
    sums = _Sums()
    for series, value in dict(found).items():
        known = _series(series)
        number = _number(value)
        if known is not None and number is not None:
            sums.add(known, number)
    if not sums.is_vllm:
        raise BrokenPageError("has no metrics of vLLM")
    return sums.result()


@lru_cache(maxsize=8192)
def _series(text: bytes) -> _Series | None:
    """Name and labels, by prometheus_client's parser; None if it cannot read them.

    The parser has no exception of its own: a broken line ends in any of these.
    """
    try:
        families = text_string_to_metric_families(text.decode() + " 0\n")
        (sample,) = (sample for family in families for sample in family.samples)
    except (ValueError, IndexError, KeyError, TypeError):
        return None
    return _Series(sample.name.removeprefix("vllm:"), sample.labels)


def _number(value: bytes) -> float | None:
    try:
        return _finite(float(value))
    except ValueError:
        return None


def _finite(value: float) -> float | None:
    return value if abs(value) < _BEYOND_REASON else None


class _Sums:
    """Collects samples by name; sums over engines are taken at the end."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[tuple[dict[str, str], float]]] = {}

    def add(self, series: _Series, value: float) -> None:
        """Keep one sample."""
        self._by_name.setdefault(series.name, []).append((series.labels, value))

    @property
    def is_vllm(self) -> bool:
        """A family of vLLM was seen; process_start_time_seconds is anybody's."""
        return any(name != "process_start_time_seconds" for name in self._by_name)

    def result(self) -> EngineMetrics:
        """The figures, summed over engines."""
        operation_s = "sleep_mode_operation_duration_seconds_sum"
        operations = "sleep_mode_operation_duration_seconds_count"
        return EngineMetrics(
            running=_whole(self._total("num_requests_running")),
            waiting=_whole(self._total("num_requests_waiting")),
            kv_usage=self._kv_usage(),
            sleep_metric=self._sleep_metric(),
            generation_tokens_total=self._total("generation_tokens_total"),
            prompt_tokens_total=self._total("prompt_tokens_total"),
            preemptions_total=self._total("num_preemptions_total"),
            requests_total=self._by_label("request_success_total", "finished_reason"),
            ttft_sum_s=self._total("time_to_first_token_seconds_sum"),
            ttft_count=self._total("time_to_first_token_seconds_count"),
            sleep_operation_s=self._by_label(operation_s, "operation").get("sleep"),
            wake_operation_s=self._by_label(operation_s, "operation").get("wake"),
            sleep_operations=_whole(self._by_label(operations, "operation").get("sleep")),
            wake_operations=_whole(self._by_label(operations, "operation").get("wake")),
            operations_in_flight=_whole(self._total("sleep_mode_operations_in_flight")),
            gpu_memory_utilization=self._gpu_memory_utilization(),
            kv_cache_tokens=self._kv_cache_tokens(),
            process_start_s=self._total("process_start_time_seconds"),
        )

    def _values(self, name: str) -> list[float]:
        return [value for _, value in self._by_name.get(name, ())]

    def _total(self, name: str) -> float | None:
        values = self._values(name)
        return _finite(sum(values)) if values else None

    def _by_label(self, name: str, label: str) -> dict[str, float]:
        totals: dict[str, float] = {}
        for labels, value in self._by_name.get(name, ()):
            key = labels.get(label)
            if key is not None:
                totals[key] = totals.get(key, 0.0) + value
        return totals

    def _kv_usage(self) -> float | None:
        values = self._values("kv_cache_usage_perc") or self._values("gpu_cache_usage_perc")
        return _finite(sum(values) / len(values)) if values else None

    def _sleep_metric(self) -> SleepMetric | None:
        """One-hot an engine; None too where the engines of a server disagree."""
        lit: dict[str, str | None] = {}
        for labels, value in self._by_name.get("engine_sleep_state", ()):
            engine = labels.get("engine", "")
            lit.setdefault(engine, None)
            if value:
                lit[engine] = labels.get("sleep_state")
        states = set(lit.values())
        if len(states) != 1:
            return None
        return _SLEEP_METRICS.get(states.pop())

    def _infos(self) -> Iterable[dict[str, str]]:
        return (labels for labels, _ in self._by_name.get("cache_config_info", ()))

    def _gpu_memory_utilization(self) -> float | None:
        shares = [_label_number(labels, "gpu_memory_utilization") for labels in self._infos()]
        return next((share for share in shares if share is not None), None)

    def _kv_cache_tokens(self) -> int | None:
        tokens = []
        for labels in self._infos():
            blocks = _label_number(labels, "num_gpu_blocks")
            size = _label_number(labels, "block_size")
            if blocks is not None and size is not None:
                tokens.append(blocks * size)
        return _whole(sum(tokens)) if tokens else None


_SLEEP_METRICS: dict[str | None, SleepMetric] = {
    None: SleepMetric.NONE,
    "awake": SleepMetric.AWAKE,
    "weights_offloaded": SleepMetric.OFFLOADED,
    "discard_all": SleepMetric.DISCARDED,
}


def _label_number(labels: dict[str, str], label: str) -> float | None:
    """In these labels stand Python's own words: ``2048``, ``0.92``, ``None``."""
    return _number(labels.get(label, "").encode())


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and abs(value) < _BEYOND_REASON else None
