"""A session and all that is calculated from it: once, for all files that need it."""

from collections.abc import Mapping
from functools import cached_property

from sleeptui.core import measure, measure_fates, measure_memory
from sleeptui.core.interval import OK, Interval
from sleeptui.core.measure import Comparison
from sleeptui.core.measure_fates import FateRow, Reliability
from sleeptui.core.measure_memory import MemoryCycle, Trend
from sleeptui.core.operation import Kind
from sleeptui.core.places import Place, Places
from sleeptui.core.session import Attempt, Session
from sleeptui.core.trials import Trial, trials

MAIN = {
    "sleep": "sleep.call",
    "wake": "wake.call",
    "switch": "switch.total",
    "prompt": "prompt.ttft",
    "verify": "verify",
    "start": "cold.health",
}
"""What an operation is listed under that has given no value."""
_PLACED = (Kind.SLEEP, Kind.WAKE)
_PLACES = {Place.FIRST: "aside", Place.IN_FLIGHT: "in_flight", Place.ASIDE: "aside"}
"""In a benchmark: what was done to make room, as a proof, or for another question is aside."""


class Measured:
    """The session; each part is calculated when it is first asked for."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @cached_property
    def intervals(self) -> tuple[Interval, ...]:
        """All that was timed."""
        return measure.intervals(self.session)

    @cached_property
    def ratios(self) -> tuple[Comparison, ...]:
        """What the intervals say of each other."""
        return measure.ratios(self.session, self.intervals)

    @cached_property
    def memory(self) -> tuple[MemoryCycle, ...]:
        """Each sleep and the wake after it."""
        return measure_memory.memory(self.session)

    @cached_property
    def trends(self) -> tuple[Trend, ...]:
        """What grows, or not, from cycle to cycle."""
        return measure_memory.trends(self.session, self.memory)

    @cached_property
    def reliability(self) -> tuple[Reliability, ...]:
        """How often what was tried worked."""
        return measure_fates.reliability(self.session)

    @cached_property
    def in_flight(self) -> tuple[FateRow, ...]:
        """What became of requests that a sleep found."""
        return measure_fates.in_flight(self.session)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """Sleeps with requests in flight, of a benchmark."""
        return trials(self.session)

    @cached_property
    def canaries(self) -> Mapping[str, Mapping[str, int]]:
        """Grades of the canaries by server."""
        return measure_fates.canaries(self.session)

    @cached_property
    def classes(self) -> Mapping[int, str]:
        """The class of each attempt, by its id."""
        return measure_fates.classes(self.session)

    @cached_property
    def places(self) -> Places:
        """Where in a benchmark something was."""
        return Places(self.session)

    @cached_property
    def values(self) -> Mapping[int, tuple[tuple[str, float], ...]]:
        """What counts of each attempt, by its id: the interval and seconds."""
        found: dict[int, list[tuple[str, float]]] = {}
        for interval in self.intervals:
            for sample in interval.samples:
                found.setdefault(sample.attempt_id, []).append((interval.id, sample.value_s))
        return {attempt: tuple(those) for attempt, those in found.items()}

    def told(self, one: Attempt) -> tuple[tuple[str, float | None], ...]:
        """What an attempt has timed; of one that does not count how long it took, if it ended."""
        if one.id in self.values:
            return self.values[one.id]
        name, took_s = self._name(one), None
        if one.record is not None and name not in ("prompt.ttft", "verify"):
            took_s = one.record.duration_s
        return ((name, took_s),)

    def class_told(self, one: Attempt) -> str:
        """The class of an attempt; one that went well in a disturbed cycle is disturbed."""
        cls = self.classes[one.id]
        return cls if cls != OK else self.places.spoiled(one) or OK

    def _name(self, one: Attempt) -> str:
        """What an attempt that has given no value is listed under; beside others of its place."""
        place = self.places.of(one)
        if one.kind in _PLACED and place is not Place.STEADY:
            is_first = place is Place.FIRST and one.kind == Kind.WAKE
            return f"{one.kind}.first" if is_first else f"{one.kind}.{_PLACES[place]}"
        if one.kind == Kind.WAKE and one.level == 2:  # noqa: PLR2004 - sleep level 2
            return "wake.ready_l2"
        return MAIN.get(one.kind, one.kind)


def grade_of(one: Attempt) -> str | None:
    """What its canary was worth; None: there was none."""
    verification = one.record.verification if one.record else None
    if verification is None:
        return None
    if verification.is_inconclusive:
        return "busy"
    grade = verification.verdict.grade
    return "nothing to compare with" if grade is None else str(grade)
