import pytest
from support.builders import GIB, facts, metrics, record, server
from support.fakes import FakeEngine, broken, oom, timed_out
from support.panel import opened

from sleeptui.core.errors import NotAllowed, Refused, TimedOut
from sleeptui.core.model import Reach, SleepLevel, State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.services.wake import slept_level, wake_refusal

UNCOMPARED = "answers, nothing to compare with"
SAME = "the same 16 tokens as before"


def parts(ended):
    return [part.name for part in ended.parts]


def asleep(clock, level=1, **fields):
    return FakeEngine(clock, level=level, awake_tags=set(), is_paused=True, **fields)


async def until_asleep(panel):
    await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)


async def test_level_1_is_one_request(clock):
    async with opened(asleep(clock), clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert panel.engine("qwen").calls == ["wake"]
        assert (ended.outcome, ended.level) == (Outcome.DONE, 1)
        assert ended.duration_s == pytest.approx(0.5)
        assert ended.server_s == pytest.approx(0.5)
        assert ended.residual_bytes == 2 * GIB
        assert ended.message == f"awake, took 38.0 GiB; {UNCOMPARED}"
        assert parts(ended) == ["call", "state", "canary", "memory"]
        assert panel.view("qwen").state is State.AWAKE


async def test_level_2_is_woken_in_steps(clock):
    async with opened(asleep(clock, 2), clock=clock) as panel:
        await until_asleep(panel)
        ticket = panel.services.operations.wake("qwen")
        await panel.until(lambda: panel.view("qwen").state is State.RELOADING)
        ended = await panel.ends(ticket)
        assert panel.engine("qwen").calls == [
            "wake weights",
            "reload_weights",
            "wake kv_cache",
            "reset_prefix_cache",
        ]
        assert parts(ended) == [
            "weights",
            "reload",
            "kv_cache",
            "reset",
            "state",
            "canary",
            "memory",
        ]
        assert ended.duration_s == pytest.approx(0.5 + 0.8 + 0.5 + 0.01)
        assert ended.server_s is None
        assert ended.outcome is Outcome.DONE
        assert panel.story()[2:] == [
            "reloading wake qwen",
            "calling wake qwen",
            "settling wake qwen",
            "verifying wake qwen",
            "done wake qwen",
        ]


async def test_where_a_part_wake_would_let_requests_run_everything_is_mapped_first(clock):
    async with opened(asleep(clock, 2, version="0.20.0"), clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert panel.engine("qwen").calls == ["wake", "reload_weights", "reset_prefix_cache"]
        assert ended.outcome is Outcome.DONE


async def test_our_own_sleep_at_level_2_counts_whatever_the_metric_says(clock):
    async with opened(FakeEngine(clock, shows_metrics=False), clock=clock) as panel:
        operations = panel.services.operations
        await panel.ends(operations.sleep("qwen", level=SleepLevel.DISCARD))
        await panel.ends(operations.wake("qwen"))
        assert panel.engine("qwen").calls[1:] == [
            "wake weights",
            "reload_weights",
            "wake kv_cache",
            "reset_prefix_cache",
        ]


@pytest.mark.parametrize(
    ("step", "calls", "cause", "state"),
    [
        ("wake weights", 1, Cause.WEDGED, State.WEDGED),
        ("reload_weights", 2, Cause.NO_WEIGHTS, State.PARTIAL),
        ("wake kv_cache", 3, Cause.WEDGED, State.WEDGED),
    ],
)
async def test_the_first_step_that_fails_is_the_last(clock, step, calls, cause, state):
    error = Refused("it answered 500: boom", server="qwen", status=500, detail="boom")
    async with opened(asleep(clock, 2, faults={step: [error]}), clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert len(panel.engine("qwen").calls) == calls
        assert (ended.outcome, ended.cause) == (Outcome.FAILED, cause)
        assert ended.message.endswith("it answered 500: boom")
        assert panel.view("qwen").state is state


async def test_the_step_that_failed_is_named(clock):
    error = Refused("it answered 404", server="qwen", status=404)
    async with opened(asleep(clock, 2, faults={"reload_weights": [error]}), clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert ended.cause is Cause.NO_WEIGHTS
        assert ended.message == "step reload failed: it answered 404"
        assert ended.hint == "wake it again; if that fails too, restart it"
        assert (await panel.ends(panel.services.operations.wake("qwen"))).outcome is Outcome.DONE


async def test_a_step_that_never_left_stops_the_wake_there(clock):
    error = TimedOut("no connection in 1 s", server="qwen")
    async with opened(asleep(clock, 2, faults={"wake kv_cache": [error]}), clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.STOPPED_MIDWAY)
        assert ended.message == "step kv_cache: no connection in 1 s; the wake stopped there"


async def test_a_step_without_answer_stops_the_wake_there(clock):
    engine = asleep(clock, 2, faults={"reload_weights": [timed_out()]})
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert engine.calls == ["wake weights", "reload_weights"]
        assert (ended.outcome, ended.cause) == (Outcome.UNKNOWN, Cause.NO_WEIGHTS)
        assert ended.message == "step reload: no answer in 120 s; the wake stopped there"
        assert panel.view("qwen").state is State.PARTIAL


@pytest.mark.parametrize(
    ("version", "state", "hint"),
    [
        ("0.25.1", State.WEDGED, "restart it; l shows its log"),
        ("0.32.0", State.ASLEEP, "put another model on its GPU to sleep, then wake it again"),
    ],
)
async def test_a_wake_into_a_full_card(clock, version, state, hint):
    engine = asleep(clock, version=version, faults={"wake": [oom()]})
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.OUT_OF_MEMORY)
        assert ended.message == "Call to wake_up method failed: CUDA Error: out of memory"
        assert [(part.name, round(part.duration_s, 3)) for part in ended.parts] == [("call", 0.5)]
        assert ended.hint == hint
        assert panel.view("qwen").state is state


async def test_no_answer_in_time_is_not_failed_when_the_state_tells(clock):
    engine = asleep(clock, works_anyway={"wake"}, faults={"wake": [timed_out()]})
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert ended.outcome is Outcome.DONE
        assert ended.message == f"no answer in 120 s, but it is awake, took 38.0 GiB; {UNCOMPARED}"
        assert engine.calls == ["wake"]


async def test_no_answer_in_time_is_unknown_when_the_state_does_not_tell(clock):
    engine = asleep(clock, faults={"wake": [timed_out()]})
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert (ended.outcome, ended.cause) == (Outcome.UNKNOWN, Cause.NO_ANSWER)
        assert ended.message == "no answer in 120 s; its state will tell"


async def test_an_engine_that_dies_under_the_wake_is_lost(clock):
    engine = asleep(clock, faults={"wake": [broken()]})
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        ticket = panel.services.operations.wake("qwen")
        await panel.until(lambda: engine.calls == ["wake"])
        engine.reach = Reach.REFUSED
        ended = await panel.ends(ticket)
        assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.ENGINE_LOST)


async def test_an_answer_that_the_state_denies_is_suspect(clock):
    engine = asleep(clock, regrows=False)
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert (ended.outcome, ended.message) == (
            Outcome.SUSPECT,
            "said awake, /is_sleeping says asleep",
        )


async def test_memory_that_does_not_come_back_is_suspect(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        operations, engine = panel.services.operations, panel.engine("qwen")
        await panel.ends(operations.sleep("qwen"))
        engine.held_bytes = engine.residual_bytes + GIB
        ended = await panel.ends(operations.wake("qwen"))
        assert ended.outcome is Outcome.SUSPECT
        assert ended.message == f"said awake, only 1.0 GiB of 38.0 GiB came back; {SAME}"


async def test_without_gpu_figures_it_says_that_nothing_was_measured(clock):
    async with opened(asleep(clock), clock=clock, problem="no NVML") as panel:
        await until_asleep(panel)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert (ended.outcome, ended.message) == (
            Outcome.DONE,
            f"awake, its memory was not measured; {UNCOMPARED}",
        )


async def test_what_others_took_meanwhile_is_not_its_own(clock):
    async with opened(asleep(clock), clock=clock) as panel:
        await until_asleep(panel)
        ticket = panel.services.operations.wake("qwen")
        await panel.until(lambda: panel.engine("qwen").calls == ["wake"])
        panel.gpus.other_bytes[0] = 7 * GIB
        assert (await panel.ends(ticket)).message.startswith("awake, took 38.0 GiB;")


async def test_a_pause_at_level_0_is_ended(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        operations = panel.services.operations
        await panel.ends(operations.sleep("qwen", level=SleepLevel.PAUSE))
        ended = await panel.ends(operations.wake("qwen"))
        assert panel.engine("qwen").calls[1:] == ["wake"]
        assert (ended.outcome, ended.message) == (
            Outcome.DONE,
            f"awake, the pause is over; {UNCOMPARED}",
        )


async def test_a_pause_that_wake_up_does_not_end_says_who_must(clock):
    async with opened(FakeEngine(clock, is_paused=True), clock=clock) as panel:
        await panel.until(lambda: panel.view("qwen").state is State.PAUSED)
        engine = panel.engine("qwen")
        told = engine._control
        engine._control = lambda call, takes_s, _: told(call, takes_s, lambda: None)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert (ended.outcome, ended.message) == (
            Outcome.FAILED,
            "/wake_up did not end the pause",
        )


class TestRefusal:
    def paused(self, version, sleep):
        return server(state=State.PAUSED, facts=facts(version), metrics=metrics(sleep=sleep))

    @pytest.mark.parametrize(
        ("version", "sleep", "refused"),
        [
            ("0.16.0", "awake", True),
            (None, "awake", True),
            ("0.25.1", "awake", False),
            ("0.25.1", "none", False),
            ("0.33.0", "awake", True),
            ("0.33.0", "none", False),
        ],
    )
    def test_a_pause_that_only_resume_ends(self, version, sleep, refused):
        found = wake_refusal(self.paused(version, sleep))
        assert (found is not None) is refused
        if found is not None:
            assert "/resume" in found.hint

    def test_level_2_without_a_way_back(self):
        view = server(
            state=State.ASLEEP, level=2, facts=facts("0.10.0"), metrics=metrics(sleep="discard_all")
        )
        found = wake_refusal(view)
        assert found is not None
        assert "cannot reload" in found.message
        assert wake_refusal(server(state=State.ASLEEP, level=1, facts=facts("0.10.0"))) is None


async def test_it_is_refused_before_anything_is_published(clock):
    engine = asleep(clock, 2, version="0.10.0")
    async with opened(engine, clock=clock) as panel:
        await until_asleep(panel)
        with pytest.raises(NotAllowed, match="cannot reload"):
            panel.services.operations.wake("qwen")
        with pytest.raises(NotAllowed, match="cannot reload"):
            panel.services.operations.switch("qwen")
        assert panel.story() == []


class TestNoWeights:
    """All is mapped and the weights are not read again: awake, and its answers are garbage."""

    @pytest.mark.parametrize(
        ("step", "error", "outcome"),
        [
            ("reload_weights", Refused("500", server="qwen", status=500), Outcome.FAILED),
            ("reload_weights", TimedOut("no connection", server="qwen"), Outcome.FAILED),
            ("reload_weights", timed_out(), Outcome.UNKNOWN),
            ("wake", timed_out(), Outcome.UNKNOWN),
        ],
    )
    async def test_it_is_not_shown_as_awake_and_another_wake_reads_them(
        self, clock, step, error, outcome
    ):
        engine = asleep(clock, 2, version="0.20.0", faults={step: [error]}, works_anyway={"wake"})
        async with opened(engine, clock=clock) as panel:
            await until_asleep(panel)
            ended = await panel.ends(panel.services.operations.wake("qwen"))
            assert (ended.outcome, ended.cause) == (outcome, Cause.NO_WEIGHTS)
            await clock.advance(5.0)
            assert panel.view("qwen").state is State.SUSPECT
            engine.calls.clear()
            again = await panel.ends(panel.services.operations.wake("qwen"))
            assert engine.calls == ["wake", "reload_weights", "reset_prefix_cache"]
            assert again.outcome is Outcome.DONE
            await clock.advance(5.0)
            assert panel.view("qwen").state is State.AWAKE

    async def test_the_wake_that_reads_them_may_have_to_wait(self, clock):
        error = Refused("500", server="qwen", status=500)
        broken_one = asleep(clock, 2, version="0.20.0", faults={"reload_weights": [error]})
        async with opened(broken_one, FakeEngine(clock, name="phi"), clock=clock) as panel:
            await until_asleep(panel)
            await panel.ends(panel.services.operations.wake("qwen"))
            first = panel.services.operations.sleep("phi")
            second = panel.services.operations.wake("qwen")
            await panel.ends(first)
            assert (await panel.ends(second)).outcome is Outcome.DONE
            assert panel.view("qwen").state is State.AWAKE


class TestSleptLevel:
    def view(self, sleep, *history, level=None):
        return server(
            state=State.ASLEEP, level=level, metrics=metrics(sleep=sleep), history=history
        )

    def test_the_metric(self):
        assert slept_level(self.view("weights_offloaded")) == 1
        assert slept_level(self.view("discard_all")) == 2
        assert slept_level(self.view("none")) == 0
        assert slept_level(self.view("awake")) is None

    def test_the_view_and_no_metrics(self):
        assert slept_level(server(state=State.ASLEEP, metrics=None)) is None
        assert slept_level(server(state=State.ASLEEP, metrics=None, level=2)) == 2

    def test_a_sleep_at_level_2_of_ours_is_not_undone_by_a_later_metric(self):
        ours = record(Kind.SLEEP, level=2)
        assert slept_level(self.view("weights_offloaded", ours)) == 2
        assert slept_level(self.view("weights_offloaded", record(Kind.PROMPT), ours)) == 2
        failed = record(Kind.WAKE, outcome=Outcome.FAILED)
        assert slept_level(self.view("awake", failed, ours)) == 2

    def test_a_wake_from_level_2_that_failed_leaves_it_there(self):
        failed = record(Kind.WAKE, outcome=Outcome.FAILED, level=2)
        assert slept_level(self.view("awake", failed)) == 2

    def test_a_good_wake_since_then_ends_it(self):
        ours, woken = record(Kind.SLEEP, level=2), record(Kind.WAKE)
        assert slept_level(self.view("weights_offloaded", woken, ours)) == 1

    def test_a_later_sleep_at_level_1_of_ours_counts(self):
        first, second = record(Kind.SLEEP, level=2), record(Kind.SLEEP, level=1)
        assert slept_level(self.view("weights_offloaded", second, first)) == 1


async def test_what_an_earlier_process_gave_back_is_not_expected_of_this_one(clock):
    engine = FakeEngine(clock, held_bytes=80 * GIB)
    async with opened(engine, clock=clock) as panel:
        await panel.ends(panel.services.operations.sleep("qwen"))
        await panel.ends(panel.services.operations.wake("qwen"))
        engine.started_s, engine.held_bytes = 2_000.0, 20 * GIB
        engine.level, engine.awake_tags, engine.is_paused = 1, set(), True
        await clock.advance(3.0)
        ended = await panel.ends(panel.services.operations.wake("qwen"))
        assert ended.outcome is Outcome.DONE
        assert ended.message.startswith("awake, took 18.0 GiB")


async def test_the_level_is_that_of_its_turn(clock):
    engines = asleep(clock), FakeEngine(clock, name="phi", sleep_takes_s=20.0)
    async with opened(*engines, clock=clock) as panel:
        await until_asleep(panel)
        panel.services.operations.sleep("phi")
        ticket = panel.services.operations.wake("qwen")
        await clock.advance(5.0)
        engines[0].level = 2
        ended = await panel.ends(ticket)
        assert engines[0].calls[0] == "wake weights"
        assert ended.level == SleepLevel.DISCARD
