"""What a benchmark tells as lines, and back."""

from sleeptui.core.bench import BenchPlanned, Counted, PhaseBegan, PhaseEnded, VerdictReached
from sleeptui.core.events import BenchEvent
from sleeptui.recorder.line import Line, ns, seconds
from sleeptui.recorder.line_bench import CountsLine, PhaseEndLine, PhaseLine, PlanLine, VerdictLine

BenchLine = PlanLine | PhaseLine | PhaseEndLine | CountsLine | VerdictLine


def line_of(event: BenchEvent) -> Line:
    """The line that an event is written as."""
    t = ns(event.at_s)
    match event:
        case BenchPlanned():
            return _plan_line(event, t)
        case PhaseBegan():
            return PhaseLine(t=t, phase=event.phase, done=event.done, left_s=event.left_s)
        case PhaseEnded():
            return PhaseEndLine(t=t, id=event.id, cls=event.cls, note=event.note)
        case Counted():
            return _counts_line(event, t)
        case VerdictReached():
            return VerdictLine(t=t, verdict=event.verdict)
        case _:
            raise TypeError(event)


def event_of(line: BenchLine) -> BenchEvent:
    """The event that a line tells of."""
    at_s = seconds(line.t)
    match line:
        case PlanLine():
            return _planned(line, at_s)
        case PhaseLine():
            return PhaseBegan(at_s=at_s, phase=line.phase, done=line.done, left_s=line.left_s)
        case PhaseEndLine():
            return PhaseEnded(at_s=at_s, id=line.id, cls=line.cls, note=line.note)
        case CountsLine():
            return _counted(line, at_s)
        case _:
            return VerdictReached(at_s=at_s, verdict=line.verdict)


def _plan_line(event: BenchPlanned, t: int) -> PlanLine:
    return PlanLine(
        t=t,
        name=event.plan,
        toml=event.plan_toml,
        expectations=event.expectations_toml,
        baseline=event.baseline,
        seed=event.seed,
        steps=event.steps,
        estimate_s=event.estimate_s,
        notes=event.notes,
    )


def _planned(line: PlanLine, at_s: float) -> BenchPlanned:
    return BenchPlanned(
        at_s=at_s,
        plan=line.name,
        plan_toml=line.toml,
        expectations_toml=line.expectations,
        baseline=line.baseline,
        seed=line.seed,
        steps=line.steps,
        estimate_s=line.estimate_s,
        notes=line.notes,
    )


def _counts_line(event: Counted, t: int) -> CountsLine:
    return CountsLine(
        t=t,
        s=event.server,
        moment=event.moment,
        run=event.running,
        wait=event.waiting,
        done=dict(event.finished),
        pre=event.preemptions,
        ours=event.ours,
    )


def _counted(line: CountsLine, at_s: float) -> Counted:
    return Counted(
        at_s=at_s,
        server=line.s,
        moment=line.moment,
        running=line.run,
        waiting=line.wait,
        finished=line.done,
        preemptions=line.pre,
        ours=line.ours,
    )
