"""Jumps to a moment of a tape: folds what the pictures from there on depend on, and no more.

Everything that happened is folded; of the samples only those that a plot can still show, those
around what happened, and those that said something new. A hundred thousand lines take well under
a second.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from sleeptui.core.events import (
    Event,
    GpuSampled,
    LagMeasured,
    OperationAdvanced,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    RequestAdvanced,
    RequestBegan,
    RequestEnded,
    StateObserved,
)
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import Observation
from sleeptui.core.tape import Tape

WINDOW_S = 330.0
"""As far back as plots and sparklines reach."""
STEP_S = 0.25
"""Samples of one source that come faster are thinned to this: half a cell of a plot is more."""
NEAR_S = 10.0
"""So far back no more than that: rates are made from the last looks."""
_POINTS = 330
"""Of a source over the whole window: plots have no more half cells."""
_SAMPLES = 8000
"""Of all sources over the whole window."""
_AFTER = 3
"""Looks after something new that count too: so many must say the same before they are believed."""
_BESIDE = 60.0
"""At least one GPU reading in so long a time is kept."""
_SILENT = (LagMeasured, RequestBegan, RequestAdvanced, RequestEnded)
"""They change no picture."""
_STEPS = (OperationQueued, OperationStarted, OperationAdvanced, OperationEnded)
_GPUS = ""
"""The source of GPU readings; servers have names."""


class Reel:
    """A tape that is indexed once, so that any moment of it is found fast.

    Attributes:
        tape: What it is of.
        times: Of each event; never falls.
    """

    def __init__(self, tape: Tape) -> None:
        """Index it: a few microseconds an event, better not on the loop."""
        self.tape = tape
        self.times = list(accumulate((event.at_s for event in tape.events), max))
        self._must = bytearray(len(tape.events))
        self._sources = self._mark()

    def __len__(self) -> int:
        return len(self.times)

    def index_at(self, at_s: float) -> int:
        """How many events have happened by then."""
        return bisect_right(self.times, at_s)

    def store_at(self, at_s: float) -> FleetStore:
        """The fleet as it was then."""
        store = FleetStore(self.tape.settings)
        events = self.tape.events
        for index in self.needed(at_s):
            store.apply(events[index])
        return store

    def played(self, first: int, end: int, thin: "Thinning | None") -> Iterator[Event]:
        """The events from ``first`` to before ``end``; samples thinned where asked for."""
        for index in range(first, end):
            event = self.tape.events[index]
            if thin is None or self._must[index] or thin.keeps(event):
                yield event

    def needed(self, at_s: float) -> Iterator[int]:
        """Which events the picture at a moment depends on."""
        end = self.index_at(at_s)
        first = bisect_right(self.times, at_s - WINDOW_S, hi=end)
        near = bisect_right(self.times, at_s - NEAR_S, hi=end)
        far, fine = Thinning(self._step_s(at_s)), Thinning()
        for index in range(end):
            if self._must[index]:
                yield index
            elif index >= first:
                thin = far if index < near else fine
                if thin.keeps(self.tape.events[index]):
                    yield index

    def _step_s(self, at_s: float) -> float:
        """Between two samples of a source, so that all of them are folded in time."""
        reach_s = min(at_s - self.tape.began_s, WINDOW_S)
        return max(reach_s / _POINTS, reach_s * self._sources / _SAMPLES, STEP_S)

    def _mark(self) -> int:
        """Mark the events that count for every later moment; how many sources samples have."""
        marks = _Marks(self._must)
        for index, event in enumerate(self.tape.events):
            match event:
                case StateObserved():
                    marks.looked(index, event)
                case GpuSampled():
                    marks.sampled(index, event.at_s)
                case _:
                    marks.happened(index, event)
        return marks.sources


class Thinning:
    """Lets samples of one source through no faster than plots can show them."""

    def __init__(self, step_s: float = STEP_S) -> None:
        """At most one each ``step_s``."""
        self._step_s = step_s
        self._last_s: dict[str, float] = {}

    def keeps(self, event: Event) -> bool:
        """Whether this one is let through; what is no sample is, unless it changes no picture."""
        match event:
            case StateObserved():
                source = event.server
            case GpuSampled():
                source = _GPUS
            case _:
                return not isinstance(event, _SILENT)
        last_s = self._last_s.get(source)
        if last_s is not None and 0 <= event.at_s - last_s < self._step_s:
            return False
        self._last_s[source] = event.at_s
        return True


class _Marks:
    """Finds the samples that count for every later moment, in one pass."""

    def __init__(self, must: bytearray) -> None:
        self._must = must
        self._said: dict[str, tuple[object, ...]] = {}
        self._newest: dict[str, int] = {}
        """Index of the newest sample of a source."""
        self._owed: dict[str, int] = {}
        """Samples of a source that count still, because something has happened."""
        self._gpus_s = float("-inf")

    @property
    def sources(self) -> int:
        """How many there were of."""
        return len(self._newest)

    def looked(self, index: int, event: StateObserved) -> None:
        """A look: it counts where it says something new, and so do those beside it."""
        said = _saying(event.observation)
        if said != self._said.get(event.server):
            self._said[event.server] = said
            self._keep_newest(event.server)
            self._owed[event.server] = _AFTER + 1
            self._owed[_GPUS] = max(self._owed.get(_GPUS, 0), 1)
        self._sample(index, event.server)

    def sampled(self, index: int, at_s: float) -> None:
        """A reading of the GPUs: it counts now and then."""
        if at_s - self._gpus_s >= _BESIDE:
            self._gpus_s = at_s
            self._must[index] = True
        self._sample(index, _GPUS)

    def happened(self, index: int, event: Event) -> None:
        """Anything else counts, and so do the samples beside it."""
        if isinstance(event, _SILENT):
            return
        self._must[index] = True
        sources = [_GPUS] if isinstance(event, _STEPS) else []
        server = _server_of(event)
        if server is not None:
            sources.append(server)
        for source in sources:
            self._keep_newest(source)
            self._owed[source] = _AFTER

    def _keep_newest(self, source: str) -> None:
        newest = self._newest.get(source)
        if newest is not None:
            self._must[newest] = True

    def _sample(self, index: int, source: str) -> None:
        self._newest[source] = index
        owed = self._owed.get(source, 0)
        if owed:
            self._must[index] = True
            self._owed[source] = owed - 1


def _server_of(event: Event) -> str | None:
    """The server that something happened to."""
    match event:
        case OperationQueued() | OperationStarted():
            return event.operation.server
        case OperationEnded():
            return event.record.server
        case _:
            return getattr(event, "server", None)


def _saying(seen: Observation) -> tuple[object, ...]:
    """What of a look the state is derived from."""
    page = seen.metrics
    told = (
        (page.sleep_metric, page.process_start_s, page.sleep_operations, page.wake_operations,
         page.operations_in_flight)
        if page is not None
        else ()
    )  # fmt: skip
    odd = (seen.is_sleeping_slow, seen.is_broken_off)
    return (seen.reach, seen.problem, seen.control, seen.is_sleeping, seen.is_paused, odd, told)
