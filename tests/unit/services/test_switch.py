import pytest
from support.builders import GIB
from support.fakes import FakeEngine, oom, timed_out
from support.panel import opened

from sleeptui.core.canary import Grade
from sleeptui.core.errors import NoRoom, NotAllowed, Refused
from sleeptui.core.events import OperationStarted
from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.settings import ServerSpec
from sleeptui.core.units import duration


def asleep(clock, name, **fields):
    return FakeEngine(clock, name=name, level=1, awake_tags=set(), is_paused=True, **fields)


def awake(clock, name, **fields):
    return FakeEngine(clock, name=name, **fields)


def parts(record):
    return [part.name for part in record.parts]


async def until_asleep(panel, name="b"):
    await panel.until(lambda: panel.view(name).state is State.ASLEEP)


async def test_makes_room_then_wakes_timed_as_a_whole_and_in_parts(clock):
    both = awake(clock, "a", held_bytes=80 * GIB), asleep(clock, "b", held_bytes=80 * GIB)
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel)
        ticket = panel.services.operations.switch("b")
        await panel.until(lambda: panel.view("a").state is State.FALLING_ASLEEP)
        assert panel.view("b").operation.kind is Kind.SWITCH
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.DONE
        assert record.message == (
            "awake, took 78.0 GiB; answers, nothing to compare with; put a to sleep"
        )
        assert parts(record) == ["sleep a", "wake b", "total"]
        total = record.parts[-1].duration_s
        assert record.duration_s == total
        assert total >= sum(part.duration_s for part in record.parts[:-1])
        assert [
            line for line in panel.story() if line.split()[0] in ("queued", "started", "done")
        ] == [
            "queued switch b",
            "started switch b",
            "started sleep a",
            "done sleep a",
            "started wake b",
            "done wake b",
            "done switch b",
        ]
        assert panel.engine("a").calls == ["sleep 1 wait"]
        assert (panel.view("a").state, panel.view("b").state) == (State.ASLEEP, State.AWAKE)


async def test_the_parts_are_operations_of_their_own_with_its_id(clock):
    both = awake(clock, "a", held_bytes=80 * GIB), asleep(clock, "b", held_bytes=80 * GIB)
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel)
        ticket = panel.services.operations.switch("b")
        await panel.ends(ticket)
        started = [e.operation for e in panel.events if isinstance(e, OperationStarted)]
        assert [operation.parent for operation in started] == [None, ticket.id, ticket.id]
        assert len({operation.id for operation in started}) == 3


async def test_nobody_goes_when_there_is_room(clock):
    async with opened(awake(clock, "a"), asleep(clock, "b"), clock=clock) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert record.outcome is Outcome.DONE
        assert panel.view("a").state is State.AWAKE
        assert parts(record) == ["wake b", "total"]


async def test_only_as_many_go_as_needed_the_idle_and_small_first(clock):
    engines = [
        awake(clock, "big", held_bytes=50 * GIB),
        awake(clock, "small", held_bytes=40 * GIB),
        awake(clock, "busy", held_bytes=35 * GIB, running=2),
        asleep(clock, "b", held_bytes=40 * GIB),
    ]
    async with opened(*engines, clock=clock, total_bytes=140 * GIB) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        # 70 GiB are its share, 2 it holds: 68 are needed and 13 are free.
        assert record.outcome is Outcome.DONE
        slept = [name for name in ("big", "small", "busy") if panel.engine(name).calls]
        assert slept == ["big", "small"]
        assert panel.view("busy").state is State.AWAKE


async def test_a_pinned_server_stays(clock):
    specs = [
        ServerSpec(name="a", url="http://127.0.0.1:1", pinned=True),
        ServerSpec(name="b", url="http://127.0.0.1:2"),
    ]
    both = awake(clock, "a", held_bytes=60 * GIB), asleep(clock, "b", held_bytes=40 * GIB)
    async with opened(*both, clock=clock, specs=specs) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert panel.engine("a").calls == []
        assert record.outcome is Outcome.DONE


async def test_without_gpu_figures_all_awake_ones_go(clock):
    engines = awake(clock, "a"), awake(clock, "c"), asleep(clock, "b")
    async with opened(*engines, clock=clock, problem="no NVML") as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert record.outcome is Outcome.DONE
        assert parts(record) == ["sleep a", "sleep c", "wake b", "total"]


async def test_a_wake_that_fails_brings_back_those_that_went_in_reverse(clock):
    engines = [
        awake(clock, "a", held_bytes=45 * GIB),
        awake(clock, "c", held_bytes=50 * GIB),
        asleep(clock, "b", held_bytes=80 * GIB, faults={"wake": [oom("b")]}),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        panel.gpus.other_bytes[0] = 40 * GIB
        record = await panel.ends(panel.services.operations.switch("b"))
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.OUT_OF_MEMORY)
        assert record.message.startswith("wake of b: Call to wake_up method failed")
        assert record.message.endswith("a is awake again; c is awake again") or (
            record.message.endswith("c is awake again; a is awake again")
        )
        slept = [part.split()[1] for part in parts(record) if part.startswith("sleep")]
        woken = [part.split()[1] for part in parts(record) if part.startswith("wake")]
        assert woken == ["b", *reversed(slept)]
        assert panel.view("a").state is State.AWAKE
        assert panel.view("c").state is State.AWAKE


async def test_one_that_does_not_come_back_is_named(clock):
    engines = [
        awake(clock, "a", held_bytes=80 * GIB, faults={"wake": [oom("a")]}),
        asleep(clock, "b", held_bytes=80 * GIB, faults={"wake": [oom("b")]}),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert "a did not come back: Call to wake_up" in record.message


async def test_a_sleep_that_fails_ends_it_before_the_wake_and_wakes_the_others_again(clock):
    refused = Refused("it answered 503", server="c", status=503)
    engines = [
        awake(clock, "a", held_bytes=60 * GIB),
        awake(clock, "c", held_bytes=55 * GIB, faults={"sleep": [refused]}),
        asleep(clock, "b", held_bytes=110 * GIB),
    ]
    async with opened(*engines, clock=clock, total_bytes=130 * GIB) as panel:
        await until_asleep(panel)
        panel.gpus.other_bytes[0] = 9 * GIB
        record = await panel.ends(panel.services.operations.switch("b"))
        assert record.outcome is Outcome.FAILED
        assert record.message == "sleep of c: it answered 503; a is awake again"
        assert panel.engine("b").calls == []
        assert panel.view("a").state is State.AWAKE


async def test_a_sleep_that_frees_nothing_ends_it_too(clock):
    engines = [
        awake(clock, "a", held_bytes=80 * GIB, frees=False),
        asleep(clock, "b", held_bytes=80 * GIB),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert record.outcome is Outcome.FAILED
        assert record.message.startswith("sleep of a: said asleep, freed 0 MiB of 80.0 GiB")
        assert panel.engine("a").calls == ["sleep 1 wait", "wake"]
        assert panel.engine("b").calls == []


async def test_a_wake_without_answer_leaves_the_others_asleep(clock):
    engines = [
        awake(clock, "a", held_bytes=80 * GIB),
        asleep(clock, "b", held_bytes=80 * GIB, faults={"wake": [timed_out()]}),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert record.outcome is Outcome.UNKNOWN
        assert panel.engine("a").calls == ["sleep 1 wait"]


async def test_what_is_known_not_to_fit_is_not_sent(clock):
    engines = awake(clock, "a", held_bytes=50 * GIB), awake(clock, "b", held_bytes=80 * GIB)
    async with opened(*engines, clock=clock) as panel:
        operations = panel.services.operations
        await panel.ends(operations.sleep("b"))
        panel.gpus.other_bytes[0] = 70 * GIB
        record = await panel.ends(operations.switch("b"))
        assert record.outcome is Outcome.FAILED
        assert record.message == (
            "no room: b needs 78.0 GiB on GPU 0, 18.0 GiB are free, 60.2 GiB are missing;"
            " nobody was put to sleep, nothing was woken"
        )
        assert record.cause is Cause.NO_ROOM
        assert panel.engine("a").calls == []
        assert panel.engine("b").calls == ["sleep 1 wait"]
        await panel.clock.advance(1)
        with pytest.raises(NoRoom, match=r"a could give 50.0 GiB by sleeping, which is not enough"):
            operations.switch("b")


async def test_one_that_gives_less_than_thought_is_brought_back(clock):
    engines = awake(clock, "a", held_bytes=80 * GIB), awake(clock, "b", held_bytes=80 * GIB)
    async with opened(*engines, clock=clock, total_bytes=170 * GIB) as panel:
        operations = panel.services.operations
        for name in ("a", "b"):
            await panel.ends(operations.sleep(name))
        await panel.ends(operations.wake("a"))
        panel.engine("a").residual_bytes = 30 * GIB
        panel.gpus.other_bytes[0] = 65 * GIB
        await panel.clock.advance(1)
        record = await panel.ends(operations.switch("b"))
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.NO_ROOM)
        assert record.message == (
            "no room: b needs 78.0 GiB on GPU 0, 73.0 GiB are free, 5.2 GiB are missing;"
            " nothing was woken; a is awake again"
        )
        assert record.hint.startswith("free memory on GPU 0")
        assert parts(record) == ["sleep a", "wake a", "total"]
        assert record.known[0].startswith("room: needs 78.0 GiB on GPU 0, 23.0 GiB free")
        assert "65.0 GiB are held by no watched server" in record.known
        assert panel.view("a").state is State.AWAKE


async def test_its_record_says_what_each_part_found(clock):
    both = awake(clock, "a", held_bytes=80 * GIB), awake(clock, "b", held_bytes=50 * GIB)
    async with opened(*both, clock=clock) as panel:
        operations = panel.services.operations
        await panel.clock.advance(2)
        await panel.ends(operations.sleep("b"))
        panel.gpus.other_bytes[0] = 30 * GIB
        record = await panel.ends(operations.switch("b"))
        assert record.verification.verdict.grade is Grade.IDENTICAL
        sleep, wake = record.parts[:2]
        known = [
            (
                "room: needs 48.0 GiB on GPU 0, 28.0 GiB free"
                " (it held 50.0 GiB awake and holds 2.0 GiB now)"
            ),
            f"sleep a, {duration(sleep.duration_s)}: done, asleep at level 1, freed 78.0 GiB",
            (
                f"wake b, {duration(wake.duration_s)}: done, awake, took 48.0 GiB;"
                " the same 16 tokens as before"
            ),
        ]
        assert [line for line in record.known if line in known] == known
        child = panel.view("b").history[1]
        assert child.known == record.known[-len(child.known) :]
        assert not record.is_forced


async def test_the_first_token_counts_from_the_first_request_of_the_switch(clock):
    both = awake(clock, "a", held_bytes=80 * GIB), asleep(clock, "b", held_bytes=80 * GIB)
    sent = []
    async with opened(*both, clock=clock) as panel:
        await until_asleep(panel)
        sleeping = panel.engine("a").sleep

        async def noting(level, mode):
            sent.append(clock.now_s())
            return await sleeping(level, mode)

        panel.engine("a").sleep = noting
        record = await panel.ends(panel.services.operations.switch("b"))
        wake = panel.view("b").history[1]
        assert wake.first_token_s == pytest.approx(0.54)
        assert record.first_token_s > wake.first_token_s + 0.3
        assert record.first_token_s < record.duration_s - (sent[0] - record.began_s)


async def test_garbage_leaves_things_as_they_are_and_says_what_to_do(clock):
    both = awake(clock, "a", held_bytes=80 * GIB), awake(clock, "b", held_bytes=50 * GIB)
    async with opened(*both, clock=clock) as panel:
        operations = panel.services.operations
        await panel.ends(operations.sleep("b"))
        panel.gpus.other_bytes[0] = 30 * GIB
        panel.engine("b").has_weights = False
        record = await panel.ends(operations.switch("b"))
        assert (record.outcome, record.cause) == (Outcome.SUSPECT, Cause.GARBAGE)
        assert "its answers are garbage" in record.message
        assert record.message.endswith("; put a to sleep")
        assert record.hint.startswith("w reads its weights again")
        assert record.hint.endswith("; a sleeps on, x goes back")
        assert record.verification.verdict.grade is Grade.GARBAGE
        assert (panel.view("a").state, panel.view("b").state) == (State.ASLEEP, State.SUSPECT)
        mended = await panel.ends(operations.wake("b"))
        assert mended.outcome is Outcome.DONE
        assert panel.view("b").state is State.AWAKE


async def test_forced_it_wakes_what_does_not_fit(clock):
    engines = awake(clock, "a", held_bytes=50 * GIB), awake(clock, "b", held_bytes=80 * GIB)
    async with opened(*engines, clock=clock) as panel:
        operations = panel.services.operations
        await panel.ends(operations.sleep("b"))
        panel.gpus.other_bytes[0] = 70 * GIB
        await panel.clock.advance(1)
        record = await panel.ends(operations.switch("b", force=True))
        assert record.outcome is Outcome.DONE
        assert record.is_forced
        assert any(line.startswith("forced: b needs 78.0 GiB") for line in record.known)
        assert parts(record) == ["sleep a", "wake b", "total"]
        assert panel.view("b").history[1].is_forced


async def test_a_sleep_without_answer_stops_it_and_nothing_is_woken(clock):
    engines = [
        awake(clock, "a", held_bytes=45 * GIB),
        awake(clock, "c", held_bytes=50 * GIB, faults={"sleep": [timed_out("c")]}),
        asleep(clock, "b", held_bytes=80 * GIB),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        panel.gpus.other_bytes[0] = 40 * GIB
        record = await panel.ends(panel.services.operations.switch("b"))
        assert (record.outcome, record.cause) == (Outcome.UNKNOWN, Cause.NO_ANSWER)
        assert record.message.startswith("sleep of c: no answer in 120 s; its state will tell")
        assert record.hint
        assert panel.engine("b").calls == []
        slept = [name for name in parts(record) if name.startswith("sleep")]
        assert slept[-1] == "sleep c"
        if "sleep a" in slept:
            assert record.message.endswith("; a is awake again")
        assert panel.view("a").state is State.AWAKE


async def test_nobody_is_brought_back_onto_a_card_that_the_failed_wake_has_filled(clock):
    engines = [
        awake(clock, "a", held_bytes=80 * GIB),
        asleep(clock, "b", held_bytes=80 * GIB, faults={"wake": [oom("b")]}, works_anyway={"wake"}),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        record = await panel.ends(panel.services.operations.switch("b"))
        assert record.outcome is Outcome.FAILED
        assert "; a did not come back: no room: a needs 78.0 GiB on GPU 0" in record.message
        assert panel.engine("a").calls == ["sleep 1 wait"]
        assert panel.view("a").state is State.ASLEEP


async def test_our_own_drain_in_it_can_be_stopped_and_all_is_as_before(clock):
    engines = [
        awake(clock, "a", held_bytes=50 * GIB, version="0.12.0"),
        awake(clock, "c", held_bytes=60 * GIB, version="0.12.0", running=3),
        asleep(clock, "b", held_bytes=120 * GIB),
    ]
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        panel.gpus.other_bytes[0] = 25 * GIB
        ticket = panel.services.operations.switch("b")
        await panel.until(lambda: panel.view("c").state is State.DRAINING)
        assert ticket.cancel()
        record = await panel.ends(ticket)
        assert record.outcome is Outcome.CANCELLED
        assert panel.engine("c").calls == []
        assert panel.engine("b").calls == []
        assert panel.view("a").state is State.AWAKE


async def test_it_holds_all_its_gpus_once(clock):
    engines = [
        awake(clock, "a", held_bytes=100 * GIB, gpus=(0, 1)),
        awake(clock, "c", held_bytes=10 * GIB, gpus=(1,)),
        asleep(clock, "b", held_bytes=100 * GIB, gpus=(0,)),
    ]
    async with opened(*engines, clock=clock, count=2) as panel:
        await until_asleep(panel)
        operations = panel.services.operations
        switch, other = operations.switch("b"), operations.sleep("c")
        assert panel.view("c").operation.note == "waits for switch of b on GPU 1"
        assert (await panel.ends(switch)).outcome is Outcome.DONE
        assert (await panel.ends(other)).outcome is Outcome.DONE
        story = panel.story()
        assert story.index("done switch b") < story.index("started sleep c")


async def test_a_server_that_loses_its_place_takes_no_room_on_gpus_of_others(clock):
    """Restarted in this moment it holds nothing anywhere: it could be on any GPU."""
    engines = [
        awake(clock, "a", held_bytes=80 * GIB, gpus=(0,)),
        awake(clock, "c", held_bytes=80 * GIB, gpus=(1,)),
        asleep(clock, "b", held_bytes=80 * GIB, gpus=(0,)),
    ]
    async with opened(*engines, clock=clock, count=2) as panel:
        await until_asleep(panel)
        switch = panel.services.operations.switch("b")
        panel.engine("b").pid = 4711  # NVML's next reading shows nothing of the process known
        await panel.ends(switch)
        assert panel.engine("a").calls[:1] == ["sleep 1 wait"]
        assert panel.engine("c").calls == []
        assert panel.view("c").state is State.AWAKE


async def test_an_awake_server_is_refused(clock):
    async with opened(awake(clock, "a"), clock=clock) as panel:
        with pytest.raises(NotAllowed, match="nothing to wake"):
            panel.services.operations.switch("a")


async def test_one_whose_level_frees_nothing_sleeps_at_level_1(clock):
    specs = [
        ServerSpec(name="a", url="http://127.0.0.1:1", level=0),
        ServerSpec(name="b", url="http://127.0.0.1:2"),
    ]
    both = awake(clock, "a", held_bytes=80 * GIB), asleep(clock, "b", held_bytes=80 * GIB)
    async with opened(*both, clock=clock, specs=specs) as panel:
        await until_asleep(panel)
        assert (await panel.ends(panel.services.operations.switch("b"))).outcome is Outcome.DONE
        assert panel.engine("a").calls == ["sleep 1 wait"]
