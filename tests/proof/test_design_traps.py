"""The traps that were measured on real servers: where a status code is not a state.

Each row of the design's table of what was seen on an H200 with vLLM 0.25.1, made on the simulated
fleet. The fault matrix has those of its rows that are faults of the simulation by name.
"""

from dataclasses import replace
from typing import Any

import pytest
from proof.rig import QUICK, SETTINGS, Rig
from proof.rows import (
    SLOW,
    SUBJECT,
    Row,
    Step,
    cycles,
    off,
    on,
    outside,
    outside_answers,
    restarted,
    run,
    shown,
    sleep,
    streams,
    told,
    truth_is_garbage,
    verify,
    wake,
)

from sleeptui.core.errors import NoRoom
from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.units import GIB
from sleeptui.sim.faults import Fault

FULL = 140 * GIB
"""More than a card has: another process takes all that is left of it."""
CEILING = replace(SETTINGS, thresholds=replace(SETTINGS.thresholds, residual_bytes=2 * GIB))


def occupied(other_bytes: int) -> Step:
    """Another process takes memory of GPU 0, as far as there is room, and the panel sees it."""

    async def step(rig: Rig) -> None:
        await rig.occupy(0, other_bytes)
        await rig.until(lambda: _free(rig) < GIB if other_bytes else _free(rig) > GIB)

    return step


def _free(rig: Rig) -> int:
    return rig.services.store.view.gpus[0].sample.free_bytes


async def refused_for_room(rig: Rig) -> None:
    """The fit check says no, and nothing is sent."""
    with pytest.raises(NoRoom) as refused:
        rig.services.operations.wake(SUBJECT)
    assert "missing" in str(refused.value)
    assert "GPU 0" in str(refused.value)
    assert not any("wake_up" in line for line in await rig.server_log(SUBJECT))


async def prompts_hang(rig: Rig) -> None:
    """A prompt is taken, and nothing comes; /health says 200 all the time."""
    stream = rig.stream(SUBJECT)
    await rig.look(SUBJECT)
    assert stream.tokens == 0
    assert (await rig.get(SUBJECT, "/health")) == 200


def parked(count: int) -> Step:
    """Prompts of somebody else reach a sleeping server; each waits there."""

    async def step(rig: Rig) -> None:
        for _ in range(count):
            rig.stream(SUBJECT)

    return step


async def all_complete(rig: Rig) -> None:
    """Every stream of somebody else has come to its own end."""
    mine = tuple(rig.streams_of(SUBJECT))
    await rig.until(lambda: all(one.finish for one in mine), "streams end")
    assert {one.finish for one in mine} == {"length"}


async def all_aborted(rig: Rig) -> None:
    """Every stream of somebody else was cut off by the sleep."""
    mine = tuple(rig.streams_of(SUBJECT))
    await rig.until(lambda: all(one.finish for one in mine), "streams end")
    assert {one.finish for one in mine} == {"abort"}


async def none_ended(rig: Rig) -> None:
    """Every stream of somebody else is open."""
    assert [one.finish for one in rig.streams_of(SUBJECT)] == [None] * 8


def begun_outside(path: str) -> Step:
    """Somebody else asks the server; nobody waits for the answer."""

    async def step(rig: Rig) -> None:
        rig.keep(_ask(rig, path))

    return step


async def _ask(rig: Rig, path: str) -> None:
    await rig.somebody(SUBJECT, path)


async def first_sleep_is_apart(rig: Rig) -> None:
    """The first sleep took long; the time that the next is expected to take is that of others."""
    first, *others = reversed(rig.records(SUBJECT, Kind.SLEEP))
    took_s = [one.duration_s for one in others]
    assert first.duration_s > 3 * min(took_s)
    learned = rig.view(SUBJECT).learned
    start_s = rig.view(SUBJECT).metrics.process_start_s
    expected_s = learned.expected_s(Kind.SLEEP, 1, start_s)
    assert 0.8 * min(took_s) < expected_s < 1.2 * max(took_s)


async def woken_in_steps(rig: Rig) -> None:
    """Each step of a wake from level 2 was asked for, in its order, and has its time."""
    parts = {one["name"]: one["duration_s"] for one in _newest(rig)["parts"]}
    assert {"weights", "reload", "kv_cache"} <= set(parts), parts
    assert all(took_s is not None for took_s in parts.values()), parts
    asked = [line for line in await rig.server_log(SUBJECT) if '"POST /' in line]
    steps = [word for line in asked for word in STEPS if word in line]
    assert steps == list(STEPS)


def _newest(rig: Rig) -> dict[str, Any]:
    return rig.json(SUBJECT)["last_operations"][0]


STEPS = ("tags=weights", "/collective_rpc", "tags=kv_cache", "/reset_prefix_cache")
ROWS = (
    Row(
        name="level 2, then a plain wake by somebody else: 200, and garbage",
        make=(
            cycles(1),
            outside_answers(200, "/sleep?level=2"),
            shown(State.ASLEEP),
            outside_answers(200, "/wake_up"),
            truth_is_garbage,
        ),
        state=State.SUSPECT,
        badge="SUSPECT ✗",
        says=("its answers are garbage", "w reads its weights again"),
        json={"check": "changed", "grade": "garbage"},
        record=(Kind.VERIFY, Outcome.SUSPECT, Cause.GARBAGE),
        mend=(wake(),),
        then={"check": "verified", "matches": True},
    ),
    Row(
        name="the same where no reference is known: garbage is not called verified",
        make=(
            outside_answers(200, "/sleep?level=2"),
            shown(State.ASLEEP),
            outside_answers(200, "/wake_up"),
            told(
                "reason",
                "somebody else woke it from level 2: garbage, unless its weights were read again",
            ),
        ),
        state=State.AWAKE,
        badge="AWAKE ?",
        says=("v verifies it",),
        json={"check": "unverified"},
        mend=(verify,),
        becomes=State.SUSPECT,
        then={"check": "changed"},
    ),
    Row(
        name="/sleep?level=7 by somebody else: 200, the weights are dropped",
        make=(
            cycles(1),
            outside_answers(200, "/sleep?level=7"),
            shown(State.PARTIAL, State.ASLEEP, State.SUSPECT),
            outside_answers(200, "/wake_up"),
            truth_is_garbage,
        ),
        state=State.SUSPECT,
        badge="SUSPECT ✗",
        says=("its answers are garbage",),
        json={"check": "changed", "grade": "garbage"},
        record=(Kind.VERIFY, Outcome.SUSPECT, Cause.GARBAGE),
        mend=(wake(),),
        then={"check": "verified"},
    ),
    Row(
        name="a wake into a full card is refused, and nothing is sent",
        make=(sleep(), occupied(FULL), refused_for_room),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(occupied(0), wake()),
        then={"check": "verified"},
        never=(State.WEDGED,),
    ),
    Row(
        name="a forced wake into a full card: out of memory, then invalid argument: wedged",
        make=(
            sleep(),
            occupied(FULL),
            wake(force=True),
            occupied(0),
            outside_answers(500, "/wake_up"),
            prompts_hang,
        ),
        state=State.WEDGED,
        badge="WEDGED",
        says=("out of memory", "restart it"),
        json={"last_operations.0.is_forced": True},
        record=(Kind.WAKE, Outcome.FAILED, Cause.OUT_OF_MEMORY),
        mend=(restarted,),
        never=(State.DOWN, State.STALE),
    ),
    Row(
        name="num_requests_running while asleep is frozen at its last value",
        engine=SLOW,
        speed=2.0,
        make=(streams(8, 1000), sleep(1, "keep"), none_ended),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        says=("figures frozen",),
        json={
            "queue.frozen": True,
            "queue.running": 8,
            "last_operations.0.in_flight.running": 8,
            "last_operations.0.in_flight.waiting": 0,
        },
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(), all_complete),
        then={"queue.frozen": False, "queue.running": 0, "check": "verified"},
    ),
    Row(
        name="requests parked by a sleep are not counted as waiting, /load counts them",
        make=(sleep(), parked(3), told("queue.parked", 3)),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        says=("3 requests parked",),
        json={"queue.parked": 3, "queue.waiting": 0},
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(), all_complete),
        then={"queue.parked": None},
    ),
    Row(
        name="parked requests without --enable-server-load-tracking: unknown, not 0",
        engine={"load_tracking": False},
        make=(sleep(), parked(3)),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        json={"queue.parked": None},
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(), all_complete),
    ),
    Row(
        name="abort: all 8 streams end with finish_reason abort",
        engine=SLOW,
        speed=2.0,
        make=(streams(8), sleep(1, "abort"), all_aborted),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        says=("8",),
        json={
            "last_operations.0.in_flight.running": 8,
            "last_operations.0.in_flight.finished": {"abort": 8},
        },
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(),),
        then={"check": "verified"},
    ),
    Row(
        name="wait: all 8 streams complete, the sleep waits for them",
        engine=SLOW,
        speed=2.0,
        make=(streams(8, 600), sleep(1, "wait"), all_complete),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        says=("figures frozen",),  # the metric still says that some of them run
        json={"queue.frozen": True, "last_operations.0.in_flight.finished": {"length": 8}},
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(),),
        then={"check": "verified"},
    ),
    Row(
        name="is_sleeping blocks during somebody else's sleep, /metrics answers",
        engine={"params_b": 8.0, "slept_before": False},
        speed=5.0,
        timeouts=QUICK,
        make=(begun_outside("/sleep?level=1"),),
        state=State.FALLING_ASLEEP,
        badge="FALLING ASLEEP",
        says=("somebody else puts it to sleep",),
        becomes=State.ASLEEP,
        never=(State.DOWN, State.STALE, State.WEDGED),
    ),
    Row(
        name="the first level 1 sleep is slow: it allocates the host copy",
        engine={"params_b": 8.0, "slept_before": False},
        make=(cycles(3), sleep(), first_sleep_is_apart),
        state=State.ASLEEP,
        badge="ASLEEP L1",
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(),),
        then={"check": "verified"},
    ),
    Row(
        name="level 2 is woken in steps, each timed: weights, reload, KV cache",
        make=(sleep(2), wake(), woken_in_steps),
        state=State.AWAKE,
        badge="AWAKE ✓",
        json={"check": "verified", "last_operations.1.level": 2},
        record=(Kind.WAKE, Outcome.DONE, None),
    ),
    Row(
        name="the engine is killed: /health 200, then 503",
        speed=0.4,  # it answers so for a second of its own
        make=(on(Fault.DEATH), told("reason", "its engine is dead: /health answers 503")),
        state=State.DOWN,
        badge="DOWN",
        says=("restart it",),
        mend=(restarted,),
        never=(State.ASLEEP, State.STALE, State.WEDGED),
    ),
    Row(
        name="the engine is killed: at last nothing listens",
        make=(on(Fault.DEATH), told("advice", "is the server running?")),
        state=State.DOWN,
        badge="DOWN",
        says=("nothing listens",),
        mend=(restarted,),
    ),
    Row(
        name="after an error reply the connection is closed: the next look is asked again",
        engine={"version": "0.32.0"},
        make=(sleep(), on(Fault.OOM), wake()),
        state=State.PARTIAL,
        badge="PARTIAL",
        record=(Kind.WAKE, Outcome.FAILED, Cause.OUT_OF_MEMORY),
        mend=(off(), wake()),
        never=(State.DOWN, State.STALE),
    ),
    Row(
        name="--enable-sleep-mode is missing: not controllable",
        engine={"sleep_mode": False},
        make=(),
        state=State.NO_CONTROL,
        badge="NO CONTROL",
        says=("sleep mode is off: a sleep would free nothing", "--enable-sleep-mode"),
        becomes=State.NO_CONTROL,
    ),
    Row(
        name="--enable-sleep-mode is missing: somebody's /sleep is 200 and frees nothing",
        engine={"sleep_mode": False},
        make=(shown(State.NO_CONTROL), outside_answers(200, "/sleep?level=1")),
        state=State.SUSPECT,
        badge="SUSPECT",
        says=("it says asleep, but sleep mode is off: nothing was freed", "w wakes it"),
        mend=(wake(),),
        becomes=State.NO_CONTROL,
    ),
    Row(
        name="a residual above its ceiling",
        settings=CEILING,
        make=(on(Fault.LEAK, bytes=3 * GIB), sleep()),
        state=State.SUSPECT,
        badge="SUSPECT",
        says=("more than its ceiling 2.0 GiB", "restart it to get the memory back"),
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(off(), restarted),
    ),
    Row(
        name="/pause by somebody else: requests wait, memory stays",
        engine={"version": "0.32.0"},
        make=(outside_answers(200, "/pause?mode=keep"),),
        state=State.PAUSED,
        badge="PAUSED",
        says=("requests wait, memory stays",),
        json={"level": 0},
        mend=(outside("/resume"),),
    ),
    Row(
        name="half awake before 0.31: the metric turns to awake when a part is woken",
        make=(
            sleep(),
            outside_answers(200, "/wake_up?tags=weights"),
            told(
                "reason",
                "its metric says awake, /is_sleeping says asleep: only a part was woken",
            ),
        ),
        state=State.PARTIAL,
        badge="PARTIAL",
        says=("w wakes the rest", "engine_sleep_state: awake"),
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(),),
        then={"check": "verified"},
    ),
    Row(
        name="half awake from 0.31 on: only its memory tells",
        engine={"version": "0.32.0"},
        make=(sleep(), outside_answers(200, "/wake_up?tags=weights")),
        state=State.PARTIAL,
        badge="PARTIAL",
        says=("its memory has grown back to", "w wakes the rest"),
        record=(Kind.SLEEP, Outcome.DONE, None),
        mend=(wake(),),
        then={"check": "verified"},
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_trap(row: Row) -> None:
    await run(row)
