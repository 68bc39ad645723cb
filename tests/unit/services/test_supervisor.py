import itertools

import pytest
from support.builders import seen, verification
from support.clock import settle
from support.fakes import FakeEngine, broken
from support.panel import opened

from sleeptui.core.canary import Check
from sleeptui.core.errors import ProcessError, Refused
from sleeptui.core.events import (
    FactsLearned,
    HomeFound,
    Noted,
    ServerAdded,
    ServerRemoved,
    Verified,
)
from sleeptui.core.home import Home
from sleeptui.core.model import Reach, State
from sleeptui.core.settings import ServerSpec
from sleeptui.services.supervisor import LONGEST_INTERVAL_S, SHORTEST_INTERVAL_S


def of(panel, kind):
    return [event for event in panel.events if isinstance(event, kind)]


def times(engine):
    return [at_s for at_s, _ in engine.looks]


async def test_an_awake_server_is_looked_at_in_full_at_every_tick(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        engine = panel.engine("qwen")
        engine.looks.clear()
        await clock.advance(2.0)
        assert len(engine.looks) == 4
        assert all(full for _, full in engine.looks)


async def test_a_sleeping_server_is_looked_at_in_full_every_fourth_tick(clock):
    async with opened(FakeEngine(clock, level=1, awake_tags=set()), clock=clock) as panel:
        engine = panel.engine("qwen")
        await clock.advance(1.0)
        assert panel.view("qwen").state is State.ASLEEP
        engine.looks.clear()
        await clock.advance(4.0)
        assert [full for _, full in engine.looks].count(True) == 2
        assert len(engine.looks) == 8
        # The short looks keep what the full one read: the level does not flicker.
        assert panel.view("qwen").state is State.ASLEEP
        assert panel.view("qwen").level == 1


async def test_a_sleeper_that_somebody_else_wakes_is_looked_at_in_full_at_once(clock):
    async with opened(FakeEngine(clock, level=1, awake_tags=set()), clock=clock) as panel:
        engine = panel.engine("qwen")
        await clock.advance(2.0)
        engine.awake_tags = {"weights", "kv_cache"}
        await clock.until(lambda: panel.view("qwen").state is State.AWAKE)
        engine.looks.clear()
        await clock.advance(0.5)
        assert engine.looks[0][1]


async def test_what_answers_again_is_looked_at_in_full_before_anything_is_said_of_it(clock):
    engine = FakeEngine(clock)
    async with opened(engine, clock=clock) as panel:
        panel.services.bus.publish(
            Verified(at_s=clock.now_s(), server=engine.name, verification=verification())
        )
        assert panel.view("qwen").check is Check.VERIFIED
        panel.homes.found.clear()
        await clock.advance(6.0)
        engine.reach = Reach.REFUSED
        await clock.until(lambda: panel.view("qwen").state is State.DOWN)
        await clock.advance(3.0)
        shown = []

        def follow(_event):
            view = panel.view("qwen")
            shown.append((view.state, view.check))

        panel.services.bus.subscribe(follow)
        engine.reach, engine.started_s = Reach.ANSWERED, engine.started_s + 100.0
        await clock.until(lambda: panel.view("qwen").state is State.AWAKE)
        await clock.advance(1.0)
        assert (State.AWAKE, Check.UNVERIFIED) in shown
        assert (State.AWAKE, Check.VERIFIED) not in shown


async def test_a_late_look_skips_ticks_and_never_piles_up(clock):
    async with opened(FakeEngine(clock, look_takes_s=1.2), clock=clock) as panel:
        engine = panel.engine("qwen")
        engine.looks.clear()
        await clock.advance(6.0)
        gaps = [b - a for a, b in zip(times(engine), times(engine)[1:], strict=False)]
        assert all(gap == pytest.approx(1.5) for gap in gaps)


async def test_many_servers_are_spread_over_the_interval(clock):
    engines = [FakeEngine(clock, name=f"m{number}") for number in range(16)]
    async with opened(*engines, clock=clock):
        for engine in engines:
            engine.looks.clear()
        began_s = clock.now_s()
        await clock.advance(0.5)
        offsets = sorted((times(engine)[0] - began_s) for engine in engines)
        assert max(b - a for a, b in itertools.pairwise(offsets)) < 0.5 / 16 * 2.7
        assert all(len(engine.looks) == 1 for engine in engines)


async def test_a_server_that_is_down_is_looked_at_less_often(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        engine = panel.engine("qwen")
        panel.homes.found.clear()
        await clock.advance(5.0)
        engine.reach = Reach.REFUSED
        await clock.until(lambda: panel.view("qwen").state is State.DOWN)
        await clock.advance(10.0)
        engine.looks.clear()
        await clock.advance(10.0)
        assert len(engine.looks) == 5


async def test_the_interval_changes_live_and_stays_in_its_bounds(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        supervisor, engine = panel.services.supervisor, panel.engine("qwen")
        supervisor.set_interval(100.0)
        assert supervisor.interval_s == LONGEST_INTERVAL_S
        await clock.advance(11.0)
        supervisor.set_interval(0.0)
        assert supervisor.interval_s == SHORTEST_INTERVAL_S
        engine.looks.clear()
        await clock.advance(1.0)
        assert len(engine.looks) >= 9


async def test_facts_are_read_at_first_and_after_a_restart(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        engine = panel.engine("qwen")
        await clock.advance(2.0)
        assert len(of(panel, FactsLearned)) == 1
        engine.started_s += 100.0
        engine.version = "0.33.0"
        await clock.advance(1.0)
        assert panel.view("qwen").facts.version == "0.33.0"
        engine.reach = Reach.REFUSED
        await clock.advance(5.0)
        engine.reach = Reach.ANSWERED
        await clock.advance(3.0)
        assert len(of(panel, FactsLearned)) == 3


async def test_facts_that_cannot_be_read_are_tried_again_ever_later_and_told_once(clock):
    engine = FakeEngine(clock)
    async with opened(clock=clock, specs=()) as panel:
        panel.engines.engines["qwen"] = engine
        refused = Refused("401 Unauthorized", server="qwen", status=401, hint="set api_key_env")
        engine.faults["facts"] = [refused] * 4
        panel.services.supervisor.add(ServerSpec(name="qwen", url="http://127.0.0.1:1"))
        await clock.advance(17.0)
        assert len(engine.faults["facts"]) == 0
        assert of(panel, FactsLearned) == []
        await clock.advance(2.0)
        assert len(of(panel, FactsLearned)) == 1
        notes = [note.text for note in of(panel, Noted)]
        assert notes == ["its version and models cannot be read: 401 Unauthorized. Set api_key_env"]


async def test_a_start_time_that_flaps_does_not_ask_for_the_facts_at_each_look(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        engine = panel.engine("qwen")
        for _ in range(40):
            engine.started_s += 1.0
            await clock.advance(0.5)
        assert 5 <= len(of(panel, FactsLearned)) <= 11


async def test_a_restart_ends_the_pause_before_the_facts_are_read_again(clock):
    engine = FakeEngine(clock, faults={"facts": [broken() for _ in range(6)]})
    async with opened(engine, clock=clock, begin=False) as panel:
        panel.services.begin()
        await clock.advance(60.0)
        assert panel.view("qwen").facts.models == ()
        engine.reach = Reach.REFUSED
        await clock.advance(3.0)
        engine.reach, engine.started_s, engine.faults = Reach.ANSWERED, 2_000.0, {}
        await clock.advance(3.0)
        assert panel.view("qwen").facts.models == ("qwen",)


async def test_homes_are_found_soon_after_a_server_is_added_and_published_on_change(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        assert panel.view("qwen").home is not None
        await clock.advance(20.0)
        assert len(of(panel, HomeFound)) == 1
        panel.homes.found["qwen"] = Home(container="vllm-a", container_state="running")
        await clock.advance(5.0)
        assert panel.view("qwen").home == panel.homes.found["qwen"]
        panel.homes.found.clear()
        await clock.advance(5.0)
        assert panel.view("qwen").home is None


async def test_homes_that_cannot_be_looked_for_are_told_once(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        panel.homes.error = ProcessError("processes cannot be read", hint="run as root")
        await clock.advance(20.0)
        assert [note.text for note in of(panel, Noted)] == [
            "where the servers run cannot be seen: processes cannot be read. Run as root"
        ]
        panel.homes.error = None
        await clock.advance(5.0)
        panel.homes.error = ProcessError("processes cannot be read")
        await clock.advance(5.0)
        assert len(of(panel, Noted)) == 2


async def test_why_a_server_was_not_found_is_told_once(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        panel.homes.unseen = ["Docker is not running: there is no /var/run/docker.sock"]
        await clock.advance(20.0)
        assert of(panel, Noted) == []  # all that is watched was found
        panel.homes.found.clear()
        await clock.advance(20.0)
        assert [note.text for note in of(panel, Noted)] == panel.homes.unseen


async def test_servers_are_added_and_removed_live(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        supervisor = panel.services.supervisor
        other = FakeEngine(clock, name="other")
        panel.engines.engines["other"] = other
        supervisor.add(ServerSpec(name="other", url="http://127.0.0.1:9"))
        with pytest.raises(RuntimeError):
            supervisor.add(ServerSpec(name="other", url="http://127.0.0.1:9"))
        await clock.advance(2.0)
        assert panel.view("other").state is State.AWAKE
        await supervisor.remove("other")
        assert other.closed
        assert supervisor.specs == (panel.view("qwen").spec,)
        other.looks.clear()
        await clock.advance(2.0)
        assert other.looks == []
        assert [event.spec.name for event in of(panel, ServerAdded)] == ["qwen", "other"]
        assert [event.server for event in of(panel, ServerRemoved)] == ["other"]


async def test_a_server_cannot_be_added_before_the_begin(clock):
    async with opened(FakeEngine(clock), clock=clock, begin=False) as panel:
        with pytest.raises(RuntimeError):
            panel.services.supervisor.add(ServerSpec(name="qwen", url="http://x"))


async def test_looks_never_overlap(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        engine = panel.engine("qwen")
        at_once, most = 0, 0

        async def observe(*, full):
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await clock.sleep(0.7)
            at_once -= 1
            return seen(clock.now_s())

        engine.observe = observe
        for _ in range(4):
            await clock.advance(0.6)
            panel.services.supervisor._group.create_task(panel.services.supervisor.look("qwen"))
            await settle()
        await clock.advance(5.0)
        assert most == 1


async def test_everything_is_closed_at_the_end(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        pass
    assert panel.engine("qwen").closed
    assert panel.gpus.closed
    assert panel.homes.closed
