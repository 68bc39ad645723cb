"""Prometheus' text format, as the Python client writes it."""

from collections.abc import Iterator, Sequence

from sleeptui.sim.stats import Histogram

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
_PLAIN_BELOW = 1_000_000

Samples = Sequence[tuple[str, float]]
"""Label text and value."""


def number(value: float) -> str:
    """A sample value as the Python client of Prometheus writes it: exponents from a million on."""
    if abs(value) < _PLAIN_BELOW:
        return repr(float(value))
    mantissa, _, exponent = f"{value:.15e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def counter(name: str, samples: Samples, created_s: float) -> Iterator[str]:
    """A counter and its ``_created`` gauge, which the Python client adds."""
    yield from family(f"{name}_total", "counter", samples)
    created = [(labels, created_s) for labels, _ in samples]
    yield from family(f"{name}_created", "gauge", created)


def family(name: str, kind: str, samples: Samples) -> Iterator[str]:
    """Head and one line a sample."""
    yield head(name, kind)
    for labels, value in samples:
        yield f"{name}{{{labels}}} {number(value)}\n" if labels else f"{name} {number(value)}\n"


def buckets(name: str, histogram: Histogram, before: str, after: str) -> Iterator[str]:
    """Bucket, count and sum lines; ``le`` stands between the labels before and after it."""
    counts = histogram.cumulative()
    tail = f",{after}" if after else ""
    for bound, count in zip((*histogram.bounds, "+Inf"), counts, strict=True):
        yield f'{name}_bucket{{{before}le="{bound}"{tail}}} {number(count)}\n'
    labels = f"{{{before}{after}}}" if before or after else ""
    yield f"{name}_count{labels} {number(histogram.count)}\n"
    yield f"{name}_sum{labels} {number(histogram.sum)}\n"


def head(name: str, kind: str) -> str:
    """HELP and TYPE lines."""
    words = name.partition(":")[2] or name
    text = f"Simulated, shaped like vLLM's own: {words.replace('_', ' ')}."
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
