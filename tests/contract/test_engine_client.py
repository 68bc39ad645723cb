"""The contract of core.ports.EngineClient, on every server that there is.

Nothing here knows which one it runs on.
"""

import asyncio
import threading
import time
from itertools import pairwise

import pytest
from contract.backends import LONG_TOKENS

from sleeptui.core.canary import Answer, Grade, Reference, is_void, judge
from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.errors import Refused, TimedOut
from sleeptui.core.model import Control, Reach, SleepLevel, SleepMetric, SleepMode
from sleeptui.core.settings import Canary, Timeouts

AWAKE_CONTROL = {Control.AVAILABLE, Control.NO_SLEEP_MODE}


TRIES = 8
"""On two cores one long stream keeps real vLLM from hearing the next request for seconds."""


async def ask(client, prompt="The quick brown", *, max_tokens=8) -> tuple[Completion, list]:
    events: list[TokenEvent] = []
    answer = await client.complete(prompt, max_tokens=max_tokens, on_token=events.append)
    return answer, events


async def asking(client, *, max_tokens=LONG_TOKENS) -> asyncio.Task[Completion]:
    """A request in flight: its first token has come."""
    came = asyncio.Event()
    task = asyncio.create_task(
        client.complete("Count", max_tokens=max_tokens, on_token=lambda _: came.set())
    )
    await came.wait()
    return task


async def looks(client, condition) -> None:
    """Look until the condition holds; the test's own time limit ends it."""
    while not condition(await client.observe(full=True)):
        pass


class TestLooking:
    async def test_facts(self, client, backend):
        facts = await client.facts()
        assert facts.version is not None
        assert backend.version in {None, facts.version}
        assert facts.models
        assert facts.root
        assert (facts.max_model_len or 0) > 0
        assert facts.features.reload_weights
        if backend.sleep_enabled is not None:
            assert facts.sleep_enabled is backend.sleep_enabled
            assert facts.device == ("cuda" if facts.sleep_enabled else "cpu")

    async def test_awake(self, client):
        await client.facts()
        began = time.monotonic()
        seen = await client.observe(full=True)
        assert seen.reach is Reach.ANSWERED
        assert seen.problem is None
        assert seen.control in AWAKE_CONTROL
        assert seen.is_sleeping is False
        assert seen.is_sleeping_slow is False
        assert began <= seen.at_s - seen.took_s <= seen.at_s <= time.monotonic()
        metrics = seen.metrics
        assert metrics is not None
        assert metrics.sleep_metric is SleepMetric.AWAKE
        assert (metrics.running, metrics.waiting) == (0, 0)
        assert metrics.kv_usage is not None
        assert 0 <= metrics.kv_usage <= 1
        assert metrics.generation_tokens_total is not None
        assert (metrics.kv_cache_tokens or 0) > 0
        assert metrics.process_start_s is not None

    async def test_a_short_look_asks_for_the_state_only(self, client):
        seen = await client.observe(full=False)
        assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, False)
        assert (seen.metrics, seen.is_paused, seen.load) == (None, None, None)

    async def test_looks_at_once(self, client):
        seen = await asyncio.gather(*(client.observe(full=True) for _ in range(8)))
        assert {one.is_sleeping for one in seen} == {False}
        assert {one.problem for one in seen} == {None}

    async def test_health_is_timed(self, client):
        before_s = time.monotonic()
        timed = await client.health()
        assert before_s <= timed.sent_s <= timed.done_s <= time.monotonic()


class TestSleepingAndWaking:
    @pytest.mark.parametrize(
        ("level", "metric"),
        [(SleepLevel.OFFLOAD, SleepMetric.OFFLOADED), (SleepLevel.DISCARD, SleepMetric.DISCARDED)],
    )
    async def test_sleep(self, client, backend, level, metric):
        facts = await client.facts()
        began = time.monotonic()
        timed = await client.sleep(level, None)
        assert began <= timed.sent_s <= timed.done_s <= time.monotonic()
        assert timed.status == ("sleeping" if facts.features.reports_status else None)

        seen = await client.observe(full=True)
        assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, True)
        if "is_paused" not in backend.lacks:
            assert seen.is_paused is True
        if level is SleepLevel.OFFLOAD or "metrics in all states" not in backend.lacks:
            assert seen.metrics is not None
            assert seen.metrics.sleep_metric is metric

    async def test_wake_from_level_1(self, client):
        facts = await client.facts()
        await client.sleep(SleepLevel.OFFLOAD, None)
        began = time.monotonic()
        timed = await client.wake()
        assert began <= timed.sent_s <= timed.done_s <= time.monotonic()
        assert timed.duration_s >= 0
        assert timed.status == ("awake" if facts.features.reports_status else None)
        seen = await client.observe(full=True)
        assert seen.is_sleeping is False
        assert seen.metrics is not None
        assert seen.metrics.sleep_metric is SleepMetric.AWAKE

    async def test_wake_from_level_2_in_steps(self, client, backend):
        facts = await client.facts()
        await client.sleep(SleepLevel.DISCARD, None)
        weights = await client.wake(["weights"])
        assert weights.status == ("sleeping" if facts.features.reports_status else None)
        partly = await client.observe(full=True)
        assert partly.is_sleeping is True
        reloaded = await client.reload_weights()
        cache = await client.wake(["kv_cache"])
        assert cache.status == ("awake" if facts.features.reports_status else None)
        reset = await client.reset_prefix_cache()
        assert reset.status is None
        steps = [weights, reloaded, cache, reset]
        assert all(a.done_s <= b.sent_s for a, b in pairwise(steps))
        assert (await client.observe(full=True)).is_sleeping is False

    async def test_waking_what_is_awake_does_no_harm(self, client):
        await client.facts()
        await client.wake()
        assert (await client.observe(full=False)).is_sleeping is False

    @pytest.mark.parametrize("mode", list(SleepMode))
    async def test_every_mode_on_an_idle_server(self, client, mode):
        await client.facts()
        await client.sleep(SleepLevel.OFFLOAD, mode)
        assert (await client.observe(full=False)).is_sleeping is True

    async def test_facts_need_not_be_known_first(self, client):
        await client.sleep(SleepLevel.OFFLOAD, SleepMode.WAIT)
        assert (await client.observe(full=False)).is_sleeping is True

    async def test_level_0_pauses(self, client, backend):
        backend.needs("level 0")
        await client.facts()
        await client.sleep(SleepLevel.PAUSE, None)
        seen = await client.observe(full=True)
        assert (seen.is_sleeping, seen.is_paused) == (True, True)
        assert seen.metrics is not None
        assert seen.metrics.sleep_metric is SleepMetric.NONE
        await client.wake(["scheduling"])
        assert (await client.observe(full=True)).is_sleeping is False

    async def test_a_pause_by_somebody_else_is_no_sleep(self, client, backend):
        backend.needs("pause")
        await client.facts()
        assert await backend.post("/pause") == 200
        seen = await client.observe(full=True)
        assert (seen.is_sleeping, seen.is_paused) == (True, True)
        if "metrics in all states" not in backend.lacks:
            assert seen.metrics is not None
            assert seen.metrics.sleep_metric is SleepMetric.AWAKE
        assert await backend.post("/resume") == 200
        assert (await client.observe(full=True)).is_sleeping is False


class TestPrompts:
    async def test_an_answer_streams(self, client):
        threads = []
        events: list[TokenEvent] = []

        def on_token(event: TokenEvent) -> None:
            threads.append(threading.current_thread())
            events.append(event)

        began = time.monotonic()
        answer = await client.complete("The quick brown", max_tokens=12, on_token=on_token)
        assert answer.finish_reason in {"length", "stop"}
        assert answer.terminated
        assert answer.error is None
        assert 1 <= (answer.completion_tokens or 0) <= 12
        assert (answer.prompt_tokens or 0) > 0
        assert answer.text == "".join(event.text for event in events)
        assert events[-1].tokens == answer.completion_tokens
        assert set(threads) == {threading.current_thread()}

        assert answer.headers_s is not None
        assert answer.first_token_s == events[0].at_s
        assert answer.last_token_s == events[-1].at_s
        assert began <= answer.sent_s <= answer.headers_s <= events[0].at_s
        assert events[-1].at_s <= answer.ended_s <= time.monotonic()
        assert [event.at_s for event in events] == sorted(event.at_s for event in events)
        assert [event.tokens for event in events] == sorted({event.tokens for event in events})

    async def test_answers_are_greedy(self, client):
        first, _ = await ask(client)
        again, _ = await ask(client)
        assert first.text == again.text

    async def test_an_unknown_model_is_refused_in_the_words_of_the_server(self, client):
        with pytest.raises(Refused) as caught:
            await client.complete("x", max_tokens=1, on_token=lambda _: None, model="nope")
        assert caught.value.status == 404
        assert "nope" in caught.value.detail
        assert caught.value.message.startswith("qwen: /v1/completions answered 404")

    async def test_sleep_aborts_what_is_in_flight(self, client):
        await client.facts()
        for _ in range(TRIES):
            task = await asking(client)
            await client.sleep(SleepLevel.OFFLOAD, SleepMode.ABORT)
            answer = await task
            if answer.finish_reason == "abort":
                break
            await client.wake()  # the answer was over before the sleep was heard
        assert answer.finish_reason == "abort"
        assert answer.terminated
        assert answer.error is None
        assert answer.first_token_s is not None
        assert (answer.completion_tokens or 0) > 0

    async def test_a_request_to_a_sleeper_waits_for_the_wake(self, client):
        await client.facts()
        await client.sleep(SleepLevel.OFFLOAD, None)
        task = asyncio.create_task(ask(client, max_tokens=6))
        for _ in range(3):
            assert (await client.observe(full=True)).is_sleeping is True
            assert not task.done()
        woken = await client.wake()
        answer, _ = await task
        assert answer.finish_reason in {"length", "stop"}
        assert answer.first_token_s is not None
        assert answer.first_token_s >= woken.sent_s

    async def test_cancelling_ends_the_request_in_the_engine(self, client):
        task = await asking(client)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await looks(client, lambda seen: seen.metrics is not None and seen.metrics.running == 0)
        assert (await client.observe(full=True)).problem is None


CANARY = Canary()
LONG_PROMPT = CANARY.prompt * 24
"""Longer than a block of any prefix cache: 128 tokens on a CPU."""


def graded(answer: Answer, *before: Answer) -> Grade | None:
    reference = Reference(
        model="m", prompt=CANARY.prompt, max_tokens=16, taken_wall_s=0.0, answers=before
    )
    return judge(answer, reference).grade


class TestCanary:
    async def test_each_token_comes_with_its_id_and_its_probability(self, client, backend):
        backend.needs("canary")
        began = time.monotonic()
        answer = await client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)
        assert (answer.finish_reason, answer.terminated, answer.error) == ("length", True, None)
        assert len(answer.tokens) == answer.completion_tokens == CANARY.max_tokens
        for token in answer.tokens:
            assert token.id is not None
            assert token.runner_up is not None
            assert token.runner_up <= token.logprob <= 0
        assert not is_void(answer.tokens)
        assert began <= answer.sent_s <= answer.first_token_s <= answer.last_token_s

    async def test_without_details_the_texts_are_told(self, client):
        answer = await client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)
        assert answer.terminated
        assert all(token.id is not None or token.text for token in answer.tokens)

    async def test_two_are_identical(self, client, backend):
        backend.needs("canary")
        first, second, third = [
            (await client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)).tokens
            for _ in range(3)
        ]
        assert [token.id for token in first] == [token.id for token in second]
        assert [token.logprob for token in first] == [token.logprob for token in second]
        assert graded(third, first, second) is Grade.IDENTICAL

    async def test_another_prompt_is_told_from_it(self, client, backend):
        backend.needs("counters")
        first = await client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)
        other = await client.canary("Sixty-four sleeping engines", max_tokens=CANARY.max_tokens)
        assert graded(other.tokens, first.tokens) is not Grade.IDENTICAL

    async def test_no_cache_answers_in_the_place_of_the_weights(self, client, backend):
        backend.needs("counters")
        hits = "vllm:prefix_cache_hits_total"
        queries = "vllm:prefix_cache_queries_total"
        await ask(client, LONG_PROMPT, max_tokens=2)  # now it is in the cache, unsalted
        before = await backend.counter(hits), await backend.counter(queries)
        for _ in range(2):
            await client.canary(LONG_PROMPT, max_tokens=2)
        assert await backend.counter(hits) == before[0]
        assert await backend.counter(queries) - before[1] >= 2 * 128

    async def test_after_a_cycle_it_is_the_same(self, client, backend):
        backend.needs("canary")
        await client.facts()
        before = await client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)
        await client.sleep(SleepLevel.OFFLOAD, None)
        await client.wake()
        after = await client.canary(CANARY.prompt, max_tokens=CANARY.max_tokens)
        assert graded(after.tokens, before.tokens) is Grade.IDENTICAL

    async def test_to_a_sleeper_it_is_given_up_in_its_own_time(self, backend, connect):
        patient = connect(backend.url)
        await patient.facts()
        await patient.sleep(SleepLevel.OFFLOAD, None)
        hasty = connect(backend.url, timeouts=Timeouts(connect_s=10, probe_s=30, canary_s=0.5))
        with pytest.raises(TimedOut) as caught:
            await hasty.canary(CANARY.prompt, max_tokens=4)
        assert caught.value.sent
        await patient.wake()

    async def test_cancelling_it_ends_it_in_the_engine(self, client):
        task = asyncio.create_task(client.canary("Count", max_tokens=LONG_TOKENS))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await looks(client, lambda seen: seen.metrics is not None and seen.metrics.running == 0)
