"""FleetStore: folds events into the picture of the fleet. Only it makes a FleetView."""

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from sleeptui.core import memory, units
from sleeptui.core.events import (
    BenchEvent,
    Described,
    Discovered,
    Event,
    FactsLearned,
    GpuSampled,
    HomeFound,
    LagMeasured,
    Marked,
    Noted,
    OperationAdvanced,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    Recalled,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
    ReferenceTaken,
    RequestAdvanced,
    RequestBegan,
    RequestEnded,
    ServerAdded,
    ServerRemoved,
    StateObserved,
    Verified,
)
from sleeptui.core.lifecycle import TRANSITIONS
from sleeptui.core.model import (
    IN_TRANSITION,
    FleetView,
    GpuMemory,
    GpuReading,
    GpuView,
    LogEntry,
    ServerView,
    SleepLevel,
    State,
)
from sleeptui.core.operation import Kind, Operation, OperationRecord, Outcome
from sleeptui.core.recording import Recording, place
from sleeptui.core.series import Series
from sleeptui.core.settings import Settings

if TYPE_CHECKING:
    from sleeptui.core.track import Track  # with the first server: no first frame waits for it

LOG_LENGTH = 1000
OURS_FOR_S = 3.0
"""A change of state so soon after a transition of ours is its effect, not somebody else's."""
RESTART_TOLD_S = 10.0
"""Behind an address that several servers share each look finds another start time."""
_SEVERITY = {
    Outcome.DONE: "good",
    Outcome.SUSPECT: "bad",
    Outcome.FAILED: "bad",
    Outcome.UNKNOWN: "warning",
    Outcome.CANCELLED: "info",
}
_BAD = frozenset({State.DOWN, State.WEDGED, State.SUSPECT, State.STALE, State.PARTIAL})
_QUIET = frozenset({State.UNKNOWN}) | IN_TRANSITION
_GONE = frozenset({State.DOWN, State.STARTING})
"""A server that was gone comes back awake by itself."""
_TOLD_APART = frozenset({State.UNKNOWN, State.AWAKE, State.ASLEEP})
_SETTLED = frozenset({State.AWAKE, State.ASLEEP, State.PAUSED})


class FleetStore:
    """The one writer of the picture. No clock: events carry the time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tracks: dict[str, Track] = {}
        self._ended_s: dict[str, float] = {}
        self._reading = GpuReading(at_s=0.0)
        self._gpu_series: dict[int, Series] = {}
        self._gpu_problems: dict[int, str | None] = {}
        self._log: deque[LogEntry] = deque(maxlen=LOG_LENGTH)
        self._notes: tuple[str, ...] = ()
        self._looking = True
        self._recording: Recording | None = None
        self._now_s = 0.0
        self._views: dict[str, ServerView] = {}
        self._dirty: set[str] = set()
        self._picture: FleetView | None = None

    @property
    def view(self) -> FleetView:
        """The newest picture, made when it is asked for: ten events cost one picture."""
        if self._picture is None:
            self._picture = self._paint()
        return self._picture

    @property
    def recording(self) -> Recording | None:
        """The recording that runs, or the last one; costs no picture."""
        return self._recording

    def server(self, name: str) -> ServerView | None:
        """The newest picture of one server, without that of the whole fleet.

        Asked for at every look: it costs 4 us, the picture of 64 servers on 8 GPUs 44 us.
        """
        track = self._tracks.get(name)
        if track is None:
            return None
        if name in self._dirty:
            self._views[name] = track.view(self._now_s)
            self._dirty.discard(name)
        return self._views[name]

    def apply(self, event: Event) -> None:
        """Fold one event into the picture."""
        self._now_s = max(self._now_s, event.at_s)
        self._picture = None
        match event:
            case StateObserved():
                self._observed(event)
            case GpuSampled():
                self._sampled(event.reading)
            case OperationQueued() | OperationStarted():
                self._began(event.operation)
            case OperationAdvanced():
                self._advanced(event)
            case OperationEnded():
                self._ended(event.record, event.at_s)
            case BenchEvent():
                self._say(*event.told)
            case _:
                self._learned(event)

    def _learned(self, event: Event) -> None:
        match event:
            case ServerAdded():
                from sleeptui.core.track import Track  # noqa: PLC0415

                self._tracks[event.spec.name] = Track(spec=event.spec, settings=self._settings)
                self._dirty.add(event.spec.name)
            case ServerRemoved():
                self._tracks.pop(event.server, None)
                self._views.pop(event.server, None)
                self._dirty.discard(event.server)
            case FactsLearned():
                if track := self._tracks.get(event.server):
                    track.know(event.facts)
                    self._derive(track)
            case HomeFound():
                if track := self._tracks.get(event.server):
                    track.home = event.home
                    self._derive(track)
            case ReferenceTaken() | Verified() | Recalled():
                self._proved(event)
            case Discovered():
                self._notes, self._looking = event.notes, not event.done
            case Noted():
                self._say(event.server, event.severity, event.text)
            case _:
                self._recorded(event)

    def _recorded(self, event: Event) -> None:
        """Take in how the recording goes; what it alone is interested in changes no picture."""
        running = self._recording
        match event:
            case RecordingBegan():
                self._recording = Recording(path=event.path, began_s=event.at_s)
                self._say(None, "info", f"recording {place(event.path)}")
            case RecordingRefused():
                self._say(None, "bad", f"no recording: {event.problem}")
            case RecordingTroubled() if running is not None:
                self._recording = replace(running, problem=event.problem)
                if event.problem:
                    self._say(None, "bad", f"recording: {event.problem}")
            case RecordingEnded() if running is not None:
                self._recording = replace(running, ended_s=event.at_s, problem=event.problem)
                why = f", not whole: {event.problem}" if event.problem else ""
                self._say(None, "bad" if why else "good", f"recorded {place(event.path)}{why}")
            case Marked():
                if running is not None:
                    self._recording = replace(running, marks=running.marks + 1)
                self._say(None, "info", f"mark: {event.text}")
            case (
                RequestBegan()
                | RequestAdvanced()
                | RequestEnded()
                | Described()
                | LagMeasured()
                | RecordingTroubled()
                | RecordingEnded()
            ):
                pass  # for the journal
            case _:
                raise TypeError(event)

    def _proved(self, event: ReferenceTaken | Verified | Recalled) -> None:
        track = self._tracks.get(event.server)
        if track is None:
            return
        match event:
            case ReferenceTaken():
                track.refer(event.reference)
            case Verified():
                track.proof.take(event.verification)
            case _:
                track.recall(event.learned)
        self._derive(track)

    def _observed(self, event: StateObserved) -> None:
        track = self._tracks.get(event.server)
        if track is None:
            return
        if track.observe(event.observation):
            self._restarted(track)
        self._derive(track)

    def _restarted(self, track: "Track") -> None:
        """Log a restart by others; those that no server makes so fast are told together."""
        if track.operation is not None and track.operation.kind is Kind.START:
            track.restarts = 0
            return
        passed_s = self._now_s - track.restart_told_s
        if passed_s < RESTART_TOLD_S:
            return
        text = "was restarted"
        if track.restarts > 1:
            text += f" {track.restarts} times in {units.duration(passed_s)}"
            text += ": do several servers answer on its address?"
        track.restarts, track.restart_told_s = 0, self._now_s
        self._say(track.spec.name, "warning", text)

    def _sampled(self, reading: GpuReading) -> None:
        if reading.problem and reading.problem != self._reading.problem:
            self._say(None, "warning", reading.problem)
        self._reading = reading
        for gpu in reading.gpus:
            series = self._gpu_series.setdefault(gpu.index, Series())
            series.append(reading.at_s, gpu.used_bytes)
            if gpu.problem != self._gpu_problems.get(gpu.index) and gpu.problem:
                self._say(None, "bad", gpu.problem)
            self._gpu_problems[gpu.index] = gpu.problem
        for track in self._tracks.values():
            before = track.memory
            track.weigh(self._memory_of(track, reading), reading.at_s)
            if track.memory != before:
                self._derive(track)

    def _memory_of(self, track: "Track", reading: GpuReading) -> GpuMemory | None:
        if found := memory.measured(reading, track.home, track.spec.gpus or track.on_gpus):
            return found
        gpus = track.spec.gpus
        if gpus is None and len(reading.gpus) == 1:
            gpus = (reading.gpus[0].index,)
        return memory.estimated(
            memory.last_freed(track.learned.cycles_of(track.process_start_s)),
            awake=track.derived.state is State.AWAKE,
            gpus=gpus,
        )

    def _began(self, operation: Operation) -> None:
        if track := self._tracks.get(operation.server):
            track.begin(operation)
            self._derive(track)

    def _advanced(self, event: OperationAdvanced) -> None:
        track = self._tracks.get(event.server)
        if track is not None and track.advance(event.id, event.phase):
            self._derive(track)

    def _ended(self, record: OperationRecord, at_s: float) -> None:
        self._say(record.server, _SEVERITY[record.outcome], _sentence(record))
        track = self._tracks.get(record.server)
        if track is None:
            return
        before = track.drift
        track.end(record)
        if track.drift and not before:
            self._warn_of_drift(track)
        if record.kind in TRANSITIONS:
            self._ended_s[record.server] = at_s
        self._derive(track)

    def _warn_of_drift(self, track: "Track") -> None:
        for one in track.drift:
            grown = f"{one.what} grew {units.memory(one.grown_bytes)} in {one.cycles} cycles"
            self._say(track.spec.name, "warning", f"{grown}; a restart gives it back")

    def _derive(self, track: "Track") -> None:
        self._dirty.add(track.spec.name)
        before_settled = track.previous
        before = track.become(self._now_s)
        if before is not None and not track.is_ours:
            self._changed(track, before, before_settled)
        self._complain(track)

    def _complain(self, track: "Track") -> None:
        """Log, once, what hinders the looks at a server whose state does not tell of it."""
        state, reason = track.derived.state, track.derived.reason
        if track.seen is None or not reason or reason == track.problem_told:
            return
        if track.proof.check_due:
            return
        if state in _TOLD_APART:
            track.problem_told = reason
            text = f"{state.value}: {reason}" if state is State.UNKNOWN else reason
            self._say(track.spec.name, "warning", text)

    def _changed(self, track: "Track", before: State, settled: State) -> None:
        """Log a change of state that no operation of ours explains."""
        name, state, reason = track.spec.name, track.derived.state, track.derived.reason
        recent = self._now_s - self._ended_s.get(name, float("-inf")) < OURS_FOR_S
        if state is State.DOWN and recent and _is_stopped(track):
            return
        if state in _BAD:
            why = f"; {track.derived.advice}" if self._has_told(name, reason) else f": {reason}"
            self._say(name, "bad", f"{state.value}{why}" if reason else state.value)
        elif state in _QUIET or recent:
            return
        elif before in _BAD and settled in (state, State.UNKNOWN):
            self._say(name, "good", f"{state.value} again")
        elif state is not settled and track.take_late_effect(state):
            self._say(name, "info", f"{state.value}: our last request has taken effect")
        elif before in _GONE and settled is not State.UNKNOWN:
            self._say(name, "good", f"is back, {state.value}")
        elif settled in _SETTLED and state in _SETTLED and state is not settled:
            self._say(name, "warning", f"{state.value}, by somebody else{_from_level_2(track)}")
        elif settled is State.UNKNOWN:
            self._say(name, "info", f"found {state.value}")
        elif state is not settled:
            self._say(name, "info", state.value)

    def _has_told(self, server: str, reason: str) -> bool:
        """Whether the line before has it: that of the operation which has failed."""
        if not reason or not self._log:
            return False
        return self._log[-1].server == server and reason in self._log[-1].text

    def _say(self, server: str | None, severity: str, text: str) -> None:
        if text:
            now_s = self._now_s
            self._log.append(LogEntry(at_s=now_s, server=server, severity=severity, text=text))

    def _paint(self) -> FleetView:
        for name in self._dirty:
            self._views[name] = self._tracks[name].view(self._now_s)
        self._dirty.clear()
        return FleetView(
            at_s=self._now_s,
            servers=tuple(self._views[name] for name in self._tracks),
            gpus=tuple(self._gpu(index) for index in range(len(self._reading.gpus))),
            gpu_problem=self._reading.problem,
            host=self._reading.host,
            notes=self._notes,
            looking=self._looking,
            log=tuple(self._log),
            recording=self._recording,
        )

    def _gpu(self, position: int) -> GpuView:
        sample = self._reading.gpus[position]
        held = {name: track.memory for name, track in self._tracks.items()}
        return GpuView(
            sample=sample,
            holders=tuple(
                (name, share.by_gpu[sample.index], share.source)
                for name, share in held.items()
                if share is not None and sample.index in share.by_gpu
            ),
            other_bytes=memory.others(sample, held),
            used_series=self._gpu_series.setdefault(sample.index, Series()),
        )


def _is_stopped(track: "Track") -> bool:
    """Whether the newest of our transitions has ended its process, as was wanted."""
    newest = next((record for record in track.history if record.kind in TRANSITIONS), None)
    return newest is not None and newest.kind is Kind.STOP and newest.outcome is Outcome.DONE


def _from_level_2(track: "Track") -> str:
    if track.derived.state is not State.AWAKE or track.proof.woken_from != SleepLevel.DISCARD:
        return ""
    return " from level 2: its answers are garbage unless its weights were read again"


def _sentence(record: OperationRecord) -> str:
    """An ended operation as one line of the event log."""
    what = record.kind.value
    if record.kind is Kind.SLEEP and record.level is not None:
        what += f" L{record.level}"
    text = f"{what} {record.outcome.value} in {units.duration(record.duration_s)}"
    return f"{text}: {record.message}" if record.message else text
