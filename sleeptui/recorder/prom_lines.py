"""Looks at a server as ``prom`` lines, which tell what has changed, and back."""

from collections.abc import Iterator
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sleeptui.core.model import Control, EngineMetrics, Observation, Reach, SleepMetric
from sleeptui.recorder.line import ns, seconds
from sleeptui.recorder.line_samples import Prom

EVERY_NS = 1_000_000_000
"""Looks that found nothing new are counted for so long, then written as one line."""
_SIGNALS = {
    "reach": "reach",
    "problem": "problem",
    "control": "control",
    "sleeping": "is_sleeping",
    "paused": "is_paused",
    "slow": "is_sleeping_slow",
    "broken_off": "is_broken_off",
    "load": "load",
}
"""Field of the line by field of the observation."""
_signals = attrgetter(*_SIGNALS.values())
_REASON = "requests_total."
_PLAIN = tuple(field.name for field in fields(EngineMetrics) if field.name != "requests_total")
_plain = attrgetter(*_PLAIN)
_NOTHING = (None,) * len(_SIGNALS)


class LookLines:
    """The looks at one server, on their way into lines."""

    def __init__(self, server: str) -> None:
        """Nothing was seen yet."""
        self.seen: Observation | None = None
        self._server = server
        self._signals: tuple[object, ...] = ()
        self._figures: dict[str, float | int | str] = {}
        self._told: set[str] = set()
        """Figures that a reader may know."""
        self._is_whole = True
        self._counted = 0
        self._written_ns = 0

    def take(self, seen: Observation, *, is_still: bool) -> Iterator[Prom]:
        """The lines of a look: none where it may be counted, with the one before it if need be.

        Args:
            seen: The look.
            is_still: Nothing happens to the server: a look that finds nothing new may wait.
        """
        if not self._is_new(seen):
            self.seen = seen
            self._counted += 1
            if not is_still or ns(seen.at_s) - self._written_ns >= EVERY_NS:
                yield from self.flush()
            return
        yield from self.flush()
        yield self._changed(seen)

    def flush(self) -> Iterator[Prom]:
        """A line for the looks that were only counted."""
        if self._counted and self.seen is not None:
            yield self._line(self.seen, looks=self._counted)
            self._counted = 0

    def refresh(self) -> None:
        """Write all figures with the next look: a reader may have to begin there."""
        self._is_whole = True

    def _is_new(self, seen: Observation) -> bool:
        before = self.seen
        if before is None or self._is_whole or _signals(seen) != self._signals:
            return True
        return seen.metrics is not before.metrics and seen.metrics != before.metrics

    def _changed(self, seen: Observation) -> Prom:
        line, now, figures = self._line(seen, looks=1), _signals(seen), _figures(seen.metrics)
        before = _NOTHING if self._is_whole else self._signals
        gone = []
        for name, value, known in zip(_SIGNALS, now, before, strict=True):
            if value is not None and value != known:
                setattr(line, name, value)
            elif value is None and (self._is_whole or known is not None):
                gone.append(name)
        known_figures = {} if self._is_whole else self._figures
        line.m = {key: value for key, value in figures.items() if known_figures.get(key) != value}
        gone += sorted((self._told if self._is_whole else known_figures.keys()) - figures.keys())
        line.gone = tuple(gone)
        self._told.update(figures)
        self.seen, self._signals, self._figures = seen, now, figures
        self._is_whole = False
        return line

    def _line(self, seen: Observation, looks: int) -> Prom:
        self._written_ns = ns(seen.at_s)
        return Prom(s=self._server, t=self._written_ns, looks=looks, took_ns=ns(seen.took_s))


class Looks:
    """The looks at one server, from its lines."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._signals: dict[str, Any] = {}
        self._figures: dict[str, float | int | str] = {}
        self._metrics: EngineMetrics | None = None

    def take(self, line: Prom) -> Observation:
        """The look that a line tells of, the last one where it stands for several."""
        for name in _SIGNALS:
            value = getattr(line, name)
            if value is not None:
                self._signals[name] = value
        for name in line.gone:
            self._signals.pop(name, None)
            self._figures.pop(name, None)
        if line.m or line.gone:
            self._figures.update(line.m)
            self._metrics = _metrics(self._figures)
        known = self._signals
        return Observation(
            at_s=seconds(line.t),
            took_s=seconds(line.took_ns),
            reach=_REACH.get(known.get("reach", ""), Reach.ANSWERED),
            problem=known.get("problem"),
            control=_CONTROL.get(known.get("control", ""), Control.UNKNOWN),
            is_sleeping=known.get("sleeping"),
            is_paused=known.get("paused"),
            is_sleeping_slow=known.get("slow", False),
            is_broken_off=known.get("broken_off", False),
            metrics=self._metrics,
            load=known.get("load"),
        )


_REACH = {reach.value: reach for reach in Reach}
_CONTROL = {control.value: control for control in Control}
_SLEEP_METRIC = {metric.value: metric for metric in SleepMetric}


def _figures(metrics: EngineMetrics | None) -> dict[str, float | int | str]:
    """All that a page tells, by name; a page without any figure of use counts as none."""
    if metrics is None:
        return {}
    plain = zip(_PLAIN, _plain(metrics), strict=True)
    figures = {name: value for name, value in plain if value is not None}
    for reason, count in metrics.requests_total.items():
        figures[_REASON + reason] = count
    return figures


def _metrics(figures: dict[str, float | int | str]) -> EngineMetrics | None:
    """The page with these figures; names that are new to this version are left out."""
    if not figures:
        return None
    numbers = {name: value for name, value in figures.items() if not isinstance(value, str)}
    known: dict[str, Any] = {name: numbers[name] for name in _PLAIN if name in numbers}
    metric = _SLEEP_METRIC.get(str(figures.get("sleep_metric")))
    reasons = {
        name.removeprefix(_REASON): float(value)
        for name, value in numbers.items()
        if name.startswith(_REASON)
    }
    return EngineMetrics(**(known | {"sleep_metric": metric, "requests_total": reasons}))
