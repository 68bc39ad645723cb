"""The counters and histograms behind a simulated ``/metrics`` page."""

from bisect import bisect_left
from collections.abc import Sequence

TOKEN_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
ITERATION_BUCKETS = (
    *(1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0),
    *(1024.0, 2048.0, 4096.0, 8192.0, 16384.0),
)
FEW_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0)
TTFT_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
GAP_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5),
    *(0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
LATENCY_BUCKETS = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
PREEMPTION_BUCKETS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)
OPERATION_BUCKETS = (0.01, 0.1, 1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
FINISH_REASONS = ("stop", "length", "abort", "error", "repetition")


class Histogram:
    """A Prometheus histogram: cumulative counts are made when it is read."""

    __slots__ = ("_counts", "bounds", "count", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.count = 0
        self.sum = 0.0
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, several times at once if need be."""
        self._counts[bisect_left(self.bounds, value)] += times
        self.count += times
        self.sum += value * times

    def cumulative(self) -> list[int]:
        """A count a bucket, the last one (+Inf) is all."""
        total, counts = 0, []
        for count in self._counts:
            total += count
            counts.append(total)
        return counts


class Operation:
    """``vllm:sleep_mode_operation_*`` of one kind."""

    __slots__ = ("duration", "in_flight")

    def __init__(self) -> None:
        self.duration = Histogram(OPERATION_BUCKETS)
        self.in_flight = 0


class Stats:
    """All that one engine counts since its start."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self.prefix_queries = 0
        self.preemptions = 0
        """Running requests that have lost their KV cache, and are computed anew."""
        self.success = dict.fromkeys(FINISH_REASONS, 0)
        self.histograms = {
            "request_prompt_tokens": Histogram(TOKEN_BUCKETS),
            "request_generation_tokens": Histogram(TOKEN_BUCKETS),
            "iteration_tokens_total": Histogram(ITERATION_BUCKETS),
            "request_max_num_generation_tokens": Histogram(TOKEN_BUCKETS),
            "request_params_n": Histogram(FEW_BUCKETS),
            "request_params_max_tokens": Histogram(TOKEN_BUCKETS),
            "time_to_first_token_seconds": Histogram(TTFT_BUCKETS),
            "inter_token_latency_seconds": Histogram(GAP_BUCKETS),
            "request_time_per_output_token_seconds": Histogram(GAP_BUCKETS),
            "e2e_request_latency_seconds": Histogram(LATENCY_BUCKETS),
            "request_queue_time_seconds": Histogram(LATENCY_BUCKETS),
            "request_inference_time_seconds": Histogram(LATENCY_BUCKETS),
            "request_prefill_time_seconds": Histogram(LATENCY_BUCKETS),
            "request_decode_time_seconds": Histogram(LATENCY_BUCKETS),
            "request_num_preemptions": Histogram(PREEMPTION_BUCKETS),
            "request_prefill_kv_computed_tokens": Histogram(TOKEN_BUCKETS),
        }
        self.operations: dict[str, Operation] = {}

    def observe(self, family: str, value: float, times: int = 1) -> None:
        """Count into ``vllm:<family>``."""
        self.histograms[family].observe(value, times)

    def operation(self, kind: str) -> Operation:
        """The counters of ``sleep`` or ``wake``; they appear with the first one."""
        return self.operations.setdefault(kind, Operation())
