"""A stop, until nothing listens and the memory is free."""

from contextlib import asynccontextmanager

import pytest
from support.builders import GIB
from support.panel import opened
from support.runtimes import FakeRuntime, FakeRuntimes, StartedEngine

from sleeptui.core.errors import NotAllowed, ProcessError
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Cause, Kind, Outcome


@asynccontextmanager
async def running(clock, *, engine=None, **fields):
    """One server that runs."""
    engine = engine or StartedEngine(clock)
    runtimes = FakeRuntimes(FakeRuntime(engine=engine, clock=clock, **fields))
    async with opened(engine, clock=clock, runtimes=runtimes) as panel:
        runtimes.live_in(panel.homes)
        yield panel


async def stopped(panel):
    return await panel.ends(panel.services.operations.stop("qwen"))


async def test_its_process_and_its_memory_are_gone(clock):
    async with running(clock) as panel:
        ended = await stopped(panel)
        assert (ended.kind, ended.outcome, ended.cause) == (Kind.STOP, Outcome.DONE, None)
        assert ended.duration_s == pytest.approx(1.0)
        assert ended.freed_bytes == 40 * GIB
        assert ended.message == "ended in 1.00 s, freed 40.0 GiB"
        assert [part.name for part in ended.parts] == ["exit", "memory"]
        assert panel.services.runtimes.runtimes["qwen"].calls == ["stop qwen 60"]
        assert "held by its processes: 40.0 GiB before, 0 MiB after" in ended.known
        assert panel.view("qwen").state is State.DOWN


async def test_its_state_meanwhile_and_what_the_log_says(clock):
    async with running(clock, stop_takes_s=10.0) as panel:
        ticket = panel.services.operations.stop("qwen")
        await clock.advance(3)
        assert panel.view("qwen").state is State.STOPPING
        await panel.ends(ticket)
        await clock.advance(10)
        words = [line.text for line in panel.services.store.view.log]
        assert not [text for text in words if text.startswith("down")]


async def test_a_sleeping_one_can_be_stopped(clock):
    engine = StartedEngine(clock, level=1, awake_tags=set(), is_paused=True)
    async with running(clock, engine=engine) as panel:
        await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
        ended = await stopped(panel)
        assert (ended.outcome, ended.freed_bytes) == (Outcome.DONE, 2 * GIB)


async def test_it_does_not_run(clock):
    async with running(clock) as panel:
        await stopped(panel)
        ended = await stopped(panel)
        assert (ended.outcome, ended.cause) == (Outcome.CANCELLED, Cause.ALREADY_SO)
        assert ended.message == "it does not run; nothing was done"


async def test_somebody_else_has_started_it(clock):
    async with running(clock) as panel:
        panel.services.runtimes.runtimes["qwen"].is_running = False
        ended = await stopped(panel)
        assert ended.outcome is Outcome.CANCELLED
        assert "was left alone" in ended.message
        assert panel.view("qwen").state is State.AWAKE


async def test_it_survives(clock):
    async with running(clock, survives=True) as panel:
        ended = await stopped(panel)
        assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.NOT_STOPPED)
        assert "still runs after" in ended.message


@pytest.mark.parametrize(
    ("call", "cause"), [("state", Cause.REJECTED), ("stop", Cause.NOT_STOPPED)]
)
async def test_its_runtime_cannot(clock, call, cause):
    async with running(clock, errors={call: [ProcessError("no permission", hint="ask")]}) as panel:
        ended = await stopped(panel)
        assert (ended.outcome, ended.cause) == (Outcome.FAILED, cause)
        assert ended.message.startswith("no permission")
        assert ended.hint == "ask"


async def test_a_process_of_it_lives_on_and_holds_its_memory(clock):
    async with running(clock) as panel:
        other = panel.gpus.other_bytes
        runtime = panel.services.runtimes.runtimes["qwen"]
        moved = runtime.on_move

        def orphaned(one):
            moved(one)
            other[0] = 40 * GIB

        runtime.on_move = orphaned
        ended = await stopped(panel)
        assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.NOTHING_FREED)
        assert "does one of its processes live on?" in ended.message


async def test_something_still_answers(clock):
    async with running(clock) as panel:
        runtime = panel.services.runtimes.runtimes["qwen"]
        runtime.on_move = lambda one: setattr(one.engine, "reach", Reach.NOT_VLLM)
        ended = await stopped(panel)
        assert ended.outcome is Outcome.SUSPECT
        assert ended.message.endswith("something still answers at its address")


async def test_a_stop_waits_for_nobody_that_it_ends(clock):
    """A server that never comes up holds up others, and can be ended itself."""
    async with running(clock) as panel:
        panel.engine("qwen").reach = Reach.REFUSED
        panel.engine("qwen").runtime.began_s = clock.now_s()
        panel.engine("qwen").runtime.takes_s = 1e6
        await clock.advance(3)
        ended = await stopped(panel)
        assert ended.outcome is Outcome.DONE


async def test_readonly_and_nobody_knows_how(clock):
    async with opened(StartedEngine(clock), clock=clock, runtimes=FakeRuntimes()) as panel:
        with pytest.raises(NotAllowed, match="started by others"):
            panel.services.operations.stop("qwen")
