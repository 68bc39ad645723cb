"""The look at everything, without a panel: what it waits for, and for how long."""

import asyncio

from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.errors import BadReply, ProcessError
from sleeptui.core.events import Discovered
from sleeptui.core.model import Reach
from sleeptui.core.settings import Settings
from sleeptui.services import doctor
from sleeptui.services.doctor_finding import Status
from sleeptui.services.doctor_survey import Survey


async def surveyed(panel, limit_s=15.0):
    """The survey, whether it saw all, and what it waited for in turn."""
    survey, said = Survey(panel.services), []
    work = asyncio.ensure_future(survey.take(limit_s, said.append))
    await panel.clock.until(work.done, limit_s=limit_s + 5)
    return survey, work.result(), said


async def test_it_ends_when_everything_was_looked_at(clock):
    engines = FakeEngine(clock, "a"), FakeEngine(clock, "b")
    async with opened(*engines, clock=clock, begin=False) as panel:
        survey, complete, said = await surveyed(panel)
        assert complete
        assert survey.missing == ()
        assert all(said), "it says what it waits for, as long as there is something"
        scene = doctor.scene_of(panel.services, {"KEY": "x"})
        assert [view.name for view in scene.fleet.servers] == ["a", "b"]
        assert all(view.facts.version and view.home for view in scene.fleet.servers)
        assert scene.fleet.gpus
        assert scene.environment == {"KEY": "x"}


async def test_a_server_that_is_down_is_not_waited_for(clock):
    gone = FakeEngine(clock, "gone", reach=Reach.REFUSED)
    async with opened(FakeEngine(clock, "a"), gone, clock=clock, begin=False) as panel:
        _survey, complete, _said = await surveyed(panel)
        assert complete
        assert doctor.unreachable(doctor.examine(doctor.scene_of(panel.services, {}))) == ()
        assert panel.view("gone").home is not None, "its process is there: it may be starting"


async def test_a_server_that_hangs_is_waited_for_to_the_end(clock):
    hung = FakeEngine(clock, "hung", reach=Reach.TIMED_OUT)
    async with opened(FakeEngine(clock, "a"), hung, clock=clock, begin=False) as panel:
        began_s = clock.now_s()
        survey, complete, said = await surveyed(panel, limit_s=4.0)
        assert not complete
        assert survey.missing == ("hung",)
        assert said[-1] == ("hung",)
        assert clock.now_s() - began_s >= 4.0


async def test_facts_that_cannot_be_read_are_not_waited_for(clock):
    engine = FakeEngine(clock, "a")
    engine.faults["facts"] = [BadReply("a: half a JSON", server="a")] * 99
    async with opened(engine, clock=clock, begin=False) as panel:
        _survey, complete, _said = await surveyed(panel)
        assert complete
        found = {one.id: one for one in doctor.examine(doctor.scene_of(panel.services, {}))}
        assert found["version"].status is Status.UNKNOWN


async def test_no_sight_of_processes_is_a_finding_with_its_hint(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock, begin=False) as panel:
        panel.homes.error = ProcessError("/proc cannot be read", hint="Run it as root.")
        _survey, complete, _said = await surveyed(panel)
        assert complete
        found = {one.id: one for one in doctor.examine(doctor.scene_of(panel.services, {}))}
        assert found["containers.0"].what == "/proc cannot be read"
        assert found["containers.0"].next == "run it as root"
        assert found["processes"].status is Status.WARN


async def test_nothing_is_heard_of_after_it(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock, begin=False) as panel:
        survey, _complete, _said = await surveyed(panel)
        panel.engine("a").reach = Reach.REFUSED
        before = len(panel.events)
        await panel.until(lambda: len(panel.events) > before)
        assert survey.missing == ()


async def test_a_simulated_fleet_that_does_not_come_up_is_not_waited_for(clock):
    async with opened(clock=clock, begin=False, settings=Settings()) as panel:
        panel.services.settings = Settings(demo="default")
        survey = Survey(panel.services)
        assert survey.missing == ("the servers",)
        survey._heard(Discovered(at_s=0.0, notes=("it did not start",)))
        assert survey.missing == ()


async def test_what_earlier_runs_have_learnt_is_waited_for(clock):
    async with opened(FakeEngine(clock, "a"), clock=clock, begin=False) as panel:
        asked = []

        async def recalled():
            asked.append(panel.view("a").facts.version)

        panel.services.recalled = recalled
        _survey, complete, _said = await surveyed(panel)
        assert complete
        assert asked == ["0.32.0"]


async def surveyed_for(panel, *needed, limit_s=30.0):
    """The survey of a command on these servers, and how long it took."""
    survey, began_s = Survey(panel.services, needed), panel.clock.now_s()
    work = asyncio.ensure_future(survey.take(limit_s, lambda _: None))
    await panel.clock.until(work.done, limit_s=limit_s + 5)
    return survey, work.result(), panel.clock.now_s() - began_s


async def test_a_server_that_hangs_does_not_hold_up_a_command_on_another(clock):
    hung = FakeEngine(clock, "hung", reach=Reach.TIMED_OUT)
    async with opened(FakeEngine(clock, "a"), hung, clock=clock, begin=False) as panel:
        survey, complete, took_s = await surveyed_for(panel, "a")
        assert complete
        assert survey.missing == ()
        assert took_s < Settings().sampling.stale_after_s
        assert panel.view("a").facts.version
        assert panel.view("hung").seen_at_s is None


async def test_a_needed_server_that_hangs_is_given_up_when_it_would_be_stale(clock):
    hung = FakeEngine(clock, "hung", reach=Reach.TIMED_OUT)
    async with opened(FakeEngine(clock, "a"), hung, clock=clock, begin=False) as panel:
        _survey, complete, took_s = await surveyed_for(panel, "hung")
        assert complete
        stale_s = Settings().sampling.stale_after_s
        assert stale_s <= took_s < 2 * stale_s


async def test_the_version_of_a_server_that_is_not_needed_is_not_waited_for(clock):
    slow = FakeEngine(clock, "slow")
    slow.faults["facts"] = [BadReply("slow: half a JSON", server="slow")] * 99
    async with opened(FakeEngine(clock, "a"), slow, clock=clock, begin=False) as panel:
        _survey, complete, _took_s = await surveyed_for(panel)
        assert complete, "one look at each is enough where none is needed"
