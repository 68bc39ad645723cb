"""One order for several servers: what is given, what is not, what came of each."""

import asyncio

import pytest
from support import builders as build
from support.fakes import FakeEngine
from support.panel import opened
from support.runtimes import FakeRuntimes

from sleeptui.core.errors import Refused
from sleeptui.core.model import Reach, SleepMode, State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.services.errand import End, Errand, Order, end_of


def asleep(clock, name):
    return FakeEngine(clock, name, level=1, awake_tags=set(), is_paused=True)


def errand(panel, kind=Kind.SLEEP, **options):
    """The errand, with what it told as ``told``."""
    operations = panel.services.operations
    give = {
        Kind.SLEEP: lambda name: operations.sleep(name, **options),
        Kind.WAKE: lambda name: operations.wake(name, **options),
        Kind.VERIFY: operations.verify,
    }[kind]
    wanted = State.ASLEEP if kind is Kind.SLEEP else State.AWAKE
    order = Order(
        kind=kind,
        give=give,
        is_so=lambda view: kind is not Kind.VERIFY and view.state is wanted,
    )
    told = []
    made = Errand(panel.services, order, lambda server, words: told.append(f"{server}: {words}"))
    made.told = told
    return made


async def over(panel, work):
    """Let time pass until it has ended."""
    task = asyncio.ensure_future(work)
    await panel.clock.until(task.done, limit_s=600)
    return task.result()


def ends(made):
    return {name: one.end for name, one in made.answers.items()}


async def test_each_gets_the_order_and_those_of_a_gpu_take_turns(clock):
    async with opened(FakeEngine(clock, "a"), FakeEngine(clock, "b"), clock=clock) as panel:
        made = errand(panel)
        await over(panel, made.carry(("a", "b")))
        assert ends(made) == {"a": End.DONE, "b": End.DONE}
        assert [one.server for one in made.records] == ["a", "b"]
        assert made.told[0].startswith("b: waits for sleep of a")
        assert [line.partition(", ")[0] for line in made.told[1:]] == [
            "a: sleep done: asleep at level 1",
            "b: sleep done: asleep at level 1",
        ]


async def test_one_alone_is_told_at_the_end_only(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock) as panel:
        made = errand(panel)
        await over(panel, made.carry(("a",)))
        assert made.told == []
        assert made.answers["a"].record is made.records[0]


async def test_what_is_so_already_is_not_asked(clock):
    async with opened(asleep(clock, "a"), FakeEngine(clock, "b"), clock=clock) as panel:
        await panel.until(lambda: panel.view("a").state is State.ASLEEP)
        made = errand(panel)
        await over(panel, made.carry(("a", "b")))
        assert ends(made) == {"a": End.ALREADY, "b": End.DONE}
        assert made.answers["a"].message == "asleep at level 1 already; nothing was sent"
        assert "sleep" not in " ".join(map(str, panel.engine("a").calls))


async def test_who_does_not_answer_is_not_asked(clock):
    gone = FakeEngine(clock, "gone", reach=Reach.REFUSED)
    both = (gone, FakeEngine(clock, "b"))
    async with opened(*both, clock=clock, runtimes=FakeRuntimes()) as panel:
        made = errand(panel)
        await over(panel, made.carry(("gone", "b")))
        assert ends(made) == {"gone": End.UNREACHABLE, "b": End.DONE}
        assert made.answers["gone"].message.startswith("down")


async def test_a_refusal_is_the_panels_sentence_without_the_name(clock):
    async with opened(asleep(clock, "a"), clock=clock) as panel:
        await panel.until(lambda: panel.view("a").state is State.ASLEEP)
        made = errand(panel, Kind.VERIFY)
        await over(panel, made.carry(("a",)))
        answer = made.answers["a"]
        assert answer.end is End.REFUSED
        assert answer.message == "asleep at level 1: a prompt would hang until it wakes"
        assert not answer.can_force


async def test_a_failure_is_told_in_short_on_the_way(clock):
    broken = FakeEngine(clock, "a")
    broken.faults["sleep"] = [Refused("a: invalid argument", server="a", status=500)]
    async with opened(broken, FakeEngine(clock, "b"), clock=clock) as panel:
        made = errand(panel)
        await over(panel, made.carry(("a", "b")))
        assert ends(made) == {"a": End.FAILED, "b": End.DONE}
        assert "a: sleep failed" in made.told


async def test_what_waits_is_taken_back_and_what_was_sent_is_not(clock):
    async with opened(FakeEngine(clock, "a"), FakeEngine(clock, "b"), clock=clock) as panel:
        made = errand(panel, mode=SleepMode.ABORT, verify=False)
        task = asyncio.ensure_future(made.carry(("a", "b")))
        await panel.until(lambda: panel.view("a").state is State.FALLING_ASLEEP)
        assert made.take_back() == {"a": False, "b": True}
        await over(panel, task)
        assert ends(made) == {"a": End.DONE, "b": End.CANCELLED}
        assert made.take_back() == {}


@pytest.mark.parametrize(
    ("outcome", "cause", "end"),
    [
        (Outcome.DONE, None, End.DONE),
        (Outcome.CANCELLED, Cause.ALREADY_SO, End.ALREADY),
        (Outcome.CANCELLED, None, End.CANCELLED),
        (Outcome.SUSPECT, Cause.NOTHING_FREED, End.SUSPECT),
        (Outcome.SUSPECT, Cause.GARBAGE, End.WRONG),
        (Outcome.FAILED, Cause.NO_TOKENS, End.WRONG),
        (Outcome.FAILED, Cause.OUT_OF_MEMORY, End.FAILED),
        (Outcome.UNKNOWN, Cause.NO_ANSWER, End.UNKNOWN),
    ],
)
def test_the_word_for_an_end(outcome, cause, end):
    assert end_of(build.record(Kind.WAKE, outcome=outcome, cause=cause)) is end
