"""Where in a benchmark an operation or a request was. Pure.

What is timed in a steady cycle, in the first of a process, with requests in flight and on the way
there are things of four kinds: one median over them would be of none.
"""

from collections.abc import Iterator
from enum import StrEnum

from sleeptui.core.bench import BenchPhase, PhaseKind, Question
from sleeptui.core.session import Attempt, PhaseSeen, RequestSeen, Session

_SPOILED = ("disturbed", "invalid:level", "invalid:restarted", "invalid:woke")
"""Classes of cycles whose operations ended well, and whose times are those of something else."""


class Place(StrEnum):
    """What an operation was for."""

    STEADY = "steady"
    """Measured: a cycle that is not the first of its process; by hand: everything."""
    FIRST = "first"
    """The first cycle of a process."""
    IN_FLIGHT = "in flight"
    """With requests in flight."""
    ASIDE = "aside"
    """Room was made, a proof was taken, a server was brought back; cycles of another question."""


class Places:
    """The phases of one session, by their ids."""

    def __init__(self, session: Session) -> None:
        self._phases = {seen.phase.id: seen for seen in session.phases}
        asked = {
            self.question(seen.phase.id)
            for seen in session.phases
            if seen.phase.kind is PhaseKind.CYCLE
        }
        self._cycles_of = Question.LATENCY if Question.LATENCY in asked else None

    def of(self, attempt: Attempt) -> Place:
        """What an operation was for."""
        if not self._phases:
            return Place.STEADY
        phase = self.phase(attempt.phase)
        if phase is None:
            return Place.ASIDE
        if phase.kind is PhaseKind.TRIAL:
            return Place.IN_FLIGHT
        if phase.kind is not PhaseKind.CYCLE:
            return Place.ASIDE
        if phase.nth == 0:
            return Place.FIRST
        is_other = self._cycles_of not in (None, self.question(phase.id))
        return Place.ASIDE if is_other else Place.STEADY

    def is_aside(self, start: Attempt) -> bool:
        """Whether a start only brought its server back: what it began from was not prepared."""
        phase = self.phase(start.phase)
        return phase is not None and phase.kind in {PhaseKind.PREPARE, PhaseKind.RESTORE}

    def spoiled(self, attempt: Attempt) -> str:
        """The class of a cycle that was disturbed, or no cycle at all; empty: it was one."""
        seen = self._phases.get(attempt.phase or 0)
        if seen is None or seen.phase.kind is not PhaseKind.CYCLE:
            return ""
        return seen.cls if seen.cls.startswith(_SPOILED) else ""

    def phase(self, number: int | None) -> BenchPhase | None:
        """The phase of that id."""
        seen = self._phases.get(number or 0)
        return seen.phase if seen else None

    def question(self, number: int | None) -> Question | None:
        """Which of the four experiments a phase is of: its own word, else that of what it is in."""
        return next((one.question for one in self._around(number) if one.question), None)

    def block(self, number: int | None) -> int | None:
        """The block that a phase is in, by its id."""
        return next(
            (one.id for one in self._around(number) if one.kind is PhaseKind.BLOCK),
            None,
        )

    def is_in(self, one: Attempt | RequestSeen, kind: PhaseKind) -> bool:
        """Whether it began in a phase of that kind, or in one within it."""
        return any(phase.kind is kind for phase in self._around(one.phase))

    def _around(self, number: int | None) -> Iterator[BenchPhase]:
        """The phase, the one that it is in, and so on; a broken journal makes no circle."""
        seen: set[int] = set()
        phase = self.phase(number)
        while phase is not None and phase.id not in seen:
            seen.add(phase.id)
            yield phase
            phase = self.phase(phase.parent)


def phases_of(session: Session, kind: PhaseKind) -> Iterator[PhaseSeen]:
    """The phases of one kind, in the order of their begins."""
    return (seen for seen in session.phases if seen.phase.kind is kind)
