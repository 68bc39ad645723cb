import itertools
from contextlib import asynccontextmanager

import pytest
from support.builders import facts
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.errors import BadReply, ProcessError, Refused, TimedOut, Unreachable
from sleeptui.core.events import Discovered, ServerAdded
from sleeptui.core.home import Home
from sleeptui.core.model import State
from sleeptui.core.ports import Candidate
from sleeptui.services.discovery import LONGEST_RETRY_S, address


def candidate(url="http://127.0.0.1:8000", **fields):
    return Candidate(**{"name": "found", "url": url, "origin": f"port of {url}", **fields})


@asynccontextmanager
async def looking(clock, *candidates, engines=None):
    """Services with nothing configured; ``engines`` by URL."""
    async with opened(clock=clock, specs=(), begin=False) as panel:
        panel.homes.listed.extend(candidates)
        panel.engines.by_url.update(engines or {})
        yield panel


async def begun(panel):
    panel.services.begin()
    await panel.clock.until(lambda: not panel.services.store.view.looking)


def notes(panel):
    return panel.services.store.view.notes


def names(panel):
    return [event.spec.name for event in panel.events if isinstance(event, ServerAdded)]


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://localhost:8000/", "127.0.0.1:8000"),
        ("http://0.0.0.0:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "127.0.0.1:8000"),
        ("http://gpu1", "gpu1:80"),
        ("https://gpu1", "gpu1:443"),
    ],
)
def test_the_names_of_this_machine_are_one_address(url, same):
    assert address(url) == same


async def test_a_configured_fleet_is_added_as_it_is_and_nobody_looks_around(clock):
    async with opened(FakeEngine(clock, name="b"), FakeEngine(clock, name="a"), clock=clock) as it:
        it.homes.listed.append(candidate())
        await clock.advance(20.0)
        assert names(it) == ["b", "a"]
        assert [event.notes for event in it.events if isinstance(event, Discovered)] == [()]


async def test_what_answers_like_vllm_is_added_by_its_served_name(clock):
    url = "http://127.0.0.1:8001/"
    found = candidate(url, name="vllm-a", container="vllm-a", origin="container vllm-a")
    engine = FakeEngine(clock, server_facts=facts(models=("qwen3", "alias")))
    async with looking(clock, found, engines={url.rstrip("/"): engine}) as panel:
        await begun(panel)
        (spec,) = panel.services.supervisor.specs
        assert (spec.name, spec.url, spec.container) == ("qwen3", url.rstrip("/"), "vllm-a")
        assert notes(panel) == (f"container vllm-a at {url}: qwen3",)
        await clock.advance(30.0)
        assert names(panel) == ["qwen3"]


async def test_names_are_made_unique_by_the_port(clock):
    urls = [f"http://127.0.0.1:{port}" for port in (8001, 8002)]
    engines = {url: FakeEngine(clock, server_facts=facts(models=("qwen",))) for url in urls}
    async with looking(clock, *map(candidate, urls), engines=engines) as panel:
        await begun(panel)
        assert sorted(names(panel)) in (["qwen", "qwen-8001"], ["qwen", "qwen-8002"])


async def test_names_stay_unique_when_the_port_is_taken_too(clock):
    urls = [f"http://{host}:8001" for host in ("127.0.0.1", "gpu1", "gpu2")]
    engines = {url: FakeEngine(clock, server_facts=facts(models=("qwen",))) for url in urls}
    async with looking(clock, *map(candidate, urls), engines=engines) as panel:
        await begun(panel)
        assert sorted(names(panel)) == ["qwen", "qwen-8001", "qwen-8001-2"]


async def test_a_name_with_escape_sequences_is_cleaned(clock):
    url = "http://127.0.0.1:8001"
    engine = FakeEngine(clock, server_facts=facts(models=("\x1b[31mred\x07 model\n",)))
    async with looking(clock, candidate(url), engines={url: engine}) as panel:
        await begun(panel)
        assert names(panel) == ["red model"]


async def test_one_server_found_twice_is_one(clock):
    url, again = "http://127.0.0.1:8001", "http://localhost:8001"
    engine = FakeEngine(clock)
    both = candidate(url, origin="process 7"), candidate(again, origin="port 8001")
    async with looking(clock, *both, engines={url: engine, again: engine}) as panel:
        await begun(panel)
        assert names(panel) == ["qwen"]
        assert notes(panel) == (f"process 7 at {url}: qwen",)


async def test_each_thing_that_is_not_added_is_told_with_its_reason(clock):
    html, keyed, slow = (f"http://127.0.0.1:{port}" for port in (8001, 8002, 8003))
    engines = {url: FakeEngine(clock, name=url) for url in (html, keyed, slow)}
    engines[html].faults["facts"] = [BadReply("it answers HTML", server="x", hint="not vLLM?")]
    engines[keyed].faults["facts"] = [
        Refused("it wants a key", server="x", status=401, hint="set api_key_env")
    ]
    engines[slow].faults["facts"] = [TimedOut("no answer in 2 s", server="x")]
    no_port = candidate(None, origin="container hidden")
    broken = candidate(origin="container old", problem="it is exited")
    found = [candidate(html), candidate(keyed), candidate(slow), no_port, broken]
    async with looking(clock, *found, engines=engines) as panel:
        panel.homes.unseen = ["Docker cannot be reached: permission denied"]
        await begun(panel)
        assert set(notes(panel)) == {
            "Docker cannot be reached: permission denied",
            "container hidden: it has no port that can be reached from here",
            "container old: it is exited",
            f"port of {html} at {html}: it answers HTML. Not vLLM?",
            f"port of {keyed} at {keyed}: it wants a key. Set api_key_env",
            f"port of {slow} at {slow}: no answer in 2 s; it is asked again",
        }
        await clock.advance(5.0)
        assert sorted(names(panel)) == sorted((html, keyed, slow))


async def test_another_service_is_asked_ever_more_rarely(clock):
    url = "http://127.0.0.1:8001"
    engine = FakeEngine(clock)
    asked = []

    async def facts_of_another():
        asked.append(clock.now_s())
        raise BadReply("it answers HTML", server="x")

    engine.facts = facts_of_another
    async with looking(clock, candidate(url), engines={url: engine}) as panel:
        await begun(panel)
        await clock.advance(300.0)
        gaps = [b - a for a, b in itertools.pairwise(asked)]
        assert gaps[0] == pytest.approx(5.0)
        assert gaps == sorted(gaps)
        assert gaps[-1] == pytest.approx(LONGEST_RETRY_S)


async def test_a_container_that_does_not_listen_yet_is_a_server_that_starts(clock):
    url = "http://127.0.0.1:8001"
    engine = FakeEngine(clock, name="vllm-a")
    engine.faults["facts"] = [Unreachable("nothing listens", server="x")]
    found = candidate(url, name="vllm-a", container="vllm-a", origin="container vllm-a")
    async with looking(clock, found, engines={url: engine}) as panel:
        await begun(panel)
        assert names(panel) == ["vllm-a"]
    other = candidate(url, origin="port 8001")
    engine.faults["facts"] = [Unreachable("nothing listens", server="x")]
    async with looking(type(clock)(), other, engines={url: engine}) as panel:
        await begun(panel)
        assert names(panel) == []


async def test_a_look_around_that_fails_is_told_and_made_again(clock):
    url = "http://127.0.0.1:8001"
    async with looking(clock, candidate(url), engines={url: FakeEngine(clock)}) as panel:
        panel.homes.error = ProcessError("processes cannot be read", hint="run it as root")
        await begun(panel)
        assert notes(panel) == ("processes cannot be read. Run it as root",)
        panel.homes.error = None
        await clock.advance(5.0)
        assert names(panel) == ["qwen"]


async def test_a_server_that_vanishes_stays_listed_as_down(clock):
    url = "http://127.0.0.1:8001"
    engine = FakeEngine(clock)
    async with looking(clock, candidate(url), engines={url: engine}) as panel:
        await begun(panel)
        panel.homes.found["qwen"] = Home(container="a", container_state="exited")
        panel.homes.listed.clear()
        engine.reach = engine.reach.REFUSED
        await clock.advance(20.0)
        assert panel.view("qwen").state is State.DOWN
        assert names(panel) == ["qwen"]


async def test_equal_notes_are_published_once(clock):
    async with looking(clock, candidate(None, origin="container hidden")) as panel:
        await begun(panel)
        await clock.advance(30.0)
        assert len([event for event in panel.events if isinstance(event, Discovered)]) == 1
