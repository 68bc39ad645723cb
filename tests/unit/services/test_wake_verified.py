"""A wake is believed when the canary says so."""

import asyncio

import pytest
from support.builders import answer, token
from support.fakes import FakeEngine, broken, timed_out
from support.panel import opened

from sleeptui.core.canary import Check, Grade
from sleeptui.core.completion import Completion
from sleeptui.core.errors import NotAllowed, Refused, Unreachable
from sleeptui.core.events import ReferenceTaken, Verified
from sleeptui.core.model import Reach, SleepLevel, State
from sleeptui.core.operation import Cause, Outcome
from sleeptui.core.settings import Canary, ServerSpec

OTHER = answer(*range(1, 9), *range(30, 38))
"""The same at first, then other tokens."""


def completion(clock, **fields):
    now_s = clock.now_s()
    values = {
        "sent_s": now_s,
        "headers_s": now_s,
        "first_token_s": now_s,
        "last_token_s": now_s,
        "ended_s": now_s,
        "text": "",
        "prompt_tokens": 12,
        "completion_tokens": 16,
        "finish_reason": "length",
        "terminated": True,
        "tokens": answer(),
        **fields,
    }
    return Completion(**values)


def refused(status):
    return Refused(f"it answered {status}: no", server="qwen", status=status, detail="no")


async def cycled(panel, *, level=SleepLevel.OFFLOAD):
    """Put to sleep, with a reference taken before."""
    ended = await panel.ends(panel.services.operations.sleep("qwen", level=level))
    assert ended.outcome is Outcome.DONE
    panel.engine("qwen").log.clear()


async def woken(panel, **how):
    return await panel.ends(panel.services.operations.wake("qwen", **how))


@pytest.mark.parametrize("level", [SleepLevel.OFFLOAD, SleepLevel.DISCARD])
async def test_the_same_answer_as_before_is_the_proof(clock, level):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await cycled(panel, level=level)
        ended = await woken(panel)
        assert ended.outcome is Outcome.DONE
        assert ended.message == "awake, took 38.0 GiB; the same 16 tokens as before"
        assert ended.hint == ""
        assert ended.verification.verdict.grade is Grade.IDENTICAL
        assert panel.view("qwen").check is Check.VERIFIED
        assert panel.view("qwen").verification == ended.verification
        assert panel.engine("qwen").log[-1] == "canary"
        assert panel.engine("qwen").log.count("canary") == 1


async def test_how_it_is_known_is_said(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await cycled(panel)
        ended = await woken(panel)
        lines = "\n".join(ended.known)
        assert "/is_sleeping: false" in ended.known
        assert "engine_sleep_state: awake" in ended.known
        assert "GPU memory of GPU 0: 2.0 GiB before, 40.0 GiB after, settled" in lines
        assert "held by its processes: 2.0 GiB before, 40.0 GiB after" in ended.known
        assert "canary: decodes; identical, the same 16 tokens as before, in 80 ms" in ended.known
        assert "reference: 3 answers, " in lines
        assert "the server's own figure: 0.50 s" in ended.known


async def test_the_canary_is_sent_with_the_answer_and_its_first_token_is_that_of_the_wake(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await cycled(panel)
        ended = await woken(panel)
        assert ended.duration_s == pytest.approx(0.5)
        assert ended.first_token_s == pytest.approx(0.5 + 0.04)
        canary = next(part for part in ended.parts if part.name == "canary")
        assert canary.duration_s == pytest.approx(0.08)


async def test_the_state_is_verifying_while_it_is_waited_for(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await cycled(panel)
        panel.engine("qwen").canary_takes_s = 3.0
        ticket = panel.services.operations.wake("qwen")
        await panel.until(lambda: panel.view("qwen").state is State.VERIFYING)
        assert not ticket.cancel()
        assert (await panel.ends(ticket)).outcome is Outcome.DONE


async def test_a_panel_that_closes_meanwhile_says_what_is_not_known(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await cycled(panel)
        panel.engine("qwen").canary_hold = asyncio.Event()
        operations = panel.services.operations
        ticket = operations.wake("qwen")
        await panel.until(lambda: panel.view("qwen").state is State.VERIFYING)
        closing = asyncio.ensure_future(operations.drain(2.0))
        await clock.advance(2.0)
        await closing
        record = await ticket.ended()
        assert record.outcome is Outcome.UNKNOWN
        assert record.message == (
            "sleeptui ended before its answers were checked; the server goes on"
        )
        assert not panel.services.operations.busy


async def test_without_a_reference_it_is_awake_and_nothing_more_is_known(clock):
    engine = FakeEngine(clock, level=1, awake_tags=set(), is_paused=True)
    async with opened(engine, clock=clock) as panel:
        await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
        ended = await woken(panel)
        assert ended.outcome is Outcome.DONE
        assert ended.message == "awake, took 38.0 GiB; answers, nothing to compare with"
        assert ended.hint == "v takes a reference for the next wake"
        assert "reference: none from before" in ended.known
        assert panel.view("qwen").check is Check.UNVERIFIED


async def test_a_reference_to_another_question_is_none(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await cycled(panel)
        view = panel.view("qwen")
        other = view.learned.reference.__class__(
            model="qwen", prompt="other", max_tokens=16, taken_wall_s=0.0, answers=(answer(7),)
        )
        panel.services.bus.publish(
            ReferenceTaken(at_s=clock.now_s(), server="qwen", reference=other)
        )
        ended = await woken(panel)
        assert ended.message.endswith("answers, nothing to compare with")


class TestGarbage:
    @pytest.mark.parametrize(
        ("version", "hint"),
        [
            ("0.32.0", "w reads its weights again; if that does not help, restart it"),
            ("0.10.0", "restart it; l shows its log"),
        ],
    )
    async def test_it_is_suspect_and_says_what_helps(self, clock, version, hint):
        engine = FakeEngine(clock, version=version)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.has_weights = False
            ended = await woken(panel)
            assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.GARBAGE)
            assert ended.message == (
                "awake, took 38.0 GiB; its answers are garbage:"
                " another answer from the first token on"
            )
            assert ended.hint.startswith(hint)
            assert engine.log.count("canary") == 2
            view = panel.view("qwen")
            assert (view.state, view.check) == (State.SUSPECT, Check.CHANGED)

    async def test_void_answers_are_garbage_without_a_reference_too(self, clock):
        void = tuple(token(0, -9.0, runner_up=-9.0) for _ in range(16))
        engine = FakeEngine(clock, level=1, awake_tags=set(), is_paused=True, canary_tokens=void)
        async with opened(engine, clock=clock) as panel:
            await panel.until(lambda: panel.view("qwen").state is State.ASLEEP)
            ended = await woken(panel)
            assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.GARBAGE)
            assert "its weights are lost" in ended.message
            assert panel.view("qwen").state is State.SUSPECT

    async def test_the_next_wake_reads_the_weights_again(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.has_weights = False
            await woken(panel)
            engine.calls.clear()
            ended = await woken(panel)
            assert engine.calls == [
                "wake weights",
                "reload_weights",
                "wake kv_cache",
                "reset_prefix_cache",
            ]
            assert ended.level == 2
            assert ended.outcome is Outcome.DONE
            assert ended.message == (
                "awake, its weights were read again; the same 16 tokens as before"
            )
            assert panel.view("qwen").state is State.AWAKE
            assert panel.view("qwen").check is Check.VERIFIED

    async def test_where_they_cannot_be_read_again_the_wake_is_refused(self, clock):
        engine = FakeEngine(clock, version="0.10.0")
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.has_weights = False
            await woken(panel)
            with pytest.raises(NotAllowed, match="cannot read its weights again"):
                panel.services.operations.wake("qwen")


class TestAskedOnceMore:
    async def test_a_late_divergence_that_comes_once_does_not_count(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [OTHER]
            ended = await woken(panel)
            assert ended.outcome is Outcome.DONE
            assert engine.log.count("canary") == 2
            assert "canary, first answer: another answer from token 9 on; asked once more" in (
                ended.known
            )

    async def test_one_that_comes_twice_does(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [OTHER, OTHER]
            ended = await woken(panel)
            assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.GARBAGE)
            assert "its answers are not what they were: another answer from token 9" in (
                ended.message
            )

    async def test_where_the_second_says_nothing_the_first_counts(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [OTHER, completion(clock, finish_reason="abort")]
            assert (await woken(panel)).cause is Cause.GARBAGE


class TestNoAnswer:
    async def test_silence_is_suspect(self, clock):
        engine = FakeEngine(clock, generated=5.0)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_hold = asyncio.Event()
            ended = await woken(panel)
            assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.NO_TOKENS)
            assert ended.message == ("awake, took 38.0 GiB; does not answer: no token in 10.0 s")
            assert ended.hint.startswith("v asks again")
            assert ended.first_token_s is None
            assert panel.view("qwen").state is State.SUSPECT

    @pytest.mark.parametrize("busy", ["tokens", "queue"])
    async def test_of_a_busy_server_it_says_nothing(self, clock, busy):
        engine = FakeEngine(clock, generated=5.0)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_hold = asyncio.Event()
            ticket = panel.services.operations.wake("qwen")
            await panel.until(lambda: "canary" in engine.log)
            if busy == "tokens":
                engine.generated = 900.0
            else:
                engine.waiting = 40
            ended = await panel.ends(ticket)
            assert (ended.outcome, ended.cause) == (Outcome.DONE, None)
            assert ended.message.endswith(
                "its answers are not checked: no token in 10.0 s, it was busy with other requests"
            )
            assert panel.view("qwen").check is Check.UNVERIFIED

    async def test_the_clients_own_deadline_is_the_same(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.faults["canary"] = [timed_out()]
            assert (await woken(panel)).cause is Cause.NO_TOKENS

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"finish_reason": "abort"}, "aborted by the server"),
            ({"finish_reason": "error"}, "ended by the server: error"),
            ({"finish_reason": None}, "the answer was cut off"),
            ({"error": "engine died"}, "engine died"),
            ({"tokens": (), "completion_tokens": 0}, "it ended without a token"),
        ],
    )
    async def test_a_broken_answer_is_none(self, clock, fields, words):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [completion(clock, **fields)]
            ended = await woken(panel)
            assert ended.cause is Cause.NO_TOKENS
            assert ended.message.endswith(f"does not answer: {words}")

    @pytest.mark.parametrize("error", [refused(500), broken(), Unreachable("no", server="qwen")])
    async def test_so_is_an_error_of_a_living_server(self, clock, error):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.faults["canary"] = [error]
            ended = await woken(panel)
            assert (ended.outcome, ended.cause) == (Outcome.SUSPECT, Cause.NO_TOKENS)

    async def test_a_refusal_of_the_question_says_nothing_of_the_weights(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.faults["canary"] = [refused(400)]
            ended = await woken(panel)
            assert (ended.outcome, ended.cause) == (Outcome.DONE, None)
            assert "the server refused the question: it answered 400" in ended.message
            assert panel.view("qwen").check is Check.UNVERIFIED
            assert panel.view("qwen").state is State.AWAKE

    @pytest.mark.parametrize("began", [True, False])
    async def test_an_engine_that_dies_of_it_is_lost(self, clock, began):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_takes_s = 2.0
            ticket = panel.services.operations.wake("qwen")
            await panel.until(lambda: panel.view("qwen").state is State.VERIFYING)
            if began:
                cut = completion(clock, error="the connection broke", finish_reason=None)
                engine.canary_answers = [cut]
            else:
                engine.faults["canary end"] = [broken()]
            engine.reach = Reach.REFUSED
            ended = await panel.ends(ticket)
            assert (ended.outcome, ended.cause) == (Outcome.FAILED, Cause.ENGINE_LOST)
            assert ended.message == "engine lost: the connection broke"


class TestPartOfAnAnswer:
    """Time cuts it off: a wrong beginning is wrong, a right one says nothing yet."""

    def cut(self, clock, tokens):
        now_s = clock.now_s()
        return completion(
            clock,
            sent_s=now_s,
            ended_s=now_s + 10.0,
            error="cut after 10 s",
            finish_reason=None,
            tokens=tokens,
        )

    async def test_a_right_beginning(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [self.cut(clock, answer(1, 2, 3))]
            ended = await woken(panel)
            assert ended.outcome is Outcome.DONE
            assert ended.message.endswith("only 3 tokens came in 10.0 s")
            assert panel.view("qwen").check is Check.UNVERIFIED

    async def test_a_wrong_beginning(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [self.cut(clock, answer(7, 8)), self.cut(clock, answer(7, 8))]
            assert (await woken(panel)).cause is Cause.GARBAGE

    async def test_tokens_that_are_not_told(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.canary_answers = [completion(clock, tokens=())]
            ended = await woken(panel)
            assert ended.message.endswith("its answers are not checked: its tokens are not told")


class TestUnasked:
    async def test_it_can_be_left_out(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            ended = await woken(panel, verify=False)
            assert "canary" not in engine.log
            assert ended.message == "awake, took 38.0 GiB; its answers were not checked"
            assert "canary: not asked, as was wished" in ended.known
            assert ended.hint == "v verifies it"
            assert ended.verification is None

    async def test_it_can_be_off_for_a_server(self, clock):
        spec = ServerSpec(name="qwen", url="http://127.0.0.1:8001", canary=Canary(enabled=False))
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock, specs=[spec]) as panel:
            await cycled(panel)
            ended = await woken(panel)
            assert engine.log == ["wake"]
            assert "canary: it is off for this server" in ended.known
            assert ended.hint == ""

    async def test_a_wake_that_the_state_denies_takes_it_back(self, clock):
        engine = FakeEngine(clock)
        async with opened(engine, clock=clock) as panel:
            await cycled(panel)
            engine.regrows = False
            engine.canary_hold = asyncio.Event()
            ended = await woken(panel)
            assert ended.outcome is Outcome.SUSPECT
            assert ended.verification is None
            assert not panel.services.operations.busy
            assert "/is_sleeping: true" in ended.known


async def test_somebody_else_who_moves_it_meanwhile_makes_the_answer_worthless(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        await cycled(panel)
        engine.canary_takes_s = 3.0
        ticket = panel.services.operations.wake("qwen")
        await panel.until(lambda: panel.view("qwen").state is State.VERIFYING)
        engine.sleeps += 1
        engine.wakes += 1
        panel.events.clear()
        ended = await panel.ends(ticket)
        assert ended.verification is None
        assert not [event for event in panel.events if isinstance(event, Verified)]
        assert panel.view("qwen").check is Check.UNVERIFIED
        assert ended.outcome is Outcome.UNKNOWN
        assert ended.duration_s == pytest.approx(0.5)
        assert ended.hint == "v asks again"


async def test_after_a_doubtful_answer_the_canary_waits_for_the_state(clock):
    engine = FakeEngine(clock, works_anyway={"wake"})
    async with opened(engine, clock=clock) as panel:
        await cycled(panel)
        engine.faults["wake"] = [timed_out()]
        ended = await woken(panel)
        assert ended.outcome is Outcome.DONE
        assert ended.verification.check is Check.VERIFIED
        assert ended.first_token_s is None
