"""Simulated servers that are real processes, and real containers, are started, take turns, end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import exp1

from sleeptui.core.cold import ColdKind
from sleeptui.core.errors import NoRoom
from sleeptui.core.operation import Outcome
from sleeptui.core.units import GIB
from sleeptui.sim.bank import Bank


@pytest.fixture(scope="module")
def engine_host():
    from support.docker_engine import running_engine

    with running_engine() as host:
        yield host


@pytest.fixture(params=["processes", pytest.param("containers", marks=pytest.mark.docker)])
async def fleet(request, tmp_path: Path) -> AsyncIterator[exp1.Watched]:
    if request.param == "processes":
        async with exp1.watched(tmp_path, exp1.processes(tmp_path)) as found:
            yield found
        return
    from support.docker_engine import Containers

    engine = Containers(request.getfixturevalue("engine_host"))
    try:
        specs = exp1.containers(tmp_path, engine)
        async with exp1.watched(tmp_path, specs, engine) as found:
            yield found
    finally:
        engine.close()


async def test_they_take_turns_on_one_gpu(fleet, tmp_path):
    bank = Bank(tmp_path / "bank")
    first = await fleet.ended(fleet.operations.start("summarize"))
    assert first.outcome is Outcome.DONE, first.message
    assert first.first_token_s is not None
    assert first.first_token_s > first.duration_s > 120 / exp1.SPEED / 2
    assert first.cold is not None
    assert first.cold.phases["weights_s"] > 0
    assert first.cold.phases["engine_s"] > 1
    await fleet.until(lambda: fleet.view("summarize").memory)
    held = fleet.view("summarize").memory
    assert held.total_bytes == bank.entries()[0].held[0] > 80 * GIB

    slept = await fleet.ended(fleet.operations.sleep("summarize"))
    assert slept.outcome is Outcome.DONE, slept.message
    assert slept.freed_bytes > 80 * GIB

    second = await fleet.ended(fleet.operations.start("code"))
    assert second.outcome is Outcome.DONE, second.message
    with pytest.raises(NoRoom):
        fleet.operations.wake("summarize")

    assert (await fleet.ended(fleet.operations.sleep("code"))).outcome is Outcome.DONE
    woken = await fleet.ended(fleet.operations.wake("summarize"))
    if woken.is_disturbed:
        await fleet.ended(fleet.operations.sleep("summarize"))
        woken = await fleet.ended(fleet.operations.wake("summarize"))
    assert woken.outcome is Outcome.DONE, woken.message
    assert woken.verification is not None
    assert woken.verification.verdict.matches
    assert woken.first_token_s < first.first_token_s / 4

    for name in exp1.NAMES:
        stopped = await fleet.ended(fleet.operations.stop(name))
        assert stopped.outcome is Outcome.DONE, stopped.message
    assert bank.entries() == []


async def test_a_start_from_the_page_cache_is_proven(fleet):
    first = await fleet.ended(fleet.operations.start("code"))
    assert first.outcome is Outcome.DONE, first.message
    await fleet.ended(fleet.operations.stop("code"))
    again = await fleet.ended(fleet.operations.start("code", cold=ColdKind.CACHED))
    assert again.outcome is Outcome.DONE, again.message
    assert again.cold.asked is ColdKind.CACHED
    if again.cold.kind is ColdKind.UNKNOWN:
        pytest.skip(f"the page cache cannot be asked here: {again.cold.proof}")
    assert again.cold.kind is ColdKind.CACHED, again.cold.proof
