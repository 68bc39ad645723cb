"""The metrics parser, on recorded pages, on composed ones and on rubbish."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from support.replay import recorded_body

from sleeptui.adapters import promtext
from sleeptui.adapters.promtext import BrokenPageError, parse_metrics
from sleeptui.core.model import EngineMetrics, SleepMetric

PAGES = [
    ("vllm-0.25.1", "metrics-awake", SleepMetric.AWAKE),
    ("vllm-0.25.1", "metrics-l1", SleepMetric.OFFLOADED),
    ("vllm-0.25.1", "metrics-l2", SleepMetric.DISCARDED),
    ("vllm-0.25.1", "metrics-partial", SleepMetric.AWAKE),
    ("vllm-0.31.0", "metrics-awake", SleepMetric.AWAKE),
    ("vllm-0.31.0", "metrics-l1", SleepMetric.OFFLOADED),
    ("vllm-0.31.0", "metrics-l0", SleepMetric.NONE),
    ("vllm-0.32.0", "metrics-awake", SleepMetric.AWAKE),
    ("vllm-0.32.0", "metrics-l1", SleepMetric.OFFLOADED),
    ("vllm-0.32.0", "metrics-l2", SleepMetric.DISCARDED),
    ("vllm-0.32.0", "metrics-l0", SleepMetric.NONE),
    ("vllm-0.32.0", "metrics-partial", SleepMetric.DISCARDED),
]


def page(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(("folder", "name", "state"), PAGES)
def test_recorded_pages_agree_with_the_whole_parser(folder, name, state):
    body = recorded_body(folder, name)
    values: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            values.setdefault(sample.name, []).append(sample.value)

    found = parse_metrics(body)

    def total(sample: str) -> float | None:
        return sum(values[sample]) if sample in values else None

    assert found.sleep_metric is state
    assert found.running == total("vllm:num_requests_running")
    assert found.waiting == total("vllm:num_requests_waiting")
    assert found.kv_usage == total("vllm:kv_cache_usage_perc")
    assert found.generation_tokens_total == total("vllm:generation_tokens_total")
    assert found.prompt_tokens_total == total("vllm:prompt_tokens_total")
    assert found.preemptions_total == total("vllm:num_preemptions_total")
    assert found.ttft_sum_s == total("vllm:time_to_first_token_seconds_sum")
    assert found.ttft_count == total("vllm:time_to_first_token_seconds_count")
    assert found.process_start_s == total("process_start_time_seconds")
    assert found.operations_in_flight == total("vllm:sleep_mode_operations_in_flight")
    assert sum(found.requests_total.values()) == total("vllm:request_success_total")


def test_operations_and_configuration_of_a_page_of_0_32():
    found = parse_metrics(recorded_body("vllm-0.32.0", "metrics-l2"))
    assert found.sleep_operations is not None
    assert found.sleep_operations > (found.wake_operations or 0) > 0
    assert found.sleep_operation_s is not None
    assert found.sleep_operation_s > 0
    assert found.kv_cache_tokens == 2048 * 128
    assert found.gpu_memory_utilization == 0.92
    assert set(found.requests_total) == {"stop", "length", "abort", "error", "repetition"}


def test_several_engines_are_summed_and_the_cache_use_is_their_mean():
    found = parse_metrics(
        page(
            'vllm:num_requests_running{engine="0",model_name="a"} 2.0',
            'vllm:num_requests_running{engine="1",model_name="a"} 3.0',
            'vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.2',
            'vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.4',
            'vllm:cache_config_info{engine="0",num_gpu_blocks="10",block_size="16"} 1.0',
            'vllm:cache_config_info{engine="1",num_gpu_blocks="20",block_size="16"} 1.0',
            'vllm:request_success_total{engine="0",finished_reason="stop"} 1.0',
            'vllm:request_success_total{engine="1",finished_reason="stop"} 4.0',
        )
    )
    assert found.running == 5
    assert found.kv_usage == pytest.approx(0.3)
    assert found.kv_cache_tokens == 480
    assert found.requests_total == {"stop": 5.0}


def sleep_state(engine: str, awake: float, offloaded: float, discarded: float) -> list[str]:
    values = {"awake": awake, "weights_offloaded": offloaded, "discard_all": discarded}
    return [
        f'vllm:engine_sleep_state{{engine="{engine}",sleep_state="{name}"}} {value}'
        for name, value in values.items()
    ]


@pytest.mark.parametrize(
    ("engines", "state"),
    [
        ([("0", 1, 0, 0)], SleepMetric.AWAKE),
        ([("0", 0, 0, 0)], SleepMetric.NONE),
        ([("0", 0, 1, 0), ("1", 0, 1, 0)], SleepMetric.OFFLOADED),
        ([("0", 0, 1, 0), ("1", 1, 0, 0)], None),
        ([], None),
    ],
)
def test_sleep_state_is_one_hot_and_unknown_where_engines_disagree(engines, state):
    lines = [line for engine in engines for line in sleep_state(*engine)]
    assert parse_metrics(page(*lines, "vllm:num_requests_running 0")).sleep_metric is state


def test_a_sleep_state_without_a_name_of_ours_is_unknown():
    line = 'vllm:engine_sleep_state{engine="0",sleep_state="level_3"} 1.0'
    assert parse_metrics(page(line)).sleep_metric is None


def test_absent_families_are_unknown_not_zero():
    found = parse_metrics(page('vllm:num_requests_running{engine="0"} 0.0'))
    assert found == EngineMetrics(running=0)


def test_old_names_of_the_cache_use():
    old = 'vllm:gpu_cache_usage_perc{model_name="a"} 0.5'
    new = 'vllm:kv_cache_usage_perc{model_name="a"} 0.25'
    assert parse_metrics(page(old)).kv_usage == 0.5
    assert parse_metrics(page(old, new)).kv_usage == 0.25


def test_labels_with_braces_quotes_and_spaces():
    name = r'{"} 9 \"x\\'
    line = f'vllm:num_requests_running{{engine="0",model_name="{name}"}} 3.0'
    escaped = 'vllm:num_requests_waiting{model_name="a } 7 \\" b"} 4.0'
    found = parse_metrics(page(escaped, line.replace('{"}', r"{\"}")))
    assert (found.running, found.waiting) == (3, 4)


def test_buckets_created_stamps_and_neighbours_are_not_counted():
    found = parse_metrics(
        page(
            'vllm:time_to_first_token_seconds_bucket{le="0.25"} 9.0',
            'vllm:time_to_first_token_seconds_count{engine="0"} 11.0',
            'vllm:time_to_first_token_seconds_created{engine="0"} 1.7e9',
            'vllm:num_requests_waiting_by_reason{reason="capacity"} 5.0',
            'vllm:prompt_tokens_cached_total{engine="0"} 8.0',
            'xvllm:num_requests_running{engine="0"} 8.0',
        )
    )
    assert found == EngineMetrics(ttft_count=11.0)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e999", "abc", ""])
def test_values_that_are_no_number_are_unknown(value):
    found = parse_metrics(
        page(f'vllm:num_requests_running{{engine="0"}} {value}', "vllm:num_requests_waiting 1")
    )
    assert found == EngineMetrics(waiting=1)


def test_sums_beyond_all_numbers_are_unknown():
    huge = [
        f'vllm:num_requests_running{{engine="{engine}",model_name="a"}} 1.7e308'
        for engine in range(3)
    ]
    info = 'vllm:cache_config_info{num_gpu_blocks="1e300",block_size="1e300"} 1'
    assert parse_metrics(page(*huge, info)) == EngineMetrics()


def test_a_line_that_comes_twice_counts_once_and_the_last_wins():
    line = 'vllm:num_requests_running{engine="0"}'
    assert parse_metrics(page(f"{line} 2.0", f"{line} 3.0")).running == 3


def test_a_line_cut_in_its_middle_is_left_out():
    whole = page('vllm:num_requests_running{engine="0"} 12.0', "vllm:num_requests_waiting 345.0")
    for end in range(len(whole) - 1, whole.index(b"\nvllm:num_requests_waiting"), -1):
        assert parse_metrics(whole[:end]) == EngineMetrics(running=12)


def test_carriage_returns_and_time_stamps_are_fine():
    lines = ['vllm:num_requests_running{engine="0"} 1 1395066363000', "vllm:num_requests_waiting 2"]
    assert parse_metrics("\r\n".join([*lines, ""]).encode()) == EngineMetrics(running=1, waiting=2)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"<!doctype html><html><body>hello</body></html>",
        b'{"detail":"Not Found"}',
        b"\x00\xff\xfe" * 1000,
        b"process_start_time_seconds 1.7e9\n",
        b'vllm:num_requests_running{engine="0',
        b"vllm:num_requests_running{engine} 1\n",
        b"vllm:num_requests_running{" + b"a" * 100_000 + b"} 1\n",
    ],
)
def test_pages_of_something_else_say_so(rubbish):
    with pytest.raises(BrokenPageError, match="no metrics of vLLM"):
        parse_metrics(rubbish)


def test_absurdly_many_series_are_refused():
    lines = [f'vllm:num_requests_running{{engine="{n}"}} 1' for n in range(promtext.MAX_SERIES + 1)]
    with pytest.raises(BrokenPageError, match="more series"):
        parse_metrics(page(*lines))


def attempt(data: bytes) -> None:
    """Either figures that are figures, or the one error; nothing else ever comes out."""
    try:
        found = parse_metrics(data)
    except BrokenPageError:
        return
    for value in (found.kv_usage, found.ttft_sum_s, found.generation_tokens_total):
        assert value is None or math.isfinite(value)


@given(st.binary(max_size=400))
def test_any_bytes(data):
    attempt(data)


_LABELS = st.text(alphabet='{}"\\=, \nae0', max_size=20)
_NAMES = st.sampled_from(["num_requests_running", "engine_sleep_state", "cache_config_info"])
_VALUES = st.text(alphabet="0123456789.eE+-NaInf_ \t#", max_size=12)


@given(st.lists(st.tuples(_NAMES, _LABELS, _VALUES), max_size=5))
def test_lines_that_are_nearly_right(lines):
    attempt("".join(f"vllm:{name}{{{labels}}} {value}\n" for name, labels, value in lines).encode())


@given(st.integers(0, 60_000), st.binary(max_size=6))
def test_a_real_page_with_a_wound(position, wound):
    body = recorded_body("vllm-0.32.0", "metrics-l1")
    attempt(body[:position] + wound + body[position + len(wound) :])


def test_costs_a_tenth_of_the_whole_parser_even_when_nothing_is_known_yet():
    body = recorded_body("vllm-0.32.0", "metrics-l2")
    text = body.decode()

    def cost(work) -> float:
        """The best of some runs: CPU time, so that a busy machine does not matter."""
        best = math.inf
        for _ in range(5):
            began = time.process_time()
            work()
            best = min(best, time.process_time() - began)
        return best

    def anew() -> None:
        promtext._series.cache_clear()
        parse_metrics(body)

    whole = cost(lambda: list(text_string_to_metric_families(text)))
    assert cost(anew) < whole / 8
    assert cost(lambda: parse_metrics(body)) < whole / 30
