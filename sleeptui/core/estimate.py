"""How long a plan takes, and what it will do, in plain words. Pure.

From what is learnt of each server, else from what is usual; corrected by what was seen while it
runs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sleeptui.core import units
from sleeptui.core.bench import BenchPhase, PhaseKind, Question
from sleeptui.core.learned import FIRST, Learned
from sleeptui.core.plan import Plan
from sleeptui.core.step import Step

_START_S = 90.0
_SLEEP_S = {1: 0.5, 2: 0.3}
_FIRST_SLEEP_S = 6.0
_WAKE_S = {1: 1.0, 2: 3.0}
_STOP_S = 5.0
"""Of a model of a few billion parameters on a card of today, where nothing is known."""
_AROUND_S = 1.2
"""Beside the calls of a sleep and its wake: canaries, and memory that comes to rest. Measured on
an H200 over 36 cycles: 0.5 s around each of the two."""
_REQUEST_S = 0.3
_TOKENS_PER_S = 60.0
_PARKED_S = 1.0
"""Until the requests that are parked are sent."""
_MINUTE_S = 60.0
_FAITH_S = 60.0
"""So much of the estimate counts as seen: a first step that is over at once says little."""
_WORDS = {
    Question.LATENCY: "wake against cold start",
    Question.MEMORY: "memory in sleep",
    Question.IN_FLIGHT: "requests in flight",
    Question.STABILITY: "stability",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How long things take on one server."""

    start_s: float = _START_S
    stop_s: float = _STOP_S
    sleep_s: Mapping[int, float] = field(default_factory=lambda: dict(_SLEEP_S))
    """By level."""
    first_sleep_s: float = _FIRST_SLEEP_S
    wake_s: Mapping[int, float] = field(default_factory=lambda: dict(_WAKE_S))
    """By level."""

    def cycle_s(self, level: int, *, is_first: bool = False) -> float:
        """A sleep and its wake, with what is checked around them."""
        slow = is_first and level == 1
        sleep_s = self.first_sleep_s if slow else self.sleep_s.get(level, _SLEEP_S[1])
        return sleep_s + self.wake_s.get(level, _WAKE_S[1]) + _AROUND_S


def speed_of(learned: Learned) -> Speed:
    """How long things took on a server the last times; what was never seen is as usual."""
    return Speed(
        start_s=_seen(learned, "start") or _START_S,
        stop_s=_seen(learned, "stop") or _STOP_S,
        sleep_s={level: _seen(learned, f"sleep {level}") or _SLEEP_S[level] for level in _SLEEP_S},
        first_sleep_s=_seen(learned, FIRST) or _FIRST_SLEEP_S,
        wake_s={level: _seen(learned, f"wake {level}") or _WAKE_S[level] for level in _WAKE_S},
    )


def seconds_of(step: Step, plan: Plan, speeds: Mapping[str, Speed]) -> float:
    """How long a step takes, as far as it can be known beforehand."""
    phase, speed = step.phase, speeds.get(step.phase.server, Speed())
    level, dwell_s = phase.level or 1, phase.dwell_s or 0.0
    match phase.kind:
        case PhaseKind.COLD:
            return speed.stop_s + speed.start_s
        case PhaseKind.WARM_UP:
            return _REQUEST_S * (plan.latency.warm_up if plan.latency else 1)
        case PhaseKind.BASELINE:
            return _REQUEST_S * ((plan.latency.steady if plan.latency else 1) + 3)
        case PhaseKind.CYCLE:
            return _cycle_s(step, plan, speed) + dwell_s
        case PhaseKind.PROOF:
            other = speeds.get(step.partner, Speed())
            return speed.cycle_s(level) + other.cycle_s(1) + dwell_s
        case PhaseKind.CONTROL:
            return _REQUEST_S + _answer_s(plan)
        case PhaseKind.TRIAL:
            return speed.cycle_s(level) + _answer_s(plan) + _PARKED_S + dwell_s
        case _:
            return speed.cycle_s(1)


def seconds_by_question(
    steps: Iterable[Step], plan: Plan, speeds: Mapping[str, Speed]
) -> Mapping[Question | None, float]:
    """How long each part takes; None: what belongs to none."""
    sums: dict[Question | None, float] = defaultdict(float)
    for step in steps:
        sums[step.phase.question] += seconds_of(step, plan, speeds)
    return dict(sums)


class Remaining:
    """What is left while it runs: the estimate, corrected by how long like steps have taken."""

    def __init__(self, steps: Sequence[Step], plan: Plan, speeds: Mapping[str, Speed]) -> None:
        self._left: dict[tuple[str, str, int | None], float] = defaultdict(float)
        self._of = [(_group(step.phase), seconds_of(step, plan, speeds)) for step in steps]
        self._expected: dict[tuple[str, str, int | None], float] = defaultdict(float)
        self._took: dict[tuple[str, str, int | None], float] = defaultdict(float)
        for group, expected_s in self._of:
            self._left[group] += expected_s

    @property
    def left_s(self) -> float:
        """Until the end, as it looks now."""
        took_s, expected_s = sum(self._took.values()), sum(self._expected.values())
        usual = (took_s + _FAITH_S) / (expected_s + _FAITH_S)
        return sum(left_s * self._factor(group, usual) for group, left_s in self._left.items())

    def done(self, index: int, took_s: float | None) -> None:
        """A step is over.

        Args:
            index: Its place among all steps.
            took_s: How long it took; None: it was skipped.
        """
        group, expected_s = self._of[index]
        self._left[group] = max(self._left[group] - expected_s, 0.0)
        if took_s is not None:
            self._expected[group] += expected_s
            self._took[group] += took_s

    def _factor(self, group: tuple[str, str, int | None], usual: float) -> float:
        """How much longer than expected steps like these take; where none was seen, as all do."""
        expected_s = self._expected.get(group)
        return self._took[group] / expected_s if expected_s else usual


def briefing(
    plan: Plan, steps: Sequence[Step], speeds: Mapping[str, Speed], notes: Sequence[str]
) -> tuple[str, ...]:
    """What will be done, how long it takes and what is left out; a sentence a line."""
    lines = [_does(steps, name) for name in _names(steps)]
    lines.append(f"It sends about {_requests(steps, plan)} requests, and canaries.")
    sums = seconds_by_question(steps, plan, speeds)
    for question, words in _WORDS.items():
        if question in sums:
            lines.append(f"{words.capitalize()}: {about(sums[question])}.")
    lines.append(f"In all {about(sum(sums.values()))}.")
    if plan.max_duration_s is not None:
        lines.append(f"It ends after {units.elapsed(plan.max_duration_s)} at the latest.")
    lines.append("Every server ends as it was found, also after ctrl+c.")
    lines += (f"Left out: {note}." for note in notes)
    return tuple(lines)


def about(seconds: float) -> str:
    """``about 12 min``; seconds below two minutes."""
    if seconds < 2 * _MINUTE_S:
        return f"about {max(round(seconds / 5), 1) * 5} s"
    if seconds < 120 * _MINUTE_S:
        return f"about {round(seconds / _MINUTE_S)} min"
    return f"about {seconds / (60 * _MINUTE_S):.1f} h"


def _seen(learned: Learned, key: str) -> float | None:
    times = sorted(learned.times.get(key, ()))
    return times[len(times) // 2] if times else None


def _group(phase: BenchPhase) -> tuple[str, str, int | None]:
    return phase.kind.value, phase.server, phase.level


def _cycle_s(step: Step, plan: Plan, speed: Speed) -> float:
    phase = step.phase
    seconds = speed.cycle_s(phase.level or 1, is_first=phase.nth == 0)
    if phase.question is Question.LATENCY and plan.latency is not None:
        seconds += plan.latency.settle_s + _REQUEST_S * plan.latency.steady
    return seconds


def _answer_s(plan: Plan) -> float:
    return plan.in_flight.max_tokens / _TOKENS_PER_S if plan.in_flight else 0.0


def _names(steps: Sequence[Step]) -> tuple[str, ...]:
    """Of the servers that are measured, in the order in which it begins with them."""
    return tuple(dict.fromkeys(step.phase.server for step in steps if step.phase.server))


def _does(steps: Sequence[Step], name: str) -> str:
    """What is done with one server."""
    kinds = Counter(step.phase.kind for step in steps if step.phase.server == name)
    guest = sum(step.partner == name for step in steps)
    sleeps = kinds[PhaseKind.CYCLE] + kinds[PhaseKind.PROOF] + kinds[PhaseKind.TRIAL] + guest
    parts = [f"is put to sleep and woken {_times(sleeps)}"] if sleeps else []
    if kinds[PhaseKind.COLD]:
        parts.insert(0, f"is restarted {_times(kinds[PhaseKind.COLD])}")
    if kinds[PhaseKind.TRIAL]:
        parts.append(f"{kinds[PhaseKind.TRIAL]} of them with requests in flight")
    return f"{name} {', '.join(parts) or 'is looked at'}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _requests(steps: Sequence[Step], plan: Plan) -> int:
    return sum(_sent(step.phase, plan) for step in steps)


def _sent(phase: BenchPhase, plan: Plan) -> int:
    """Requests of one phase."""
    latency, in_flight = plan.latency, plan.in_flight
    match phase.kind:
        case PhaseKind.WARM_UP if latency:
            return latency.warm_up
        case PhaseKind.BASELINE | PhaseKind.CYCLE if latency and (
            phase.question is Question.LATENCY
        ):
            return latency.steady
        case PhaseKind.CONTROL:
            return phase.streams or 0
        case PhaseKind.TRIAL if in_flight:
            waiting_s = in_flight.dwell_s + _answer_s(plan)
            probes = round(in_flight.probe_per_s * waiting_s)
            return (phase.streams or 0) + in_flight.late + in_flight.parked + probes
        case _:
            return 0
