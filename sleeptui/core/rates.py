"""Rates and means between two looks at counters that only rise."""

from collections import deque

from sleeptui.core.model import EngineMetrics

RATE_WINDOW_S = 2.0
"""Tokens per second are taken over this time: shorter windows jump with every batch."""
_POINTS = 2
"""Two points make a rate."""


class TokenRate:
    """Tokens per second from vllm:generation_tokens_total."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque()

    def add(self, at_s: float, total: float | None) -> None:
        """Take in a reading; one below the last is that of a new process."""
        if total is None:
            return
        if self._points and total < self._points[-1][1]:
            self._points.clear()
        self._points.append((at_s, total))
        while len(self._points) > _POINTS and at_s - self._points[1][0] >= RATE_WINDOW_S:
            self._points.popleft()

    def clear(self) -> None:
        """Forget all: another process counts now."""
        self._points.clear()

    def per_s(self, now_s: float) -> float | None:
        """Tokens a second over the window; None where nothing recent is known."""
        if len(self._points) < _POINTS:
            return None
        (began_s, first), (ended_s, last) = self._points[0], self._points[-1]
        if now_s - ended_s > RATE_WINDOW_S * 2 or ended_s <= began_s:
            return None
        return (last - first) / (ended_s - began_s)


def mean_ttft(before: EngineMetrics, now: EngineMetrics) -> float | None:
    """Mean first-token time of the requests between two looks, from the histogram's sums."""
    if None in (before.ttft_sum_s, before.ttft_count, now.ttft_sum_s, now.ttft_count):
        return None
    requests = (now.ttft_count or 0) - (before.ttft_count or 0)
    if requests <= 0:
        return None
    return ((now.ttft_sum_s or 0) - (before.ttft_sum_s or 0)) / requests
