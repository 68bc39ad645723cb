"""Switches that go well and wrong: what is said, who is awake then, who was not disturbed.

On the subject's GPU there is room for it or for its rival. Both were awake before, one after the
other, and have a reference; now the rival is.
"""

from dataclasses import replace

import pytest
from proof.rig import Rig
from proof.rows import SUBJECT, Row, Step, off, on, run, sleep, switch, told, wake

from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.sim.faults import Fault
from sleeptui.sim.spec import EngineSpec, Start

RIVAL = "rival"
LARGE = {"gpu_memory_utilization": 0.8, "version": "0.32.0"}
RIVALS = (
    EngineSpec(
        name=RIVAL,
        root="acme/rival-7b",
        params_b=7.0,
        gpu_memory_utilization=0.8,
        version="0.32.0",
        slept_before=True,
        start=Start.LEVEL_1,
    ),
)


async def turns(rig: Rig) -> None:
    """How it begins."""
    operations = rig.services.operations
    await rig.do(operations.verify(SUBJECT))
    await sleep()(rig)
    await rig.do(operations.wake(RIVAL))
    await rig.do(operations.verify(RIVAL))
    await rig.until_state(RIVAL, State.AWAKE)


def rival(state: State, check: str | None = None) -> Step:
    """The rival is shown so."""

    async def step(rig: Rig) -> None:
        await rig.until_state(RIVAL, state)
        assert check in (None, rig.json(RIVAL)["check"]), rig.says(RIVAL)

    return step


def took(*names: str) -> Step:
    """The parts of the switch, each with its time; together they are no longer than the whole."""

    async def step(rig: Rig) -> None:
        records = rig.json(SUBJECT)["last_operations"]
        (newest, *_) = (one for one in records if one["kind"] == "switch")
        found = {part["name"]: part["duration_s"] for part in newest["parts"]}
        assert tuple(found) == (*names, "total")
        assert sum(found[name] for name in names) <= found["total"]

    return step


async def nothing_was_sent(rig: Rig) -> None:
    """The subject was not asked to wake."""
    assert not any("wake_up" in line for line in await rig.server_log(SUBJECT))


async def rival_restarted(rig: Rig) -> None:
    """Somebody restarts it."""
    await rig.clear(RIVAL)
    await rig.fault(RIVAL, Fault.REFUSE)
    await rig.until_state(RIVAL, State.DOWN)
    await rig.fault(RIVAL, Fault.RESTART, seconds=3.0)
    await rig.clear(RIVAL, Fault.REFUSE)
    await rig.until_state(RIVAL, State.AWAKE)


async def rival_streams(rig: Rig) -> None:
    """Somebody is being answered by the rival."""
    mine = [rig.stream(RIVAL, 300) for _ in range(2)]
    await rig.until(lambda: all(one.tokens for one in mine), "streams run")


async def all_were_answered(rig: Rig) -> None:
    """The switch has waited for them."""
    assert {one.finish for one in rig.streams_of(RIVAL)} == {"length"}


ROWS = (
    Row(
        name="it goes well: one sleeps, the other is awake and verified",
        make=(turns, switch, rival(State.ASLEEP), took("sleep rival", "wake subject")),
        state=State.AWAKE,
        badge="AWAKE ✓",
        says=("put rival to sleep",),
        json={"check": "verified", "matches": True},
        record=(Kind.SWITCH, Outcome.DONE, None),
    ),
    Row(
        name="a busy rival is drained first",
        make=(turns, rival_streams, switch, all_were_answered, rival(State.ASLEEP)),
        state=State.AWAKE,
        badge="AWAKE ✓",
        record=(Kind.SWITCH, Outcome.DONE, None),
    ),
    Row(
        name="its wake runs out of memory: the rival is brought back",
        make=(
            *(turns, on(Fault.OOM), switch, rival(State.AWAKE, "verified")),
            took("sleep rival", "wake subject", "wake rival"),
        ),
        state=State.PARTIAL,
        badge="PARTIAL",
        says=("out of memory", "rival is awake again"),
        record=(Kind.SWITCH, Outcome.FAILED, Cause.OUT_OF_MEMORY),
        mend=(off(), switch, rival(State.ASLEEP)),
        then={"check": "verified"},
        never=(State.WEDGED,),
    ),
    Row(
        name="its answers are garbage then: the rival sleeps on, and it is said how to go back",
        make=(turns, on(Fault.GARBAGE), switch, rival(State.ASLEEP)),
        state=State.SUSPECT,
        badge="SUSPECT ✗",
        says=("its answers are garbage", "rival sleeps on, x goes back"),
        json={"check": "changed", "grade": "garbage"},
        record=(Kind.SWITCH, Outcome.SUSPECT, Cause.GARBAGE),
        mend=(off(), wake()),
        then={"check": "verified"},
    ),
    Row(
        name="the rival's sleep frees nothing: it is woken again, nothing is sent to the subject",
        make=(
            *(turns, on(Fault.KEEPS_MEMORY, RIVAL), switch, rival(State.AWAKE, "verified")),
            nothing_was_sent,
        ),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        says=("said asleep, freed 0", "rival is awake again"),
        record=(Kind.SWITCH, Outcome.FAILED, Cause.NOTHING_FREED),
        mend=(off(server=RIVAL), switch, rival(State.ASLEEP)),
        then={"check": "verified"},
    ),
    Row(
        name="the rival's sleep fails inside its engine: nothing is sent to the subject",
        make=(
            *(turns, on(Fault.WEDGE, RIVAL), switch, rival(State.WEDGED)),
            nothing_was_sent,
        ),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        says=("invalid argument", "restart it"),
        record=(Kind.SWITCH, Outcome.FAILED, Cause.WEDGED),
        mend=(rival_restarted, switch, rival(State.ASLEEP), told("check", "verified")),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_switch(row: Row) -> None:
    await run(replace(row, engine=LARGE, rivals=RIVALS))
