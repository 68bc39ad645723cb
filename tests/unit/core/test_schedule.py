from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.cold import ColdKind
from sleeptui.core.plan import ORDER, InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.schedule import Subject, schedule

A = Subject(name="a", partners=("b",))
B = Subject(name="b", partners=("a",))
ALL = Plan(
    name="all",
    latency=Latency(blocks=2, cycles=2),
    memory=Memory(),
    in_flight=InFlight(repeats=2),
    stability=Stability(cycles=3),
)
levels = st.lists(st.sampled_from([1, 2]), min_size=1, max_size=2, unique=True).map(tuple)
plans = st.builds(
    Plan,
    name=st.just("drawn"),
    latency=st.none()
    | st.builds(
        Latency,
        blocks=st.integers(0, 4),
        cycles=st.integers(1, 4),
        levels=levels,
        cold=st.lists(
            st.sampled_from([ColdKind.CACHED, ColdKind.DISK]), min_size=1, unique=True
        ).map(tuple),
        warm_up=st.integers(0, 2),
    ),
    memory=st.none() | st.builds(Memory, cycles=st.integers(1, 3), levels=levels),
    in_flight=st.none() | st.builds(InFlight, repeats=st.integers(1, 3), levels=levels),
    stability=st.none() | st.builds(Stability, cycles=st.integers(1, 5), levels=levels),
    order=st.lists(st.sampled_from(list(Question)), unique=True).map(tuple),
)
fleets = st.sampled_from(
    [
        (A,),
        (A, B),
        (A, Subject(name="b", partners=("a",), can_start=False)),
        (A, Subject(name="b", partners=("a",), levels=frozenset({1}), modes=frozenset({"wait"}))),
        (Subject(name="a", partners=("b", "c")), B, Subject(name="c", partners=("a", "b"))),
    ]
)


def of(steps, kind, question=None):
    return [
        step
        for step in steps
        if step.phase.kind is kind and question in (None, step.phase.question)
    ]


@given(plan=plans, subjects=fleets, seed=st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_order(plan, subjects, seed):
    assert schedule(plan, subjects, seed) == schedule(plan, subjects, seed)


@given(plan=plans, subjects=fleets, seed=st.integers(0, 2**31))
def test_each_arm_has_its_count(plan, subjects, seed):
    steps = schedule(plan, subjects, seed)
    for subject in subjects:
        mine = [step for step in steps if step.phase.server == subject.name]
        cycles = Counter(
            (step.phase.question, step.phase.level, step.phase.nth != 0)
            for step in of(mine, PhaseKind.CYCLE)
        )
        if plan.latency:
            restarts = plan.latency.blocks * len(plan.latency.cold) if subject.can_start else 0
            lives = restarts or 1
            per_life = plan.latency.cycles * (1 if restarts else max(plan.latency.blocks, 1))
            assert len(of(mine, PhaseKind.COLD)) == restarts
            for level in plan.latency.levels:
                can = level in subject.levels
                assert cycles[Question.LATENCY, level, True] == can * lives * per_life
                assert cycles[Question.LATENCY, level, False] == can * lives
        if plan.stability:
            for level in plan.stability.levels:
                can = level in subject.levels
                assert cycles[Question.STABILITY, level, True] == can * plan.stability.cycles
        proofs = len(of(mine, PhaseKind.PROOF))
        levels = len(subject.levels & set(plan.memory.levels)) if plan.memory else 0
        asked = plan.memory.cycles * levels if plan.memory and subject.partners else 0
        assert proofs == asked


@given(plan=plans, subjects=fleets, seed=st.integers(0, 2**31))
def test_every_turn_of_a_server_begins_with_room_for_it(plan, subjects, seed):
    owner = ""
    for step in schedule(plan, subjects, seed):
        if step.phase.kind is PhaseKind.RESTORE:
            break
        if step.phase.kind is PhaseKind.PREPARE:
            owner = step.phase.server
        assert step.phase.server == owner


@given(plan=plans, subjects=fleets, seed=st.integers(0, 2**31))
def test_the_last_step_brings_everything_back(plan, subjects, seed):
    steps = schedule(plan, subjects, seed)
    assert [step.phase.kind for step in steps].count(PhaseKind.RESTORE) == bool(steps)
    assert not steps or steps[-1].phase.kind is PhaseKind.RESTORE


@given(plan=plans, subjects=fleets, seed=st.integers(0, 2**31))
def test_a_block_is_one_life_and_begins_with_its_start(plan, subjects, seed):
    steps = schedule(plan, subjects, seed)
    for index, step in enumerate(steps):
        if step.phase.kind is PhaseKind.COLD:
            assert steps[index - 1].phase.kind is PhaseKind.PREPARE
            assert steps[index - 1].block is step.block
            assert not step.needs_awake
        if step.phase.kind is PhaseKind.CYCLE and step.phase.nth == 0:
            assert step.block.question is Question.LATENCY


def test_models_alternate_and_levels_are_mixed_within_a_block():
    steps = schedule(ALL, (A, B), 1)
    starts = [step.phase.server for step in of(steps, PhaseKind.COLD)]
    assert all(one != other for one, other in pairwise(starts))
    many = Plan(name="x", latency=Latency(blocks=1, cycles=20))
    order = [step.phase.level for step in of(schedule(many, (A,), 1), PhaseKind.CYCLE)]
    assert order != sorted(order)
    assert {tuple(sorted(pair)) for pair in zip(order[::2], order[1::2], strict=True)} == {(1, 2)}


def test_another_seed_gives_another_order():
    assert schedule(ALL, (A, B), 1) != schedule(ALL, (A, B), 2)


def test_trials_follow_their_controls_and_are_mixed():
    steps = [step for step in schedule(ALL, (A,), 1) if step.phase.question is Question.IN_FLIGHT]
    kinds = [step.phase.kind for step in steps]
    assert kinds[:3] == [PhaseKind.PREPARE, PhaseKind.CONTROL, PhaseKind.CONTROL]
    trials = steps[3:]
    arms = Counter((one.phase.mode, one.phase.streams) for one in trials)
    assert set(arms.values()) == {2}
    assert len(arms) == 6
    assert [one.phase.nth for one in trials] == [1] * 6 + [2] * 6


def test_partners_take_turns():
    subjects = (Subject(name="a", partners=("b", "c")), B, Subject(name="c"))
    plan = Plan(name="x", memory=Memory(cycles=2, levels=(1,)))
    partners = [step.partner for step in schedule(plan, subjects, 3) if step.phase.server == "a"]
    assert [one for one in partners if one] == ["b", "c"]


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_can_do_nothing_of_a_part_has_no_step_in_it(seed):
    mute = Subject(name="a", levels=frozenset(), modes=frozenset())
    plan = Plan(name="x", memory=Memory(), in_flight=InFlight(), stability=Stability())
    assert schedule(plan, (mute,), seed) == ()


def test_parts_come_in_the_order_of_the_plan_and_the_rest_as_usual():
    def questions(*order):
        steps = schedule(replace(ALL, order=order or ORDER), (A, B), 1)
        return list(dict.fromkeys(one.phase.question for one in steps[:-1]))

    assert questions() == list(ORDER)
    stability, memory = Question.STABILITY, Question.MEMORY
    assert questions(stability, memory) == [
        stability, memory, Question.LATENCY, Question.IN_FLIGHT,
    ]  # fmt: skip
