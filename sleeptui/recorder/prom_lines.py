"""Looks at a server as ``prom`` lines, which tell what has changed, and back."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sleeptui.core.model import Control, EngineMetrics, Observation, Reach, SleepMetric
from sleeptui.recorder.line import Line, ns, seconds
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
_NO_SIGNALS = (None,) * len(_SIGNALS)
_REASON = "requests_total."
_PLAIN = tuple(field.name for field in fields(EngineMetrics) if field.name != "requests_total")
_plain = attrgetter(*_PLAIN)
_NO_FIGURES = (None,) * len(_PLAIN)
_NO_REASONS: Mapping[str, float] = {}


class LookLines:
    """The looks at one server, on their way into lines.

    Attributes:
        seen: The newest look.
    """

    def __init__(self, server: str, put: Callable[[Line], None]) -> None:
        """Nothing was seen yet; ``put`` takes the lines."""
        self.seen: Observation | None = None
        self._server = server
        self._put = put
        self._signals: tuple[object, ...] = _NO_SIGNALS
        self._figures: tuple[float | None, ...] = _NO_FIGURES
        self._reasons = _NO_REASONS
        self._told: set[str] = set()
        """Figures that a reader may know."""
        self._is_whole = True
        self._counted = 0
        self._written_ns = 0

    def take(self, seen: Observation, *, is_still: bool) -> None:
        """Write the line of a look, or count it; one before it that was only counted goes first.

        Args:
            seen: The look.
            is_still: Nothing happens to the server: a look that finds nothing new may wait.
        """
        news = self._news(seen)
        if news is not None:
            self.flush()
            self.seen = seen
            self._write(seen, news, looks=1)
            return
        self.seen = seen
        self._counted += 1
        if not is_still or ns(seen.at_s) - self._written_ns >= EVERY_NS:
            self.flush()

    def flush(self) -> None:
        """Write a line for the looks that were only counted."""
        if self._counted and self.seen is not None:
            self._write(self.seen, None, looks=self._counted)
            self._counted = 0

    def refresh(self) -> None:
        """Write all figures with the next look: a reader may have to begin there."""
        self._is_whole = True

    def _write(self, seen: Observation, line: Prom | None, *, looks: int) -> None:
        line = line or Prom(s=self._server, t=0, took_ns=0)
        self._written_ns = line.t = ns(seen.at_s)
        line.looks, line.took_ns = looks, ns(seen.took_s)
        self._put(line)

    def _news(self, seen: Observation) -> Prom | None:
        """What this look has changed, as a line; None: nothing."""
        signals, metrics, before = _signals(seen), seen.metrics, self.seen
        is_whole = self._is_whole or before is None
        is_same = not is_whole and signals == self._signals
        if is_same and before is not None and metrics is before.metrics:
            return None
        line, gone = Prom(s=self._server, t=0, took_ns=0), list[str]()
        if is_whole:
            self._signals, self._figures, self._reasons = _NO_SIGNALS, _NO_FIGURES, _NO_REASONS
            self._is_whole = False
            gone += [name for name, now in zip(_SIGNALS, signals, strict=True) if now is None]
        if not is_same:
            for name, now, then in zip(_SIGNALS, signals, self._signals, strict=True):
                if now is not None and now != then:
                    setattr(line, name, now)
                elif now is None and then is not None:
                    gone.append(name)
            self._signals = signals
        self._compare(metrics, line.m, gone)
        if is_whole:
            gone += sorted(self._told - line.m.keys())
        self._told.update(line.m)
        line.gone = tuple(gone)
        return None if is_same and not line.m and not gone else line

    def _compare(
        self,
        metrics: EngineMetrics | None,
        changed: dict[str, float | int | str],
        gone: list[str],
    ) -> None:
        """Find the figures that are others than before; a page without any counts as none."""
        figures = _NO_FIGURES if metrics is None else _plain(metrics)
        reasons = _NO_REASONS if metrics is None else metrics.requests_total
        for name, now, then in zip(_PLAIN, figures, self._figures, strict=True):
            if now != then:
                if now is None:
                    gone.append(name)
                else:
                    changed[name] = now
        if reasons != self._reasons:
            for reason, count in reasons.items():
                if count != self._reasons.get(reason):
                    changed[_REASON + reason] = count
            gone += [_REASON + reason for reason in self._reasons.keys() - reasons.keys()]
        self._figures, self._reasons = figures, reasons


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
