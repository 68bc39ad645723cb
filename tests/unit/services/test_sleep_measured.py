"""What a sleep's record proves: state, level, memory, and the fate of each request."""

from dataclasses import replace

import pytest
from support.builders import GIB, facts, metrics, seen, server
from support.clock import settle
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.model import Reach, SleepLevel, SleepMode, State
from sleeptui.core.operation import Cause, Fate, InFlight, Outcome, Phase
from sleeptui.core.settings import Canary, ServerSpec
from sleeptui.services.in_flight import counted, fate_words, is_settled, request_lines
from sleeptui.services.known import host_line, level_line, memory_lines, state_lines
from sleeptui.services.settle import Weight

PLAIN = ServerSpec(name="qwen", url="http://127.0.0.1:8001", canary=Canary(enabled=False))


def mib(gib):
    return int(gib * GIB)


async def slept(panel, **how):
    return await panel.ends(panel.services.operations.sleep("qwen", **how))


async def test_every_measurement_has_its_line(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        panel.gpus.other_bytes[0] = 3 * GIB
        record = await slept(panel)
        # On a busy machine another line says that no time of it was measured.
        reference = record.known.index("reference: taken before this sleep")
        assert record.known[reference + 1] == "/is_sleeping: true"
        assert "engine_sleep_state: weights_offloaded" in record.known
        assert "level 1: confirmed by engine_sleep_state" in record.known
        used = next(line for line in record.known if line.startswith("GPU memory"))
        assert used.startswith("GPU memory of GPU 0: 43.0 GiB before, 5.0 GiB after, settled after")
        assert "held by its processes: 40.0 GiB before, 2.0 GiB after" in record.known
        assert (
            "host memory: 38.0 GiB less available on the machine, by all that runs on it"
            in record.known
        )
        assert "requests: none in flight before it" in record.known
        assert "the server's own figure: 0.30 s" in record.known
        assert record.host_bytes == 38 * GIB
        assert record.hint == ""


async def test_what_its_end_frees_is_no_figure_of_its_sleep(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        ticket = panel.services.operations.sleep("qwen")
        await clock.until(lambda: panel.view("qwen").operation.phase is Phase.SETTLING)
        await clock.advance(0.2)
        engine.reach = Reach.REFUSED
        record = await panel.ends(ticket)
        assert (record.outcome, record.cause) == (Outcome.FAILED, Cause.ENGINE_LOST)
        assert record.message.startswith("engine lost: it ended while its memory settled")
        assert (record.freed_bytes, record.residual_bytes) == (None, None)


async def test_the_second_sleep_finds_its_copy_there(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        await slept(panel)
        await panel.ends(panel.services.operations.wake("qwen"))
        assert (await slept(panel)).host_bytes == 0


async def test_host_memory_of_another_machine_is_not_known(clock):
    spec = ServerSpec(name="qwen", url="http://10.0.0.9:8001", gpus=(0,))
    async with opened(FakeEngine(clock), clock=clock, specs=[spec]) as panel:
        panel.homes.found.clear()
        await panel.until(lambda: panel.view("qwen").home is None)
        record = await slept(panel)
        assert record.host_bytes is None
        assert not [line for line in record.known if line.startswith("host")]


async def test_a_pause_measures_no_memory(clock):
    async with opened(FakeEngine(clock, running=2), clock=clock) as panel:
        record = await slept(panel, level=SleepLevel.PAUSE, mode=SleepMode.KEEP)
        assert record.message == "paused, its memory stays; of 2 in flight 2 wait for the wake"
        assert "level 0: confirmed by engine_sleep_state" in record.known
        assert (record.freed_bytes, record.host_bytes) == (None, None)


class TestInFlight:
    @pytest.mark.parametrize(
        ("mode", "words", "finished"),
        [
            (SleepMode.ABORT, "of 8 in flight 8 were aborted", {"abort": 8}),
            (SleepMode.WAIT, "of 8 in flight 6 completed, 2 wait for the wake", {"stop": 6}),
            (SleepMode.KEEP, "of 8 in flight 8 wait for the wake", {}),
        ],
    )
    async def test_the_mode_decides(self, clock, mode, words, finished):
        engine = FakeEngine(clock, running=6, waiting=2)
        async with opened(engine, clock=clock) as panel:
            record = await slept(panel, mode=mode)
            assert record.message == f"asleep at level 1, freed 38.0 GiB; {words}"
            assert record.in_flight == InFlight(running=6, waiting=2, finished=finished)
            assert "requests: 6 running and 2 waiting before it" in record.known

    async def test_what_is_not_accounted_for_is_said(self, clock):
        engine = FakeEngine(clock, running=8, uncounted=2)
        async with opened(engine, clock=clock, specs=[PLAIN]) as panel:
            record = await slept(panel, mode=SleepMode.ABORT)
            assert record.message.endswith("of 8 in flight 6 were aborted")
            assert "requests: 2 not accounted for" in record.known

    async def test_counters_that_come_late_are_looked_at_once_more(self, clock):
        engine = FakeEngine(clock, running=8, uncounted=2)
        async with opened(engine, clock=clock, specs=[PLAIN]) as panel:
            looks = iter((6.0, 8.0, 8.0))

            def count():
                if engine.sleeps:
                    engine.finished["abort"] = next(looks, 8.0)

            engine.on_observe = count
            record = await slept(panel, mode=SleepMode.ABORT)
            assert record.in_flight.finished == {"abort": 8}

    async def test_without_counters_nothing_is_claimed(self, clock):
        engine = FakeEngine(clock, running=8, finished=None)
        async with opened(engine, clock=clock, specs=[PLAIN]) as panel:
            record = await slept(panel, mode=SleepMode.ABORT)
            assert record.message.endswith("; 8 were in flight")
            assert "request_success_total: not in its metrics" in record.known

    async def test_without_metrics_it_is_not_known(self, clock):
        engine = FakeEngine(clock, shows_metrics=False)
        async with opened(engine, clock=clock) as panel:
            record = await slept(panel)
            assert record.in_flight.total is None
            assert "requests: its queue could not be read" in record.known
            assert "level 1: not confirmed, its metrics could not be read" in record.known

    async def test_an_old_version_is_drained_and_counted_from_before_it(self, clock):
        engine = FakeEngine(clock, version="0.12.0", running=3)
        async with opened(engine, clock=clock, specs=[PLAIN]) as panel:
            ticket = panel.services.operations.sleep("qwen")
            await clock.advance(2.0)
            assert panel.view("qwen").state is State.DRAINING
            engine.running, engine.finished["stop"] = 0, 3.0
            record = await panel.ends(ticket)
            assert record.message.endswith("of 3 in flight 3 completed")


class TestOurs:
    def ask(self, panel):
        return panel.services.operations.prompt(
            "qwen", "why?", max_tokens=8, on_token=lambda _: None
        )

    @pytest.mark.parametrize(
        ("mode", "fate", "outcome"),
        [
            (SleepMode.ABORT, Fate.ABORTED, Outcome.FAILED),
            (SleepMode.WAIT, Fate.COMPLETED, Outcome.DONE),
        ],
    )
    async def test_the_fate_of_a_prompt_of_ours(self, clock, mode, fate, outcome):
        engine = FakeEngine(clock, running=1, sleep_takes_s=0.02)
        async with opened(engine, clock=clock, specs=[PLAIN]) as panel:
            prompt = self.ask(panel)
            await clock.advance(0.2)
            record = await slept(panel, mode=mode)
            assert record.in_flight.ours == {fate: 1}
            assert f"requests of ours: 1 {fate.value}" in record.known
            assert (await panel.ends(prompt)).outcome is outcome

    async def test_one_that_has_ended_before_is_not_counted(self, clock):
        async with opened(FakeEngine(clock), clock=clock, specs=[PLAIN]) as panel:
            await panel.ends(self.ask(panel))
            await settle()
            assert (await slept(panel)).in_flight.ours == {}


class TestWords:
    @pytest.mark.parametrize(
        ("flight", "mode", "words"),
        [
            (InFlight(running=None, waiting=0), SleepMode.WAIT, ""),
            (InFlight(running=0, waiting=0), SleepMode.WAIT, ""),
            (
                InFlight(running=1, waiting=0, finished={"abort": 1}),
                SleepMode.ABORT,
                "of 1 in flight 1 was aborted",
            ),
            (
                InFlight(running=1, waiting=1, finished={"length": 1}),
                SleepMode.WAIT,
                "of 2 in flight 1 completed, 1 waits for the wake",
            ),
            (
                InFlight(running=1, waiting=0, finished={"stop": 2, "error": 1}),
                SleepMode.WAIT,
                "1 was in flight, since then 2 completed, 1 ended otherwise",
            ),
            (InFlight(running=3, waiting=0), SleepMode.ABORT, "3 were in flight"),
        ],
    )
    def test_of_a_message(self, flight, mode, words):
        assert fate_words(flight, mode) == words

    def test_only_rises_count(self):
        before = metrics(running=2, requests_total={"stop": 5.0, "abort": 1.0})
        after = metrics(requests_total={"stop": 7.0, "abort": 1.0, "length": 2.0})
        flight = counted(before, after)
        assert flight.finished == {"stop": 2, "length": 2}
        assert is_settled(flight)
        assert not is_settled(InFlight(running=3, waiting=0, finished={"stop": 1}))
        assert counted(None, after).finished == {}

    def test_of_lines(self):
        flight = InFlight(
            running=1, waiting=0, finished={"stop": 1}, ours={Fate.COMPLETED: 1, Fate.FROZEN: 2}
        )
        assert request_lines(flight, SleepMode.WAIT, is_counted=True) == (
            "requests: 1 running and 0 waiting before it",
            "request_success_total: 1 stop since then",
            "requests of ours: 1 completed, 2 frozen",
        )


class TestKnown:
    def weight(self, used, held=None, **fields):
        return Weight(gpus=frozenset({0, 1}), used_bytes=used, held_bytes=held, **fields)

    def test_memory_that_cannot_be_read(self):
        (line,) = memory_lines(self.weight(None), self.weight(None))
        assert line.startswith("GPU memory: not measured")

    def test_memory_of_two_gpus_whose_processes_are_hidden(self):
        after = self.weight(mib(4), settling_s=10.0, is_settled=False)
        assert memory_lines(self.weight(mib(44)), after) == (
            "GPU memory of GPUs 0, 1: 44.0 GiB before, 4.0 GiB after, not settled after 10.0 s",
            "held by its processes: not visible",
        )

    def test_host_memory_may_come_back(self):
        assert host_line(None) == ""
        assert host_line(4096) == "host memory: as much available on the machine as before"
        assert host_line(-mib(2)).startswith("host memory: 2.0 GiB more available")

    def test_the_level_is_not_always_told(self):
        look = seen(1.0, sleeping=True, metrics=None)
        assert level_line(server(), look, 1).endswith("its metrics could not be read")
        untold = replace(look, metrics=replace(metrics(), sleep_metric=None))
        assert level_line(server(), untold, 1).endswith("engine_sleep_state is not in its metrics")
        old = server(facts=facts("0.10.0"))
        assert level_line(old, untold, 1).endswith("this version has no engine_sleep_state")

    def test_state_lines_say_when(self):
        lines = state_lines(seen(1.0, sleeping=True), confirmed_s=0.012)
        assert lines == (
            "/is_sleeping: true",
            "/is_paused: true",
            "engine_sleep_state: weights_offloaded",
            "confirmed 12 ms after the answer",
        )
