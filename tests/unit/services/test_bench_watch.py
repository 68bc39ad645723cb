"""A benchmark in a process of its own, as the panel sees it."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.bench_children import BRIEFING, SESSION, Ahead, FakeBenches
from support.bench_story import BEGAN_S, running, whole
from support.builders import spec
from support.clock import ManualClock, settle

from sleeptui.core.errors import ConfigError, JournalError, NotAllowed, ProcessError
from sleeptui.core.events import Noted
from sleeptui.services.bench_watch import BenchState, BenchWatch
from sleeptui.services.bus import Bus

SERVERS = (spec("code"), spec("chat"))


def ahead(plan):
    if plan.name == "standard":
        raise ConfigError("nothing can be measured", hint="ask the doctor")
    return Ahead()


class Bench:
    """A watch, and all that it tells."""

    def __init__(self, group):
        self.benches = FakeBenches()
        self.notes = []
        self.off = []
        bus = Bus()
        bus.subscribe(lambda event: isinstance(event, Noted) and self.notes.append(event.text))
        self.watch = BenchWatch(
            benches=self.benches,
            bus=bus,
            clock=ManualClock(BEGAN_S + 100),
            group=group,
            ahead=ahead,
            hands_off=self.off.append,
        )

    @property
    def state(self):
        return self.watch.watched.state

    async def begun(self):
        self.watch.start("quick", SERVERS)
        await settle()
        self.benches.child.session.set_result(SESSION)
        await settle()

    async def over(self, code):
        self.benches.close()
        self.benches.child.code.set_result(code)
        await settle()


@asynccontextmanager
async def bench():
    async with asyncio.TaskGroup() as group:
        one = Bench(group)
        yield one
        await one.watch.end()


async def test_before_the_first_there_is_none():
    async with bench() as one:
        assert one.watch.watched is None
        assert not one.watch.is_running
        assert one.watch.share() is None


async def test_each_plan_says_what_it_would_do_or_why_it_cannot():
    async with bench() as one:
        quick, standard = one.watch.offers()
        assert (quick.plan.name, quick.estimate_s, quick.problem) == ("quick", 720.0, "")
        assert quick.briefing == BRIEFING
        assert standard.problem == "nothing can be measured. Ask the doctor"


async def test_it_is_started_followed_and_ends():
    async with bench() as one:
        one.watch.start("quick", SERVERS)
        assert (one.state, one.off) == (BenchState.STARTING, [True])
        await settle()
        assert one.benches.asked == [("quick", ("code", "chat"))]
        one.benches.child.session.set_result(SESSION)
        await settle()
        assert (one.state, one.watch.watched.session) == (BenchState.RUNNING, SESSION)
        one.benches.tell(*running())
        await settle()
        assert one.watch.share() > 0.0
        assert one.watch.watched.picture.rows
        one.benches.tell(*whole()[-5:])
        await one.over(1)  # a verdict failed: that is an end as any other
        watched = one.watch.watched
        assert (watched.state, watched.problem) == (BenchState.ENDED, "")
        assert len(watched.picture.verdicts) == 5
        assert one.off == [True, False]
        assert one.watch.share() is None
        assert one.notes[0].startswith("benchmark quick: recording to 20261123T093000Z-code-7f3c")
        assert one.notes[-1] == ("benchmark quick: ended, 5 verdicts, 1 phase did not end well")


async def test_one_at_a_time_and_not_on_nothing():
    async with bench() as one:
        with pytest.raises(NotAllowed, match="no server to measure"):
            one.watch.start("quick", ())
        await one.begun()
        with pytest.raises(NotAllowed, match="runs already"):
            one.watch.start("quick", SERVERS)
        with pytest.raises(NotAllowed, match="followed already"):
            one.watch.follow(SESSION, "quick")
        await one.over(0)


async def test_it_can_be_stopped():
    async with bench() as one:
        with pytest.raises(NotAllowed, match="no benchmark runs"):
            one.watch.stop()
        await one.begun()
        one.watch.stop()
        assert (one.state, one.benches.child.stops) == (BenchState.STOPPING, 1)
        assert one.watch.is_running
        await one.over(130)
        assert (one.state, one.watch.watched.problem) == (BenchState.ENDED, "it was stopped")


async def test_it_can_be_stopped_before_it_records():
    async with bench() as one:
        one.watch.start("quick", SERVERS)
        await settle()
        one.watch.stop()
        one.benches.child.session.set_result("")
        one.benches.child.code.set_result(130)
        await settle()
        assert one.state is BenchState.ENDED
        one.watch.start("quick", SERVERS)
        await settle()
        one.watch.stop()
        one.benches.child.session.set_result(SESSION)
        await settle()
        assert one.state is BenchState.STOPPING
        await one.over(130)


async def test_what_it_said_tells_why_it_failed():
    async with bench() as one:
        one.watch.start("quick", SERVERS)
        await settle()
        one.benches.child.session.set_result("")
        one.benches.child.lines = ("sleeptui: looking", "the disk is full")
        one.benches.child.code.set_result(2)
        await settle()
        watched = one.watch.watched
        assert (watched.state, watched.problem) == (BenchState.FAILED, "the disk is full")
        assert watched.said == one.benches.child.lines
        assert one.off == [True, False]
        assert one.notes == ["benchmark quick: the disk is full"]


async def test_one_that_dies_without_a_word():
    async with bench() as one:
        await one.begun()
        await one.over(-9)
        assert one.watch.watched.problem == "it ended without a word"


async def test_one_that_cannot_be_started_and_a_journal_that_breaks_off():
    async with bench() as one:
        one.benches.refuses = ProcessError("the benchmark did not start", hint="try it again")
        one.watch.start("quick", SERVERS)
        await settle()
        assert one.watch.watched.problem == "the benchmark did not start. Try it again"
        one.benches.refuses = None
        await one.begun()
        one.benches.close(JournalError("nobody writes to it any more"))
        await settle()
        assert one.state is BenchState.FAILED


async def test_one_of_somebody_else_is_followed_and_cannot_be_stopped():
    async with bench() as one:
        one.watch.follow(SESSION, "standard")
        await settle()
        assert one.benches.followed == [SESSION]
        assert not one.watch.watched.is_ours
        with pytest.raises(NotAllowed, match="started elsewhere"):
            one.watch.stop()
        one.benches.tell(*running())
        one.benches.close()
        await settle()
        assert one.state is BenchState.ENDED
        one.watch.follow(SESSION, "standard")
        one.benches.close(JournalError("nobody writes to it any more"))
        await settle()
        assert one.state is BenchState.FAILED


async def test_the_end_of_the_panel_lets_go_of_it():
    async with bench() as one:
        await one.begun()
        child = one.benches.child
        await one.watch.end()
        assert child.is_closed
        await one.watch.end()
