"""One real metrics page: ours, fed only what is in use, against prometheus_client on the whole."""

import statistics
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sleeptui.adapters.promtext import parse_metrics

BAR = 0.1
ROUNDS = 40
PAGE = Path(__file__).parents[1] / "data" / "vllm-0.25.1" / "metrics-awake.http"


def _page() -> bytes:
    """The body of a recorded answer of vLLM 0.25.1."""
    raw = PAGE.read_bytes()
    separator = b"\r\n\r\n" if b"\r\n\r\n" in raw else b"\n\n"
    return raw.partition(separator)[2]


def measure() -> tuple[str, bool]:
    """One line with the medians and their ratio, and whether the bar holds."""
    page = _page()
    ours, whole = [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        parse_metrics(page)
        middle = time.process_time()
        list(text_string_to_metric_families(page.decode()))
        ours.append(middle - began)
        whole.append(time.process_time() - middle)
    mine, theirs = statistics.median(ours), statistics.median(whole)
    ratio = mine / theirs
    lines = page.count(b"\n")
    line = (
        f"metrics page of {lines} lines: ours {mine * 1000:.2f} ms, prometheus_client on the whole"
        f" {theirs * 1000:.2f} ms; ratio {ratio:.3f} (bar {BAR})"
    )
    return line, ratio <= BAR
