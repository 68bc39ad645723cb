"""Lines back into the events that they were written of: what a fleet store makes pictures from."""

from collections.abc import Iterable, Iterator

from sleeptui.core.canary import Reference, Token
from sleeptui.core.events import (
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
    ReferenceTaken,
    RequestAdvanced,
    ServerAdded,
    ServerRemoved,
    StateObserved,
    Verified,
)
from sleeptui.core.settings import Settings
from sleeptui.recorder import bench_lines, lines, op_lines, request_lines
from sleeptui.recorder.gpu_lines import Readings
from sleeptui.recorder.header import settings_of, spec_of
from sleeptui.recorder.line import Line, seconds
from sleeptui.recorder.line_session import Target
from sleeptui.recorder.prom_lines import Looks

_NO_TOKEN = Token(id=None, text="")
"""The tokens of a reference are not recorded, only how many there were."""


class Playback:
    """One way through the lines of a journal; what is not there at its end is not waited for.

    Looks that were only counted come as the one that is written for them. Prompts and answers
    come empty where they were not recorded. Changes of state are no events: they follow from the
    others, as they did.

    Attributes:
        header: The first line, once it has been read.
    """

    def __init__(self, every: Iterable[Line]) -> None:
        """Over lines in the order of the journal."""
        self.header: lines.Header | None = None
        self._lines = every
        self._readings = Readings()
        self._looks: dict[str, Looks] = {}
        self._asked_s: dict[int, float] = {}

    @property
    def settings(self) -> Settings:
        """Of the recording, as far as the picture depends on them."""
        return Settings() if self.header is None else settings_of(self.header)

    def __iter__(self) -> Iterator[tuple[int, tuple[Event, ...]]]:
        """For each line its time, in nanoseconds, and its events, most often one or none."""
        for line in self._lines:
            yield line.t, tuple(self._events(line))

    def events(self) -> Iterator[Event]:
        """The events alone."""
        for _, found in self:
            yield from found

    def _events(self, line: Line) -> Iterator[Event]:
        at_s = seconds(line.t)
        match line:
            case lines.Prom():
                looks = self._looks.get(line.s)
                if looks is None:
                    looks = self._looks[line.s] = Looks()
                seen = looks.take(line)
                yield StateObserved(at_s=at_s, server=line.s, observation=seen)
            case lines.Gpu():
                yield GpuSampled(at_s=at_s, reading=self._readings.take(line))
            case lines.GpuSlow():
                self._readings.slow(line)
            case lines.Host():
                self._readings.host(line)
            case lines.Header():
                self.header = line
            case lines.OpQueued() | lines.OpBegin() | lines.OpPhase() | lines.OpEnd():
                yield self._operated(line, at_s)
            case lines.ReqBegin() | lines.ReqMark() | lines.ReqEnd():
                yield _requested(line, at_s)
            case _:
                yield from self._told(line, at_s)

    def _operated(
        self, line: lines.OpQueued | lines.OpBegin | lines.OpPhase | lines.OpEnd, at_s: float
    ) -> Event:
        match line:
            case lines.OpQueued():
                asked_s = self._asked_s.setdefault(line.op, at_s)
                operation = op_lines.operation_of(line, asked_s)
                return OperationQueued(at_s=at_s, operation=operation)
            case lines.OpBegin():
                operation = op_lines.operation_of(line, seconds(line.began_ns))
                return OperationStarted(at_s=at_s, operation=operation)
            case lines.OpPhase():
                phase = op_lines.phase_of(line.phase)
                return OperationAdvanced(at_s=at_s, id=line.op, server=line.s, phase=phase)
            case _:
                self._asked_s.pop(line.op, None)
                return OperationEnded(at_s=at_s, record=op_lines.record_of(line))

    def _told(self, line: Line, at_s: float) -> Iterator[Event]:
        match line:
            case lines.Server():
                yield self._watched(line, at_s)
            case lines.Facts():
                yield FactsLearned(at_s=at_s, server=line.s, facts=line.facts)
            case lines.HomeLine():
                yield HomeFound(at_s=at_s, server=line.s, home=line.home)
            case lines.Recalled():
                yield Recalled(at_s=at_s, server=line.s, learned=line.learned)
            case lines.ReferenceLine():
                if (reference := _reference(line)) is not None:
                    yield ReferenceTaken(at_s=at_s, server=line.s, reference=reference)
            case lines.Canary():
                yield Verified(at_s=at_s, server=line.s, verification=line.verification)
            case _:
                yield from _noted(line, at_s)

    def _watched(self, line: lines.Server, at_s: float) -> Event:
        if line.gone:
            self._looks.pop(line.s, None)
            return ServerRemoved(at_s=at_s, server=line.s)
        targets = self.header.targets if self.header is not None else ()
        known = line.target or next((one for one in targets if one.name == line.s), None)
        return ServerAdded(at_s=at_s, spec=spec_of(known or Target(name=line.s, url="")))


def _requested(line: lines.ReqBegin | lines.ReqMark | lines.ReqEnd, at_s: float) -> Event:
    match line:
        case lines.ReqBegin():
            return request_lines.began_of(line)
        case lines.ReqMark():
            return RequestAdvanced(at_s=at_s, id=line.req, server=line.s)
        case _:
            return request_lines.ended_of(line)


def _noted(line: Line, at_s: float) -> Iterator[Event]:
    match line:
        case lines.Note():
            yield Noted(at_s=at_s, server=line.s, severity=line.severity, text=line.text)
        case lines.Anomaly():
            yield Noted(
                at_s=at_s, server=None, severity="warning", text=f"recording: {line.detail}"
            )
        case lines.Found():
            yield Discovered(at_s=at_s, notes=line.notes, done=line.done)
        case lines.Mark():
            yield Marked(at_s=at_s, text=line.text)
        case lines.Env():
            yield Described(at_s=at_s, machine=line.machine)
        case lines.Lag():
            yield LagMeasured(at_s=at_s, worst_s=seconds(line.max_ns))
        case (
            lines.PlanLine()
            | lines.PhaseLine()
            | lines.PhaseEndLine()
            | lines.CountsLine()
            | lines.VerdictLine()
        ):
            yield bench_lines.event_of(line)
        case _:
            pass  # clock, state, series and end tell what follows from others, or nothing


def _reference(line: lines.ReferenceLine) -> Reference | None:
    """A reference of as many tokens; what they were is not known."""
    if line.answers < 1 or line.tokens < 1:
        return None
    return Reference(
        model=line.model,
        prompt="",
        max_tokens=line.tokens,
        taken_wall_s=line.taken_wall_s or 0.0,
        answers=((_NO_TOKEN,) * line.tokens,) * line.answers,
    )
