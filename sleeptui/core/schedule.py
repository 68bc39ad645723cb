"""From a plan and a seed to the order of its steps. Pure.

Arms are interleaved, so that what drifts hits all of them: levels within a block, models and cold
kinds from block to block, modes within a round of trials.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import TypeVar

from sleeptui.core.bench import BenchPhase, PhaseKind, Question
from sleeptui.core.cold import ColdKind
from sleeptui.core.plan import ORDER, InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.step import Step

REST_S = 2.0
"""How long a server of a proof sleeps before another one wakes: what grows back shows in it."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A server that is measured, and what can be done with it."""

    name: str
    levels: frozenset[int] = frozenset({1, 2})
    """That it can sleep at."""
    modes: frozenset[str] = frozenset({"abort", "wait", "keep"})
    """What it can do with requests when it falls asleep."""
    can_start: bool = True
    """It has a runtime."""
    partners: tuple[str, ...] = ()
    """Other subjects that use the same GPU."""


class _Draw:
    """What chance decides, all from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - an order, no secret
        self._last = ""

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """A new order."""
        return self._random.sample(list(values), len(values))

    def one(self, values: Sequence[float]) -> float:
        """One of them."""
        return self._random.choice(list(values))

    def models(self, subjects: Sequence[Subject]) -> list[Subject]:
        """A new order; it does not begin with the one that was last, where there are others."""
        order = self.shuffled(subjects)
        if len(order) > 1 and order[0].name == self._last:
            order.append(order.pop(0))
        if order:
            self._last = order[-1].name
        return order


def schedule(plan: Plan, subjects: Sequence[Subject], seed: int) -> tuple[Step, ...]:
    """The steps of a plan in their order; the same for the same seed.

    Args:
        plan: What to measure.
        subjects: The servers; what one cannot do is left out.
        seed: Of all that chance decides.
    """
    draw = _Draw(seed)
    steps: list[Step] = []
    for question in dict.fromkeys((*plan.order, *ORDER)):
        steps += _part(question, plan, subjects, draw)
    if steps:
        title = "every server is brought back to how it was found"
        last = BenchPhase(id=0, kind=PhaseKind.RESTORE, title=title)
        steps.append(Step(phase=last, needs_awake=False))
    return tuple(steps)


def _part(
    question: Question, plan: Plan, subjects: Sequence[Subject], draw: _Draw
) -> Iterator[Step]:
    """The steps of one part; none, where the plan leaves it out."""
    match question:
        case Question.LATENCY if plan.latency:
            yield from _latency(plan.latency, subjects, draw)
        case Question.MEMORY if plan.memory:
            yield from _memory(plan.memory, subjects, draw)
        case Question.IN_FLIGHT if plan.in_flight:
            yield from _in_flight(plan.in_flight, subjects, draw)
        case Question.STABILITY if plan.stability:
            yield from _stability(plan.stability, subjects, draw)
        case _:
            pass


def _latency(plan: Latency, subjects: Sequence[Subject], draw: _Draw) -> Iterator[Step]:
    """Blocks: one life of a process each; of those that cannot be restarted one long one."""
    restarted = [one for one in subjects if one.can_start and plan.blocks]
    for subject in draw.models([one for one in subjects if one not in restarted]):
        yield from _block(plan, subject, draw, number=1, cold=None)
    kinds = [cold for _ in range(plan.blocks) for cold in draw.shuffled(plan.cold)]
    for number, cold in enumerate(kinds, start=1):
        for subject in draw.models(restarted):
            yield from _block(plan, subject, draw, number=number, cold=cold)


def _block(
    plan: Latency, subject: Subject, draw: _Draw, *, number: int, cold: ColdKind | None
) -> Iterator[Step]:
    name, cycles = subject.name, plan.cycles if cold else plan.cycles * max(plan.blocks, 1)
    blocks = plan.blocks * len(plan.cold)
    where = f"block {number} of {blocks}" if cold else "the process as it was found"
    block = BenchPhase(
        id=0,
        kind=PhaseKind.BLOCK,
        title=f"{name}: {where}",
        question=Question.LATENCY,
        server=name,
        block=number,
        cold=cold,
    )
    yield _prepare(block, block, is_awake=cold is None)
    if cold is not None:
        title = f"{name}: {_COLD[cold]}, {where}"
        phase = replace(block, kind=PhaseKind.COLD, title=title, arm=cold.value)
        yield Step(phase=phase, block=block, needs_awake=False)
    if plan.warm_up:
        phase = replace(block, kind=PhaseKind.WARM_UP, title=f"{name}: warm-up, {where}")
        yield Step(phase=phase, block=block)
    title = f"{name}: as it is before any sleep, {where}"
    yield Step(phase=replace(block, kind=PhaseKind.BASELINE, title=title), block=block)
    levels = [level for level in plan.levels if level in subject.levels]
    for nth in range(cycles + 1):
        for level in draw.shuffled(levels):
            which = f"cycle {nth} of {cycles}" if nth else "the first sleep and wake"
            phase = replace(
                block,
                kind=PhaseKind.CYCLE,
                title=f"{name}: {which} at level {level}, {where}",
                arm=f"L{level}",
                nth=nth,
                level=level,
                dwell_s=draw.one(plan.dwell_s),
            )
            yield Step(phase=phase, block=block)


def _memory(plan: Memory, subjects: Sequence[Subject], draw: _Draw) -> Iterator[Step]:
    """Each round: each sleeps, another one wakes in the freed space, and back."""
    for nth in range(1, plan.cycles + 1):
        for subject in draw.models([one for one in subjects if one.partners]):
            name, partner = subject.name, subject.partners[(nth - 1) % len(subject.partners)]
            levels = [level for level in plan.levels if level in subject.levels]
            for place, level in enumerate(draw.shuffled(levels)):
                phase = BenchPhase(
                    id=0,
                    kind=PhaseKind.PROOF,
                    title=f"{name} sleeps at level {level}, {partner} wakes in its place,"
                    f" {nth} of {plan.cycles}",
                    question=Question.MEMORY,
                    server=name,
                    arm=f"L{level}",
                    nth=nth,
                    level=level,
                    dwell_s=REST_S,
                )
                if not place:
                    yield _prepare(phase)
                yield Step(phase=phase, partner=partner)


def _in_flight(plan: InFlight, subjects: Sequence[Subject], draw: _Draw) -> Iterator[Step]:
    """For each server: its requests without a sleep, then rounds of all sleeps in new orders."""
    for subject in draw.models(subjects):
        name = subject.name
        modes = [mode for mode in plan.modes if mode in subject.modes]
        levels = [level for level in plan.levels if level in subject.levels]
        arms = list(product(modes, levels, plan.streams))
        if not arms:
            continue
        block = BenchPhase(
            id=0,
            kind=PhaseKind.BLOCK,
            title=f"{name}: requests in flight",
            question=Question.IN_FLIGHT,
            server=name,
        )
        yield _prepare(block, block)
        for streams in draw.shuffled(plan.streams):
            title = f"{name}: {_requests(streams)} without a sleep"
            phase = replace(block, kind=PhaseKind.CONTROL, title=title, streams=streams)
            yield Step(phase=phase, block=block)
        for nth in range(1, plan.repeats + 1):
            for mode, level, streams in draw.shuffled(arms):
                phase = replace(
                    block,
                    kind=PhaseKind.TRIAL,
                    title=f"{name}: {mode} with {_requests(streams)} at level {level},"
                    f" {nth} of {plan.repeats}",
                    arm=mode,
                    nth=nth,
                    level=level,
                    mode=mode,
                    streams=streams,
                    dwell_s=plan.dwell_s,
                )
                yield Step(phase=phase, block=block)


def _stability(plan: Stability, subjects: Sequence[Subject], draw: _Draw) -> Iterator[Step]:
    """All cycles of one server in a row: what grows, grows in one life of a process."""
    for subject in draw.models(subjects):
        for level in draw.shuffled([one for one in plan.levels if one in subject.levels]):
            name = subject.name
            block = BenchPhase(
                id=0,
                kind=PhaseKind.BLOCK,
                title=f"{name}: {plan.cycles} cycles at level {level}",
                question=Question.STABILITY,
                server=name,
                arm=f"L{level}",
                level=level,
            )
            yield _prepare(block, block)
            for nth in range(1, plan.cycles + 1):
                phase = replace(
                    block,
                    kind=PhaseKind.CYCLE,
                    title=f"{name}: cycle {nth} of {plan.cycles} at level {level}",
                    nth=nth,
                    dwell_s=plan.dwell_s,
                )
                yield Step(phase=phase, block=block)


_COLD = {
    ColdKind.CACHED: "cold start, weights in the page cache",
    ColdKind.DISK: "cold start, weights from the disk",
    ColdKind.VIRGIN: "first start ever, empty caches",
    ColdKind.UNKNOWN: "cold start",
}


def _prepare(of: BenchPhase, block: BenchPhase | None = None, *, is_awake: bool = True) -> Step:
    """The others on its GPUs sleep; itself is awake, unless it is about to be started."""
    phase = BenchPhase(
        id=0,
        kind=PhaseKind.PREPARE,
        title=f"{of.server}: room for it",
        question=of.question,
        server=of.server,
        block=of.block,
    )
    return Step(phase=phase, block=block, needs_awake=is_awake)


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"
