"""The requests of one server over time: its queue, and how long none has run."""

from dataclasses import dataclass, field

from sleeptui.core.model import EngineMetrics, ServerView, State
from sleeptui.core.series import Series

_SILENT = frozenset({State.DOWN, State.STARTING, State.UNKNOWN})
"""Nothing answers: what runs there is not known."""


@dataclass(slots=True, kw_only=True, eq=False)
class Requests:
    """What the looks at a server told of its requests. Changed by FleetStore's tracks only.

    Whether one has run between two looks is told by the server's own counters, so that none is
    missed, however seldom it is looked at.
    """

    running: Series = field(default_factory=Series)
    waiting: Series = field(default_factory=Series)
    idle_since_s: float | None = None
    """Monotonic time since when none has run, as far as is known; None: one runs, or not known."""
    was_busy: bool = False
    """One has run in the time that was looked at: ``idle_since_s`` is when it had ended."""
    _before: EngineMetrics | None = None

    def take(self, at_s: float, metrics: EngineMetrics, *, asleep: bool) -> None:
        """Take in a page of metrics; while it sleeps its figures are those from before."""
        self.running.append(at_s, metrics.running)
        self.waiting.append(at_s, metrics.waiting)
        before, self._before = self._before, metrics
        if metrics.running is None:
            self.idle_since_s, self.was_busy = None, False
        elif metrics.running and not asleep:
            self.idle_since_s, self.was_busy = None, True
        elif before is not None and _work(metrics) != _work(before):
            self.idle_since_s, self.was_busy = at_s, True
        elif self.idle_since_s is None:
            self.idle_since_s = at_s

    def lose(self, at_s: float) -> None:
        """Its queue could not be read."""
        self.running.append(at_s, None)
        self.waiting.append(at_s, None)

    def forget(self) -> None:
        """A new process answers: what the old one had done is another one's."""
        self.idle_since_s, self.was_busy, self._before = None, False, None


def has_never_worked(metrics: EngineMetrics) -> bool:
    """Whether its counters say that it has had no request since its process began."""
    counted = metrics.requests_total and metrics.generation_tokens_total is not None
    return bool(counted) and not any(_work(metrics))


def _work(metrics: EngineMetrics) -> tuple[float, ...]:
    """The counters that rise with the work of a server."""
    return (
        sum(metrics.requests_total.values()),
        metrics.generation_tokens_total or 0.0,
        metrics.prompt_tokens_total or 0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """How long no request has run."""

    seconds: float
    is_least: bool = False
    """It was no shorter; what was before the first look is not known."""


def idle(view: ServerView, now_s: float, epoch_s: float) -> Idle | None:
    """How long no request has run on a server; None: not known.

    Args:
        view: The server.
        now_s: Monotonic.
        epoch_s: Seconds since the epoch at monotonic 0: the server tells its own start so.
    """
    metrics = view.metrics
    if metrics is None or metrics.running is None or view.state in _SILENT:
        return None
    if view.idle_since_s is None:
        return Idle(seconds=0.0)
    seconds = max(now_s - view.idle_since_s, 0.0)
    if view.was_busy:
        return Idle(seconds=seconds)
    if has_never_worked(metrics) and metrics.process_start_s is not None:
        return Idle(seconds=max(now_s + epoch_s - metrics.process_start_s, seconds))
    return Idle(seconds=seconds, is_least=True)
