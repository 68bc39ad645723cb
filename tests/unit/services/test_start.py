"""A start, from just before its process to its first token."""

from contextlib import asynccontextmanager

import pytest
from support.builders import GIB, answer, reference
from support.panel import opened
from support.runtimes import FakeRuntime, FakeRuntimes, FakeWeights, down

from sleeptui.core.cold import ColdKind
from sleeptui.core.errors import NotAllowed, ProcessError
from sleeptui.core.events import ReferenceTaken
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.settings import Canary, ServerSpec, Settings, Timeouts
from sleeptui.services.health import POLL_S

URL = "http://127.0.0.1:8001"


@asynccontextmanager
async def closed(clock, *, engine=None, weights=None, settings=None, spec=None, **fields):
    """One server whose process does not run."""
    engine = engine or down(clock)
    runtimes = FakeRuntimes(FakeRuntime(engine=engine, clock=clock, **fields))
    specs = [spec or ServerSpec(name="qwen", url=URL)]
    async with opened(
        engine, clock=clock, specs=specs, settings=settings, runtimes=runtimes, weights=weights
    ) as panel:
        runtimes.live_in(panel.homes)
        await panel.until(lambda: panel.view("qwen").state is not State.UNKNOWN)
        yield panel


async def started(panel, **fields):
    return await panel.ends(panel.services.operations.start("qwen", **fields))


async def test_it_answers_and_gives_its_first_token(clock):
    async with closed(clock) as panel:
        ended = await started(panel)
        assert (ended.kind, ended.outcome, ended.cause) == (Kind.START, Outcome.DONE, None)
        assert ended.duration_s == pytest.approx(20.0, abs=POLL_S * 1.5)
        assert ended.done_s - ended.sent_s == pytest.approx(ended.duration_s)
        assert ended.first_token_s == pytest.approx(ended.duration_s + 0.04)
        assert [part.name for part in ended.parts] == [
            "process",
            "health",
            "state",
            "first token",
            "memory",
        ]
        assert ended.message.startswith("answers after 20.0 s, took 40.0 GiB; ")
        assert "held by its processes: 0 MiB before, 40.0 GiB after" in ended.known
        assert panel.view("qwen").state is State.AWAKE
        assert panel.story() == [
            "queued start qwen",
            "started start qwen",
            "settling start qwen",
            "verifying start qwen",
            "done start qwen",
        ]


async def test_the_truth_lies_between_two_looks(clock):
    async with closed(clock, takes_s=7.77) as panel:
        ended = await started(panel)
        began_s = ended.sent_s
        assert ended.cold.poll_s == POLL_S
        assert ended.cold.last_bad_s < began_s + 7.77 <= ended.done_s
        assert ended.done_s - ended.cold.last_bad_s == pytest.approx(POLL_S)


async def test_its_state_is_starting_and_how_long_it_takes_is_learnt(clock):
    async with closed(clock) as panel:
        ticket = panel.services.operations.start("qwen")
        await clock.advance(5)
        assert panel.view("qwen").state is State.STARTING
        assert panel.view("qwen").expected_s is None
        await panel.ends(ticket)
        await panel.ends(panel.services.operations.stop("qwen"))
        panel.services.operations.start("qwen")
        await clock.advance(5)
        assert panel.view("qwen").expected_s == pytest.approx(20.0, abs=0.1)


async def test_it_is_told_as_ours(clock):
    async with closed(clock) as panel:
        await started(panel)
        await panel.ends(panel.services.operations.stop("qwen"))
        await started(panel)
        await clock.advance(5)
        words = [line.text for line in panel.services.store.view.log]
        assert not [text for text in words if "restarted" in text or "somebody" in text]
        assert [text.partition(" in ")[0] for text in words if " done in " in text] == [
            "start done",
            "stop done",
            "start done",
        ]


class TestOrigin:
    async def test_what_its_log_and_its_runtime_tell(self, clock):
        weights = FakeWeights(share=1.0)
        async with closed(clock, weights=weights) as panel:
            cold = (await started(panel)).cold
            assert weights.calls == ["residency"]
            assert (cold.asked, cold.kind) == (None, ColdKind.CACHED)
            assert cold.phases == {"weights_s": 2.38, "engine_s": 11.5}
            assert cold.container_started_s == pytest.approx(0.0)
            assert (cold.weight_bytes, cold.resident_before, cold.read_bytes) == (1000, 1.0, 0)

    @pytest.mark.parametrize(
        ("asked", "calls"),
        [
            (ColdKind.CACHED, ["warm"]),
            (ColdKind.DISK, ["evict"]),
            (ColdKind.VIRGIN, ["evict", "clear"]),
        ],
    )
    async def test_what_is_asked_is_prepared_and_proven(self, clock, asked, calls):
        weights = FakeWeights()
        async with closed(clock, weights=weights) as panel:
            ended = await started(panel, cold=asked)
            assert weights.calls == calls
            assert ended.cold.asked is ended.cold.kind is asked
            assert not ended.cold.is_invalid

    async def test_what_could_not_be_prepared_is_said(self, clock):
        weights = FakeWeights(refuses="the folder is not one of vLLM")
        async with closed(clock, weights=weights) as panel:
            ended = await started(panel, cold=ColdKind.VIRGIN)
            assert ended.outcome is Outcome.DONE
            assert ended.cold.is_invalid
            assert "cold start: the folder is not one of vLLM" in ended.known
            assert any(line.startswith("cold start: not cold_virgin") for line in ended.known)

    async def test_nothing_is_known_of_the_page_cache(self, clock):
        async with closed(clock) as panel:
            cold = (await started(panel, cold=ColdKind.CACHED)).cold
            assert cold.kind is ColdKind.UNKNOWN
            assert not cold.is_invalid

    async def test_it_can_be_stopped_while_it_is_prepared(self, clock):
        class Slow(FakeWeights):
            async def warm(self, spec, command=()):
                await clock.sleep(60)
                return await super().warm(spec, command)

        async with closed(clock, weights=Slow()) as panel:
            ticket = panel.services.operations.start("qwen", cold=ColdKind.CACHED)
            await clock.advance(1)
            assert panel.services.operations.cancel("qwen")
            ended = await panel.ends(ticket)
            assert ended.outcome is Outcome.CANCELLED
            assert panel.services.runtimes.runtimes["qwen"].calls == []


class TestAnswers:
    async def test_the_first_are_kept_as_the_reference(self, clock):
        async with closed(clock) as panel:
            ended = await started(panel)
            assert ended.message.endswith("its answers are kept as the reference")
            assert panel.view("qwen").learned.reference is not None

    async def test_they_are_what_they_were(self, clock):
        async with closed(clock) as panel:
            await started(panel)
            await panel.ends(panel.services.operations.stop("qwen"))
            ended = await started(panel)
            assert ended.verification.verdict.matches
            assert ended.message.endswith("the same 16 tokens as before")

    async def test_others_of_a_new_process_are_a_new_reference(self, clock):
        async with closed(clock) as panel:
            await started(panel)
            await panel.ends(panel.services.operations.stop("qwen"))
            panel.engine("qwen").canary_tokens = answer(*range(50, 66))
            ended = await started(panel)
            assert ended.outcome is Outcome.DONE
            assert panel.view("qwen").learned.reference.answers[0] == answer(*range(50, 66))

    async def test_void_ones_are_no_success(self, clock):
        engine = down(clock, canary_tokens=answer(*[0] * 16, logprob=float("nan")))
        async with closed(clock, engine=engine) as panel:
            panel.services.bus.publish(
                ReferenceTaken(at_s=clock.now_s(), server="qwen", reference=reference())
            )
            ended = await started(panel)
            assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.GARBAGE)

    async def test_without_a_canary_there_is_no_first_token(self, clock):
        spec = ServerSpec(name="qwen", url=URL, canary=Canary(enabled=False))
        async with closed(clock, spec=spec) as panel:
            ended = await started(panel)
            assert ended.outcome is Outcome.DONE
            assert ended.first_token_s is None
            assert ended.message.endswith("its answers were not checked")

    async def test_its_facts_are_read_after_its_first_token(self, clock):
        """The first /server_info of vLLM keeps it busy for seconds."""
        engine, order = down(clock), []
        facts, canary = engine.facts, engine.canary

        async def told_facts():
            order.append("facts")
            return await facts()

        async def told_canary(*args, **fields):
            answered = await canary(*args, **fields)
            order.append("canary")
            return answered

        engine.facts, engine.canary = told_facts, told_canary
        engine.canary_takes_s = 3.0
        async with closed(clock, engine=engine) as panel:
            await started(panel)
            assert order[:2] == ["canary", "facts"]


class TestFailing:
    async def test_its_runtime_cannot_start_it(self, clock):
        error = ProcessError("vllm: there is no such program", hint="is it in the path?")
        async with closed(clock, errors={"start": [error]}) as panel:
            ended = await started(panel)
            assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.NOT_STARTED)
            assert ended.message == "vllm: there is no such program"
            assert ended.hint == "is it in the path?"
            assert panel.view("qwen").state is State.DOWN

    async def test_its_process_ends(self, clock):
        lines = ("INFO loading", "ValueError: No available memory for the cache blocks.")
        async with closed(clock, dies_after_s=4.0, lines=lines) as panel:
            ended = await started(panel)
            assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.NOT_STARTED)
            assert ended.message.startswith("ended after ")
            assert ended.message.endswith(
                "with exit code 1: ValueError: No available memory for the cache blocks."
            )
            assert 4.0 <= ended.duration_s <= 5.1
            assert ended.cold is not None

    async def test_it_takes_too_long(self, clock):
        spec = ServerSpec(name="qwen", url=URL, timeouts=Timeouts(start_s=10))
        async with closed(clock, spec=spec) as panel:
            ended = await started(panel)
            assert (ended.outcome, ended.cause) == (Outcome.UNKNOWN, Cause.NO_ANSWER)
            assert ended.duration_s == 10
            assert ended.message.startswith("takes longer than 10.0 s: ")
            assert ended.message.endswith("; it runs and may still come")
            assert ended.done_s is None

    async def test_its_runtime_cannot_always_tell(self, clock):
        broken = [ProcessError("not now") for _ in range(5)]
        async with closed(clock, errors={"state": broken}) as panel:
            assert (await started(panel)).outcome is Outcome.DONE

    async def test_something_else_is_at_its_address(self, clock):
        async with closed(clock) as panel:
            panel.engine("qwen").reach = Reach.NOT_VLLM
            ended = await started(panel)
            assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.REJECTED)
            assert panel.services.runtimes.runtimes["qwen"].calls == []

    async def test_it_came_up_by_itself(self, clock):
        async with closed(clock) as panel:
            panel.engine("qwen").come_up(clock.now_s())
            ended = await started(panel)
            assert (ended.outcome, ended.cause) == (Outcome.CANCELLED, Cause.ALREADY_SO)

    async def test_it_answers_and_sleeps(self, clock):
        async with closed(clock) as panel:
            engine = panel.engine("qwen")
            engine.canary_hold = None
            come_up = engine.come_up

            def asleep(began_s):
                come_up(began_s)
                engine.level, engine.is_paused, engine.awake_tags = 1, True, set()

            engine.come_up = asleep
            ended = await started(panel)
            assert ended.outcome is Outcome.SUSPECT
            assert ended.message == "answers, and says that it sleeps"

    async def test_the_panel_closes_meanwhile(self, clock):
        async with closed(clock) as panel:
            ticket = panel.services.operations.start("qwen")
            await clock.advance(1)
            await panel.services.operations.drain(2.0)
            ended = await ticket.ended()
            assert (ended.outcome, ended.cause) == (Outcome.CANCELLED, None)
            assert "its process goes on" in ended.message

    async def test_nobody_has_to_wait_for_it(self, clock):
        async with closed(clock, takes_s=600.0) as panel:
            ticket = panel.services.operations.start("qwen")
            await clock.advance(5)
            assert panel.services.operations.cancel("qwen")
            ended = await panel.ends(ticket)
            assert (ended.outcome, ended.cause) == (Outcome.CANCELLED, None)
            assert ended.message == "not waited for any longer, after 5.00 s; its process goes on"
            assert ended.first_token_s is None
            assert panel.view("qwen").state is State.STARTING
            await panel.ends(panel.services.operations.stop("qwen"))
            assert panel.view("qwen").state is State.DOWN


class TestNotAllowed:
    async def test_nobody_knows_how(self, clock):
        async with opened(down(clock), clock=clock, runtimes=FakeRuntimes()) as panel:
            await panel.until(lambda: panel.view("qwen").state is State.DOWN)
            with pytest.raises(NotAllowed) as caught:
                panel.services.operations.start("qwen")
            assert caught.value.message == "qwen is started by others"
            assert "runtime" in caught.value.hint

    async def test_without_runtimes(self, clock):
        async with opened(down(clock), clock=clock, runtimes=None, begin=False) as panel:
            panel.homes.found.clear()
            panel.services.begin()
            await panel.until(lambda: bool(panel.services.store.view.servers))
            with pytest.raises(NotAllowed, match="started by others"):
                panel.services.operations.start("qwen")

    async def test_readonly(self, clock):
        async with closed(clock, settings=Settings(readonly=True)) as panel:
            with pytest.raises(NotAllowed, match="--readonly"):
                panel.services.operations.start("qwen")

    async def test_it_answers(self, clock):
        async with closed(clock) as panel:
            await started(panel)
            with pytest.raises(NotAllowed, match="stop it before"):
                panel.services.operations.start("qwen")

    async def test_another_operation_runs(self, clock):
        async with closed(clock) as panel:
            panel.services.operations.start("qwen")
            await clock.advance(1)
            for order in (panel.services.operations.start, panel.services.operations.stop):
                with pytest.raises(NotAllowed, match="a start is already running"):
                    order("qwen")

    async def test_closed(self, clock):
        async with closed(clock) as panel:
            await panel.services.operations.drain(1.0)
            with pytest.raises(NotAllowed, match="closing"):
                panel.services.operations.start("qwen")


async def test_one_after_the_other_on_a_gpu(clock):
    engines = [down(clock, "a"), down(clock, "b")]
    runtimes = FakeRuntimes(*(FakeRuntime(engine=one, clock=clock) for one in engines))
    async with opened(*engines, clock=clock, runtimes=runtimes) as panel:
        runtimes.live_in(panel.homes)
        await panel.until(lambda: panel.view("b").state is State.DOWN)
        first = panel.services.operations.start("a")
        second = panel.services.operations.start("b")
        await clock.advance(1)
        assert panel.view("b").operation.note == "waits for start of a on GPU 0"
        await panel.ends(second)
        assert (await first.ended()).outcome is Outcome.DONE
        assert (await second.ended()).outcome is Outcome.DONE
        assert panel.view("a").memory.total_bytes == 40 * GIB
