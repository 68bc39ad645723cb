"""A benchmark from its lines: its plan, its phases, what was judged."""

from sleeptui.core.bench import PhaseKind
from sleeptui.core.session import CountsSeen, PhaseSeen, PlanSeen
from sleeptui.core.verdict import Verdict
from sleeptui.recorder.line_bench import CountsLine, PhaseEndLine, PhaseLine, PlanLine, VerdictLine


class BenchFold:
    """All of it, while the lines come by."""

    def __init__(self) -> None:
        self.plan: PlanSeen | None = None
        """None: no plan has come."""
        self._begins: list[PhaseLine] = []
        self._ends: dict[int, PhaseEndLine] = {}
        self._open: list[int] = []
        self._counts: list[CountsSeen] = []
        self._verdicts: dict[tuple[str, str], Verdict] = {}

    @property
    def now(self) -> int | None:
        """The innermost phase that is open."""
        return self._open[-1] if self._open else None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The newest of each expectation and server, in the order of the first."""
        return tuple(self._verdicts.values())

    @property
    def counts(self) -> tuple[CountsSeen, ...]:
        """What servers counted around trials."""
        return tuple(self._counts)

    def planned(self, line: PlanLine) -> None:
        """What will be done."""
        self.plan = PlanSeen(
            name=line.name,
            toml=line.toml,
            expectations=line.expectations,
            baseline=line.baseline,
            seed=line.seed,
            steps=line.steps,
            estimate_s=line.estimate_s,
            notes=line.notes,
        )

    def begin(self, line: PhaseLine) -> None:
        """A phase begins, within those that are open."""
        self._begins.append(line)
        self._open.append(line.phase.id)

    def end(self, line: PhaseEndLine) -> None:
        """A phase ends, and with it what is still open within it."""
        if line.id in self._open:
            del self._open[self._open.index(line.id) :]
        self._ends[line.id] = line

    def counted(self, line: CountsLine) -> None:
        """A server's own metrics were read."""
        self._counts.append(
            CountsSeen(
                at_ns=line.t,
                server=line.s,
                phase=self.now,
                moment=line.moment,
                running=line.run,
                waiting=line.wait,
                finished=line.done,
                preemptions=line.pre,
                ours=line.ours,
            )
        )

    def judged(self, line: VerdictLine) -> None:
        """An expectation was judged; once more: what counts is the newest."""
        one = line.verdict
        self._verdicts[one.expectation.id, one.server] = one

    def phases(self) -> tuple[PhaseSeen, ...]:
        """In the order of their begins; what has no end is unfinished."""
        return tuple(map(self._seen, self._begins))

    def _seen(self, line: PhaseLine) -> PhaseSeen:
        end = self._ends.get(line.phase.id)
        if end is None:
            return PhaseSeen(phase=line.phase, began_ns=line.t, done=line.done)
        return PhaseSeen(
            phase=line.phase,
            began_ns=line.t,
            ended_ns=end.t,
            cls=end.cls,
            note=end.note,
            done=line.done,
        )

    @property
    def cut_short(self) -> str | None:
        """That it was ended before its last step, in words; None: it was not."""
        last = self._begins[-1] if self._begins else None
        if self.plan is None or last is None or last.phase.kind is not PhaseKind.RESTORE:
            return None
        if last.done >= self.plan.steps - 1:
            return None
        return f"the benchmark was ended after {last.done} of {self.plan.steps} steps"
