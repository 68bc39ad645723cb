"""Pages of ``/metrics``: figures, or a page that is broken."""

import dataclasses
import math

from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import RAW, as_json, fuzz, mangled
from support.replay import recorded_body

from sleeptui.adapters.promtext import BrokenPageError, parse_metrics
from sleeptui.core.model import EngineMetrics
from sleeptui.recorder.prom_lines import LookLines

PAGES = [
    recorded_body(folder, name)
    for folder, name in (
        ("vllm-0.25.1", "metrics-l1"),
        ("vllm-0.32.0", "metrics-awake"),
        ("vllm-0.32.0", "metrics-l2"),
    )
]
USED = [
    [line for line in page.split(b"\n") if line.startswith((b"vllm:", b"process_start"))]
    for page in PAGES
]
VALUES = st.one_of(
    st.sampled_from([b"NaN", b"+Inf", b"-Inf", b"1e400", b"-1", b"1_0", b"0x1", b"", *RAW]),
    st.floats().map(lambda value: str(value).encode()),
    st.binary(max_size=8),
)


@st.composite
def pages(draw):
    """Some lines of a real page, with other values, labels and places."""
    lines = draw(st.lists(st.sampled_from(draw(st.sampled_from(USED))), max_size=12))
    changed = []
    for line in lines:
        head, _, _ = line.rpartition(b" ")
        what = draw(st.sampled_from(("value", "bytes", "same")))
        if what == "value":
            changed.append(head + b" " + draw(VALUES))
        elif what == "bytes":
            changed.append(draw(mangled(line)))
        else:
            changed.append(line)
    return b"\n".join(changed) + draw(st.sampled_from([b"", b"\n", b"\r\n", b" 123\n"]))


def figures(page: bytes) -> EngineMetrics | None:
    try:
        return parse_metrics(page)
    except BrokenPageError as error:
        assert str(error)
        return None


@fuzz(100)
@given(st.one_of(pages(), st.sampled_from(PAGES).flatmap(mangled), st.binary(max_size=200)))
@example(b'vllm:num_requests_running{engine="' + b"x" * 9000 + b'"} 1\n')
@example(b"vllm:num_requests_running{ 1\n" * 3)
@example(b'vllm:num_requests_running{a="1",a="2"} 1\n')
@example(b'vllm:cache_config_info{block_size="' + b"9" * 400 + b'",num_gpu_blocks="9"} 1.0\n')
@example(b'vllm:request_success_total{finished_reason="stop"} 1e308\n' * 2)
def test_figures_are_finite_or_not_there(page):
    found = figures(page)
    if found is not None:
        for field in dataclasses.fields(found):
            value = getattr(found, field.name)
            if isinstance(value, int | float):
                assert math.isfinite(value), field.name
        assert all(map(math.isfinite, found.requests_total.values()))


@fuzz(15)
@given(pages(), pages())
def test_what_was_read_can_be_recorded(first, second):
    from support.builders import unseen

    put = []
    lines = LookLines("qwen", put.append)
    for page in (first, second):
        lines.take(unseen(metrics=figures(page)), is_still=False)
    assert all(as_json(dict(line.m)) for line in put)
