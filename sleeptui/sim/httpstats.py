"""What the HTTP instrumentation of a vLLM server counts, at the end of its ``/metrics`` page.

Follows 031-GET-metrics-after-traffic of the 0.32.0 capture. The routes that are looked at all
the time are left out of it, as vLLM leaves them out.
"""

from collections.abc import Iterator

from sleeptui.sim.exposition import buckets, counter, family, head
from sleeptui.sim.stats import Histogram

_NOT_COUNTED = frozenset({"/metrics", "/health", "/load", "/ping", "/version", "/server_info"})
_FINE = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5),
    *(4.0, 4.5, 5.0, 7.5, 10.0, 30.0, 60.0),
)
_COARSE = (0.1, 0.5, 1.0)
_UNKNOWN = "none"
"""Handler label of paths that are no route."""


class HttpStats:
    """Requests of one server by route."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str], int] = {}
        self._sizes: dict[str, list[int]] = {}
        """By handler: count, request bytes, response bytes."""
        self._fine = Histogram(_FINE)
        self._durations: dict[tuple[str, str], Histogram] = {}

    def count(
        self, path: str | None, method: str, status: int, *, sent: int, got: int, took_s: float
    ) -> None:
        """Count one answered request.

        Args:
            path: The route; None for paths that are none.
            method: GET or POST.
            status: Of the answer.
            sent: Bytes of the answer's body.
            got: Bytes of the request's body.
            took_s: Request to answer.
        """
        if path in _NOT_COUNTED:
            return
        handler = path or _UNKNOWN
        key = (handler, method, f"{status // 100}xx")
        self._requests[key] = self._requests.get(key, 0) + 1
        sizes = self._sizes.setdefault(handler, [0, 0, 0])
        sizes[0] += 1
        sizes[1] += got
        sizes[2] += sent
        self._fine.observe(took_s)
        place = (handler, method)
        if place not in self._durations:
            self._durations[place] = Histogram(_COARSE)
        self._durations[place].observe(took_s)

    def families(self, created_s: float) -> Iterator[str]:
        """The families in the order of the page."""
        if not self._requests:
            return
        requests = [
            (f'handler="{handler}",method="{method}",status="{status}"', float(count))
            for (handler, method, status), count in self._requests.items()
        ]
        yield from counter("http_requests", requests, created_s)
        for place, name in enumerate(("request", "response"), start=1):
            full = f"http_{name}_size_bytes"
            yield head(full, "summary")
            for handler, sizes in self._sizes.items():
                yield f'{full}_count{{handler="{handler}"}} {sizes[0]}.0\n'
                yield f'{full}_sum{{handler="{handler}"}} {sizes[place]}.0\n'
            created = [(f'handler="{handler}"', created_s) for handler in self._sizes]
            yield from family(f"{full}_created", "gauge", created)
        full = "http_request_duration_highr_seconds"
        yield head(full, "histogram")
        yield from buckets(full, self._fine, "", "")
        yield from family(f"{full}_created", "gauge", [("", created_s)])
        yield from self._by_handler(created_s)

    def _by_handler(self, created_s: float) -> Iterator[str]:
        full = "http_request_duration_seconds"
        yield head(full, "histogram")
        for (handler, method), histogram in self._durations.items():
            yield from buckets(full, histogram, f'handler="{handler}",', f'method="{method}"')
        created = [
            (f'handler="{handler}",method="{method}"', created_s)
            for handler, method in self._durations
        ]
        yield from family(f"{full}_created", "gauge", created)
