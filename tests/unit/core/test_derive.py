"""The state table: each row of the design, from signals as real servers gave them."""

import pytest
from support.builders import verification

from sleeptui.core.canary import Check
from sleeptui.core.derive import DISAGREE_LOOKS, derive, disagrees
from sleeptui.core.home import Home
from sleeptui.core.model import (
    Control,
    EngineMetrics,
    GpuMemory,
    MemorySource,
    Observation,
    Reach,
    ServerFacts,
    SleepMetric,
    State,
)
from sleeptui.core.operation import Cause, Kind, Operation, OperationRecord, Outcome, Phase
from sleeptui.core.signals import Signals

GIB = 1 << 30
FACTS = ServerFacts(version="0.25.1", sleep_enabled=True)


def look(*, sleeping=None, metric=None, **fields):
    metrics = None if metric is None else EngineMetrics(sleep_metric=metric)
    base = {"at_s": 10.0, "took_s": 0.01, "reach": Reach.ANSWERED, "control": Control.AVAILABLE}
    return Observation(**(base | {"is_sleeping": sleeping, "metrics": metrics} | fields))


def state_of(seen, **signals):
    return derive(
        Signals(
            **({"observation": seen, "answered_s": 10.0, "now_s": 10.0, "facts": FACTS} | signals)
        )
    )


def held(gib):
    return GpuMemory(by_gpu={0: int(gib * GIB)}, source=MemorySource.MEASURED)


def ended(kind, outcome, cause=None, **fields):
    return OperationRecord(
        id=1, kind=kind, server="a", began_s=1, duration_s=1, outcome=outcome, cause=cause, **fields
    )


def running(kind, phase, level=None):
    return Operation(id=1, kind=kind, server="a", began_s=9, phase=phase, level=level)


@pytest.mark.parametrize(
    ("sleeping", "metric", "state", "level"),
    [
        (False, SleepMetric.AWAKE, State.AWAKE, None),
        (False, None, State.AWAKE, None),
        (True, SleepMetric.OFFLOADED, State.ASLEEP, 1),
        (True, SleepMetric.DISCARDED, State.ASLEEP, 2),
        (True, SleepMetric.AWAKE, State.PAUSED, 0),
        (True, SleepMetric.NONE, State.PAUSED, 0),
        (True, None, State.ASLEEP, None),
    ],
)
def test_asleep_awake_paused(sleeping, metric, state, level):
    found = state_of(look(sleeping=sleeping, metric=metric))
    assert (found.state, found.level) == (state, level)


def test_without_a_metric_the_level_is_the_one_we_asked_for():
    assert state_of(look(sleeping=True), asked_level=2).level == 2
    assert state_of(look(sleeping=True), asked_level=0).state is State.PAUSED


@pytest.mark.parametrize(
    ("kind", "phase", "state"),
    [
        (Kind.SLEEP, Phase.DRAINING, State.DRAINING),
        (Kind.SLEEP, Phase.CALLING, State.FALLING_ASLEEP),
        (Kind.SLEEP, Phase.SETTLING, State.FALLING_ASLEEP),
        (Kind.WAKE, Phase.CALLING, State.WAKING),
        (Kind.WAKE, Phase.RELOADING, State.RELOADING),
        (Kind.WAKE, Phase.QUEUED, State.AWAKE),
        (Kind.SWITCH, Phase.MAKING_ROOM, State.AWAKE),
        (Kind.START, Phase.QUEUED, State.AWAKE),
        (Kind.START, Phase.STARTING, State.STARTING),
        (Kind.START, Phase.SETTLING, State.STARTING),
        (Kind.START, Phase.VERIFYING, State.VERIFYING),
        (Kind.STOP, Phase.STOPPING, State.STOPPING),
        (Kind.STOP, Phase.SETTLING, State.STOPPING),
        (Kind.PROMPT, Phase.STREAMING, State.AWAKE),
    ],
)
def test_our_own_operation_decides_while_it_runs(kind, phase, state):
    seen = look(sleeping=False, metric=SleepMetric.AWAKE)
    assert state_of(seen, operation=running(kind, phase)).state is state


def test_nothing_known():
    assert state_of(None).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("home", "state"),
    [
        (None, State.DOWN),
        (Home(container="c", container_state="exited"), State.DOWN),
        (Home(container="c", container_state="restarting"), State.STARTING),
        (Home(container="c", container_state="created"), State.DOWN),
        (Home(container="c", container_state="running", pids=frozenset({1})), State.STARTING),
        (Home(pids=frozenset({4})), State.STARTING),
    ],
)
def test_refused_is_down_or_starting(home, state):
    seen = look(reach=Reach.REFUSED, problem="nothing listens on 127.0.0.1:8001")
    assert state_of(seen, home=home).state is state


STARTED = "2026-10-11T12:13:14+00:00"


@pytest.mark.parametrize(
    ("fields", "signals", "state", "reason"),
    [
        ({}, {}, State.STARTING, "its process runs, and nothing listens"),
        (
            {},
            {"answered_by": STARTED},
            State.DOWN,
            "nothing listens, though its process still runs",
        ),
        ({}, {"answered_by": "before"}, State.STARTING, "its process runs, and nothing listens"),
        ({"is_broken_off": True}, {}, State.DOWN, "nothing listens"),
    ],
    ids=["new", "stopped listening", "restarted", "no vLLM"],
)
def test_a_process_that_does_not_answer_starts_only_if_it_can(fields, signals, state, reason):
    seen = look(reach=Reach.REFUSED, problem="nothing listens", **fields)
    found = state_of(seen, home=Home(pids=frozenset({4}), started_at=STARTED), **signals)
    assert (found.state, found.reason) == (state, reason)


def test_dockers_forwarder_takes_connections_before_its_server_does():
    seen = look(reach=Reach.REFUSED, problem="broke the connection", is_broken_off=True)
    home = Home(pids=frozenset({4}), container="c", container_state="running")
    assert state_of(seen, home=home).state is State.STARTING


@pytest.mark.parametrize("sleeping", [True, False])
def test_metrics_that_cannot_be_read_are_said_beside_the_state(sleeping):
    found = state_of(look(sleeping=sleeping, problem="answers more than 8 MiB of metrics"))
    assert found.state is (State.ASLEEP if sleeping else State.AWAKE)
    assert found.reason == "its queue is not known: answers more than 8 MiB of metrics"


def test_an_exited_container_is_named():
    seen = look(reach=Reach.REFUSED)
    found = state_of(seen, home=Home(container="vllm-a", container_state="exited"))
    assert found.reason == "container vllm-a is exited"


def test_dead_engine_and_another_service():
    assert "engine is dead" in state_of(look(reach=Reach.UNHEALTHY)).reason
    found = state_of(look(reach=Reach.NOT_VLLM, problem="answers HTML"))
    assert (found.state, found.reason) == (State.DOWN, "answers HTML")


def test_slow_is_not_down():
    silent = look(reach=Reach.TIMED_OUT, problem="no answer in 2 s")
    assert state_of(silent, answered_s=None).state is State.UNKNOWN
    assert state_of(silent, previous=State.AWAKE, now_s=12.0).state is State.AWAKE
    assert state_of(silent, previous=State.AWAKE, now_s=16.0).state is State.STALE


@pytest.mark.parametrize(
    ("before", "state"),
    [(State.ASLEEP, State.WAKING), (State.AWAKE, State.FALLING_ASLEEP)],
)
def test_a_blocked_is_sleeping_is_somebody_elses_transition(before, state):
    seen = look(is_sleeping_slow=True, metric=SleepMetric.AWAKE)
    assert state_of(seen, previous=before).state is state


def test_no_control_names_the_missing_switch():
    off = state_of(look(control=Control.NO_DEV_MODE, metric=SleepMetric.AWAKE))
    assert (off.state, off.advice) == (State.NO_CONTROL, "start it with VLLM_SERVER_DEV_MODE=1")
    facts = ServerFacts(version="0.25.1", sleep_enabled=False)
    flagless = state_of(look(sleeping=False), facts=facts)
    assert flagless.state is State.NO_CONTROL
    assert "--enable-sleep-mode" in flagless.advice


def test_on_a_cpu_the_advice_is_not_a_flag_that_vllm_refuses():
    facts = ServerFacts(version="0.32.0", sleep_enabled=False, device="cpu")
    awake = state_of(look(sleeping=False), facts=facts)
    assert (awake.state, awake.advice) == (State.NO_CONTROL, "vLLM has no sleep mode on a CPU")
    asleep = state_of(look(sleeping=True, metric=SleepMetric.OFFLOADED), facts=facts)
    assert asleep.advice == "w wakes it; vLLM has no sleep mode on a CPU"


def test_asleep_without_sleep_mode_is_suspect():
    facts = ServerFacts(version="0.25.1", sleep_enabled=False)
    assert (
        state_of(look(sleeping=True, metric=SleepMetric.OFFLOADED), facts=facts).state
        is State.SUSPECT
    )


def test_a_sleep_that_freed_nothing_is_suspect():
    last = ended(
        Kind.SLEEP, Outcome.SUSPECT, Cause.NOTHING_FREED, message="freed 0 MiB", hint="check"
    )
    found = state_of(look(sleeping=True, metric=SleepMetric.OFFLOADED), last=last)
    assert (found.state, found.reason, found.advice) == (State.SUSPECT, "freed 0 MiB", "check")


def test_asleep_and_still_holding_its_memory_is_suspect():
    found = state_of(
        look(sleeping=True, metric=SleepMetric.OFFLOADED),
        asleep_bytes=87 * GIB,
        awake_bytes=87 * GIB,
        lowest_asleep_bytes=87 * GIB,
    )
    assert found.state is State.SUSPECT
    assert "87.0 GiB" in found.reason


def test_memory_that_grew_back_while_asleep_is_half_awake():
    found = state_of(
        look(sleeping=True, metric=SleepMetric.OFFLOADED),
        asleep_bytes=60 * GIB,
        awake_bytes=87 * GIB,
        lowest_asleep_bytes=2 * GIB,
    )
    assert found.state is State.PARTIAL


def test_weights_alone_are_half_awake_however_large_the_cache_is():
    signals = {"asleep_bytes": 7 * GIB, "lowest_asleep_bytes": int(1.5 * GIB)}
    seen = look(sleeping=True, metric=SleepMetric.OFFLOADED)
    for awake_bytes in (87 * GIB, None):
        found = state_of(seen, awake_bytes=awake_bytes, **signals)
        assert (found.state, found.level) == (State.PARTIAL, 1)
        assert "7.0 GiB" in found.reason


def test_a_little_more_memory_is_no_wake():
    found = state_of(
        look(sleeping=True, metric=SleepMetric.OFFLOADED),
        asleep_bytes=int(2.4 * GIB),
        lowest_asleep_bytes=int(1.5 * GIB),
    )
    assert found.state is State.ASLEEP


@pytest.mark.parametrize(("held_gib", "state"), [(7, State.PARTIAL), (1, State.ASLEEP)])
def test_a_wake_that_found_no_room_is_half_awake_if_it_kept_what_it_took(held_gib, state):
    found = state_of(
        look(sleeping=True, metric=SleepMetric.OFFLOADED),
        facts=ServerFacts(version="0.32.0", sleep_enabled=True),
        asleep_bytes=held_gib * GIB,
        lowest_asleep_bytes=GIB,
        last=ended(Kind.WAKE, Outcome.FAILED, Cause.OUT_OF_MEMORY, message="out of memory"),
    )
    assert (found.state, found.reason) == (state, "out of memory")
    assert "w tries the wake again" in found.advice


def test_metric_awake_with_little_memory_is_half_awake_not_paused():
    seen = look(sleeping=True, metric=SleepMetric.AWAKE)
    assert state_of(seen, asleep_bytes=5 * GIB, awake_bytes=87 * GIB).state is State.PARTIAL
    assert state_of(seen, asleep_bytes=87 * GIB, awake_bytes=87 * GIB).state is State.PAUSED


def test_a_staged_wake_that_stopped_midway_is_half_awake():
    last = ended(Kind.WAKE, Outcome.FAILED, Cause.STOPPED_MIDWAY, message="reload failed")
    found = state_of(look(sleeping=True, metric=SleepMetric.DISCARDED), last=last)
    assert (found.state, found.reason) == (State.PARTIAL, "reload failed")


@pytest.mark.parametrize(
    ("version", "cause", "state"),
    [
        ("0.25.1", Cause.OUT_OF_MEMORY, State.WEDGED),
        ("0.28.0", Cause.OUT_OF_MEMORY, State.ASLEEP),
        ("0.32.0", Cause.WEDGED, State.WEDGED),
    ],
)
def test_a_wake_that_failed_in_the_engine_wedges_it(version, cause, state):
    last = ended(Kind.WAKE, Outcome.FAILED, cause, message="CUDA Error: out of memory")
    facts = ServerFacts(version=version, sleep_enabled=True)
    seen = look(sleeping=True, metric=SleepMetric.OFFLOADED)
    assert state_of(seen, last=last, facts=facts).state is state


def test_a_wedge_ends_when_the_server_is_awake_again():
    last = ended(Kind.WAKE, Outcome.FAILED, Cause.WEDGED)
    assert state_of(look(sleeping=False, metric=SleepMetric.AWAKE), last=last).state is State.AWAKE


def test_disagreement_counts_only_when_it_lasts():
    seen = look(sleeping=False, metric=SleepMetric.OFFLOADED)
    assert disagrees(seen)
    assert state_of(seen, disagreeing=DISAGREE_LOOKS - 1).state is State.AWAKE
    assert state_of(seen, disagreeing=DISAGREE_LOOKS).state is State.SUSPECT


def test_changed_answers_are_suspect():
    assert (
        state_of(look(sleeping=False), verification=verification(Check.CHANGED)).state
        is State.SUSPECT
    )


def test_only_the_metrics_answer():
    seen = look(metric=SleepMetric.DISCARDED, problem="/is_sleeping answers 500")
    found = state_of(seen)
    assert (found.state, found.level, found.reason) == (
        State.SUSPECT,
        2,
        "/is_sleeping answers 500",
    )
    assert state_of(look(metric=SleepMetric.AWAKE)).state is State.SUSPECT
    assert state_of(look()).state is State.UNKNOWN


def test_the_evidence_says_what_each_signal_said():
    found = state_of(
        look(sleeping=True, is_paused=True, metric=SleepMetric.OFFLOADED),
        memory=held(2),
        awake_bytes=87 * GIB,
        home=Home(container="vllm-a", container_state="running"),
        last=ended(Kind.SLEEP, Outcome.DONE, level=1),
    )
    assert found.evidence == (
        "/is_sleeping: true",
        "/is_paused: true",
        "engine_sleep_state: weights_offloaded",
        "GPU memory: 2.0 GiB of 87.0 GiB awake, measured",
        "container vllm-a: running",
        "our last: sleep L1, done",
    )


def test_the_evidence_of_an_unreachable_server_is_its_problem():
    found = state_of(
        look(reach=Reach.REFUSED, problem="nothing listens"), home=Home(pids=frozenset({1, 2}))
    )
    assert found.evidence[0] == "look: nothing listens"
    assert "local processes: 2" in found.evidence
