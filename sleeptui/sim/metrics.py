"""The ``/metrics`` page of a simulated server, as large and as shaped as the real one.

Families, order, types, labels and buckets follow the pages of 0.25.1 (awake-metrics, H200) and
0.32.0 (005, 053 and 080, CPU). The help texts are our own. A page is kept until something on it
changes, so that sixty sleeping servers cost next to nothing.
"""

from collections.abc import Iterator

from sleeptui.sim.engine import Engine
from sleeptui.sim.exposition import Samples, buckets, counter, family, head
from sleeptui.sim.httpstats import HttpStats
from sleeptui.sim.spec import BLOCK_TOKENS
from sleeptui.sim.stats import FINISH_REASONS, Histogram

_GENERATIONS = ("0", "1", "2")
_SOURCES = ("local_compute", "local_cache_hit", "external_kv_transfer")
_TIERS = ("device", "host", "p2p", "disk", "external_unspecified")
_REJECTIONS = ("max_num_queued_reqs", "max_num_queued_tokens")
_SLEEP_STATES = ("awake", "weights_offloaded", "discard_all")


class MetricsPage:
    """Renders the page of one engine."""

    def __init__(self, engine: Engine, http: HttpStats) -> None:
        self._engine = engine
        self._http = http
        name = engine.spec.model_name.replace("\\", r"\\").replace('"', r"\"")
        self._labels = f'engine="0",model_name="{name}"'
        self._after_engine = f'model_name="{name}"'
        self._engine_part = ""
        self._engine_key: object = None

    def render(self, now_s: float) -> bytes:
        """The page now."""
        engine = self._engine
        key = self._key()
        if key != self._engine_key:
            self._engine_part = "".join(self._engine_families())
            self._engine_key = key
        process = "".join(_process_families(engine.created_s, now_s))
        tail = "".join(self._http.families(engine.created_s))
        operations = "".join(self._operation_families())
        return (process + self._engine_part + tail + operations).encode()

    def _key(self) -> object:
        stats, scheduler = self._engine.stats, self._engine.scheduler
        return (
            self._engine.created_s,
            self._engine.sleep_metric,
            scheduler.gauges,
            stats.generation_tokens,
            stats.prompt_tokens,
            tuple(stats.success.values()),
        )

    # --- vLLM's families, in the order of the page --------------------------------------------

    def _engine_families(self) -> Iterator[str]:
        engine, dialect = self._engine, self._engine.dialect
        stats = engine.stats
        running, waiting, kv_usage = engine.scheduler.gauges
        for what in ("flops", "read_bytes", "write_bytes"):
            yield from self._counter(f"estimated_{what}_per_gpu", [("", 0)])
        yield from self._gauge("num_requests_running", [("", running)])
        yield from self._gauge("num_requests_waiting", [("", waiting)])
        reasons = [('reason="capacity"', waiting), ('reason="deferred"', 0)]
        yield from self._gauge("num_requests_waiting_by_reason", reasons)
        if dialect.sleep_metric:
            states = zip(_SLEEP_STATES, engine.sleep_metric, strict=True)
            samples = [(f'sleep_state="{state}"', value) for state, value in states]
            yield from self._gauge("engine_sleep_state", samples)
        usage = "kv_cache_usage_perc" if dialect.nested_errors else "gpu_cache_usage_perc"
        yield from self._gauge(usage, [("", kv_usage)])
        yield from self._cache_counters()
        yield from self._counter("num_preemptions", [("", stats.preemptions)])
        yield from self._counter("prompt_tokens", [("", stats.prompt_tokens)])
        sources = [(f'source="{name}"', 0.0) for name in _SOURCES]
        sources[0] = (sources[0][0], stats.prompt_tokens)
        yield from self._counter("prompt_tokens_by_source", sources)
        yield from self._counter("prompt_tokens_cached", [("", 0)])
        if dialect.new_families:
            tiers = [(f'source="{name}"', 0.0) for name in _TIERS]
            yield from self._counter("prompt_tokens_cached_by_source", tiers)
        yield from self._counter("generation_tokens", [("", stats.generation_tokens)])
        ended = [(f'finished_reason="{why}"', stats.success[why]) for why in FINISH_REASONS]
        yield from self._counter("request_success", ended)
        if dialect.new_families:
            rejections = [(f'{self._after_engine},reason="{why}"', 0.0) for why in _REJECTIONS]
            yield from counter("vllm:admission_rejections", rejections, engine.created_s)
        for name, histogram in stats.histograms.items():
            if name != "request_num_preemptions" or dialect.preemption_histogram:
                yield from self._histogram(name, histogram)
        yield from self._cache_config()

    def _cache_counters(self) -> Iterator[str]:
        queries = self._engine.stats.prefix_queries
        yield from self._counter("prefix_cache_queries", [("", queries)])
        yield from self._counter("prefix_cache_hits", [("", 0)])
        for cache in ("external_prefix_cache", "mm_cache"):
            for what in ("queries", "hits"):
                yield from self._counter(f"{cache}_{what}", [("", 0)])

    def _cache_config(self) -> Iterator[str]:
        """Every cache setting as a label; the set of 0.25.1, later versions only add to it."""
        engine = self._engine
        tokens = engine.kv_tokens
        labels = {
            "_block_size_resolved": True,
            "block_size": BLOCK_TOKENS,
            "cache_dtype": "auto",
            "enable_prefix_caching": True,
            "engine": 0,
            "gpu_memory_utilization": engine.spec.gpu_memory_utilization,
            "hash_block_size": None,
            "is_attention_free": False,
            "kv_cache_dtype_skip_layers": "[]",
            "kv_cache_max_concurrency": tokens / engine.spec.max_model_len,
            "kv_cache_memory_bytes": None,
            "kv_cache_size_tokens": tokens,
            "kv_offloading_backend": "native",
            "kv_offloading_size": None,
            "kv_sharing_fast_prefill": False,
            "mamba_block_size": None,
            "mamba_cache_dtype": "auto",
            "mamba_cache_mode": "none",
            "mamba_page_size_padded": None,
            "mamba_ssm_cache_dtype": "auto",
            "num_cpu_blocks": None,
            "num_gpu_blocks": tokens // BLOCK_TOKENS,
            "num_gpu_blocks_override": None,
            "prefix_caching_hash_algo": "sha256",
            "skip_page_size_padded": None,
            "sliding_window": None,
            "user_specified_block_size": False,
        }
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        yield from family("vllm:cache_config_info", "gauge", [(text, 1)])

    def _operation_families(self) -> Iterator[str]:
        """0.32 and later; they appear with the first operation, at the end of the page."""
        stats = self._engine.stats
        if not self._engine.dialect.operation_metrics or not stats.operations:
            return
        name = "vllm:sleep_mode_operation_duration_seconds"
        done = {k: o.duration for k, o in stats.operations.items() if o.duration.count}
        if done:
            yield head(name, "histogram")
            for kind, histogram in done.items():
                yield from buckets(name, histogram, "", f'operation="{kind}"')
            created = [(f'operation="{kind}"', self._engine.created_s) for kind in done]
            yield from family(f"{name}_created", "gauge", created)
        flights = [(f'operation="{k}"', float(o.in_flight)) for k, o in stats.operations.items()]
        yield from family("vllm:sleep_mode_operations_in_flight", "gauge", flights)

    # --- shapes -------------------------------------------------------------------------------

    def _gauge(self, name: str, samples: Samples) -> Iterator[str]:
        yield from family(f"vllm:{name}", "gauge", self._full(samples))

    def _counter(self, name: str, samples: Samples) -> Iterator[str]:
        yield from counter(f"vllm:{name}", self._full(samples), self._engine.created_s)

    def _histogram(self, name: str, histogram: Histogram) -> Iterator[str]:
        full = f"vllm:{name}"
        yield head(full, "histogram")
        yield from buckets(full, histogram, 'engine="0",', self._after_engine)
        created = [(self._labels, self._engine.created_s)]
        yield from family(f"{full}_created", "gauge", created)

    def _full(self, samples: Samples) -> Samples:
        """Labels in alphabetical order, as the page has them."""
        return [(self._sorted(label), value) for label, value in samples]

    def _sorted(self, label: str) -> str:
        if not label:
            return self._labels
        if label < "model_name":
            return f'engine="0",{label},{self._after_engine}'
        return f"{self._labels},{label}"


def _process_families(created_s: float, now_s: float) -> Iterator[str]:
    for what in ("objects_collected", "objects_uncollectable", "collections"):
        counts = [(f'generation="{name}"', 0.0) for name in _GENERATIONS]
        yield from family(f"python_gc_{what}_total", "counter", counts)
    info = 'implementation="CPython",major="3",minor="12",patchlevel="3",version="3.12.3"'
    yield from family("python_info", "gauge", [(info, 1)])
    for name, kind, value in (
        ("virtual_memory_bytes", "gauge", 9.449467904e9),
        ("resident_memory_bytes", "gauge", 1.07022336e9),
        ("start_time_seconds", "gauge", round(created_s, 2)),
        ("cpu_seconds_total", "counter", round(25 + now_s % 1e5 / 50, 2)),
        ("open_fds", "gauge", 46),
        ("max_fds", "gauge", 20000),
    ):
        yield from family(f"process_{name}", kind, [("", value)])
