import json
from statistics import median

import pytest
from support import journals
from support.sessions import S, attempt, request, session

from sleeptui.core.cold import ColdStart
from sleeptui.core.environment import Card, Machine
from sleeptui.core.measure import intervals, ratios
from sleeptui.core.operation import InFlight
from sleeptui.core.session import ServerSeen, StateSpan
from sleeptui.recorder.fold import fold


def by_id(found, server="qwen"):
    return {(one.id, one.level): one for one in found if one.server == server}


@pytest.fixture(scope="module")
def sample():
    return fold(journals.lines())


@pytest.fixture(scope="module")
def ends():
    raw = [json.loads(line) for line in journals.dump(journals.lines()).splitlines()]
    return [line for line in raw if line["k"] == "op.end"]


# --- the sample journal, counted by hand ---------------------------------------------------------


def test_the_sample_counts_as_it_was_told(sample):
    counts = {
        (one.server, one.id, one.level): (one.n, one.lives, dict(one.others))
        for one in intervals(sample)
    }
    assert counts == {
        ("summarize", "sleep.first", 1): (2, 2, {}),
        ("summarize", "sleep.call", 1): (13, 2, {"no_op": 1}),
        ("summarize", "sleep.mem", 1): (15, 2, {}),
        ("summarize", "wake.call", 1): (16, 2, {}),
        ("summarize", "wake.ttft", 1): (16, 2, {}),
        ("summarize", "switch", None): (3, 1, {}),
        ("summarize", "switch.total", None): (3, 1, {}),
        ("summarize", "switch.sleep", None): (3, 1, {}),
        ("summarize", "switch.wake", None): (3, 1, {}),
        ("summarize", "server.op.sleep", 1): (13, 2, {}),
        ("summarize", "server.op.wake", 1): (16, 2, {}),
        ("summarize", "prompt.ttft", None): (1, 1, {"user_abort": 1}),
        ("code", "sleep.call", 2): (9, 1, {}),
        ("code", "sleep.mem", 2): (9, 1, {}),
        ("code", "wake.ready_l2", 2): (9, 1, {"http_error": 1}),
        ("code", "wake.ready_l2.weights", 2): (9, 1, {}),
        ("code", "wake.ready_l2.reload", 2): (9, 1, {}),
        ("code", "wake.ready_l2.kv_cache", 2): (9, 1, {}),
        ("code", "wake.ready_l2.reset", 2): (9, 1, {}),
        ("code", "wake.ttft", 2): (9, 1, {"http_error": 1}),
        ("code", "switch", None): (3, 1, {}),
        ("code", "switch.total", None): (3, 1, {}),
        ("code", "switch.sleep", None): (3, 1, {}),
        ("code", "switch.wake", None): (3, 1, {}),
        ("code", "server.op.sleep", 2): (9, 1, {}),
        ("code", "server.op.wake", 2): (9, 1, {}),
        ("code", "prompt.ttft", None): (2, 1, {}),
    }


@pytest.mark.parametrize(
    ("server", "name", "level"),
    [("summarize", "wake.call", 1), ("code", "wake.ready_l2", 2), ("code", "sleep.call", 2)],
)
def test_medians_of_the_sample(sample, ends, server, name, level):
    kind = name.partition(".")[0]
    values = [
        line["duration_s"]
        for line in ends
        if (line["s"], line["name"], line.get("level"), line["cls"]) == (server, kind, level, "ok")
    ]
    found = by_id(intervals(sample), server)[name, level]
    assert found.values == tuple(values)
    assert found.median == pytest.approx(median(values))
    assert found.model == {"summarize": "mistral-7b", "code": "qwen-coder-1.5b"}[server]


def test_the_first_sleep_of_a_life_is_a_series_of_its_own(sample):
    found = by_id(intervals(sample), "summarize")
    assert found["sleep.first", 1].median == pytest.approx(12.1, abs=0.5)
    assert found["sleep.call", 1].median == pytest.approx(0.33, abs=0.01)
    assert [one.life for one in found["sleep.first", 1].samples] == [1, 2]


def test_ratios_of_the_sample(sample):
    (found,) = ratios(sample)
    assert (found.id, found.server) == ("sleep.first/sleep.call", "summarize")
    assert found.ratio.value == pytest.approx(found.above.median / found.below.median)
    assert found.ratio.low < found.ratio.value < found.ratio.high


# --- rules ---------------------------------------------------------------------------------------


def test_only_what_is_ok_gives_values():
    found = by_id(
        intervals(
            session(
                attempt("wake", 0.5),
                attempt("wake", 9.0, cls="disturbed"),
                attempt("wake", 120.0, cls="timeout"),
                attempt("wake", cls="unfinished", record=None, ended_ns=None),
            )
        )
    )
    assert found["wake.call", 1].values == (0.5,)
    assert found["wake.call", 1].others == {"disturbed": 1, "timeout": 1, "unfinished": 1}
    assert found["wake.ttft", 1].others == {
        "disturbed": 1,
        "not measured": 1,
        "timeout": 1,
        "unfinished": 1,
    }


def test_a_sleep_that_waits_for_requests_is_another_series():
    busy = {"in_flight": InFlight(running=2, waiting=0)}
    found = by_id(
        intervals(
            session(
                attempt("sleep", 3.0, mode="wait", record=dict(busy)),
                attempt("sleep", 0.3, mode="abort", record=dict(busy)),
                attempt("sleep", 0.3, mode="wait"),
                attempt("sleep", 15.0, mode="wait", nth=1, record=dict(busy)),
            )
        )
    )
    assert found["sleep.first", 1].others == {"not measured": 1}
    assert found["sleep.drained", 1].values == (3.0,)
    assert found["sleep.call", 1].n == 2


def test_steps_of_a_wake_and_parts_of_a_switch():
    staged = {"parts": (("weights", 0.02), ("reload", 0.8), ("canary", 0.1)), "server_s": 0.9}
    moved = {"parts": (("sleep a", 0.3), ("sleep b", 0.2), ("wake c", 0.5), ("total", 1.0))}
    found = by_id(
        intervals(
            session(
                attempt("wake", 0.9, level=2, record=staged),
                attempt("switch", 1.0, record=moved | {"first_token_s": 0.7}),
                attempt("switch", 1.0, record={}),
                attempt("switch", 1.0, cls="timeout"),
                attempt("verify", 0.1),
            )
        )
    )
    assert found["wake.ready_l2.reload", 2].values == (0.8,)
    assert ("wake.ready_l2.canary", 2) not in found
    assert found["server.op.wake", 2].values == (0.9,)
    assert found["switch", None].values == (0.7,)
    assert found["switch", None].others == {"not measured": 1, "timeout": 1}
    assert found["switch.sleep", None].values == (0.5,)
    assert found["switch.wake", None].values == (0.5,)


def test_a_prompt_to_a_sleeping_server_is_another_series():
    asleep = StateSpan(server="qwen", state="asleep", began_ns=10 * S, ended_ns=20 * S)
    awake = StateSpan(server="qwen", state="awake", began_ns=20 * S, ended_ns=60 * S)
    found = by_id(
        intervals(
            session(
                attempt("prompt", at_s=5, record={"first_token_s": 0.02}),
                attempt("prompt", at_s=12, record={"first_token_s": 8.1}),
                attempt("prompt", at_s=20, record=None, cls="unfinished", sent_ns=None),
                states=(asleep, awake),
                requests=(request(),),
            )
        )
    )
    assert found["prompt.ttft", None].values == (0.02,)
    assert found["prompt.ttft", None].others == {"unfinished": 1}
    assert found["prompt.parked", None].values == (8.1,)


def test_what_only_failed_is_there_and_its_steps_are_not():
    found = by_id(intervals(session(attempt("wake", level=2, cls="timeout"))))
    assert set(found) == {("wake.ready_l2", 2), ("wake.ttft", 2)}
    assert found["wake.ready_l2", 2].n == 0


def test_servers_come_in_the_order_of_the_session():
    every = session(
        attempt(server="b"),
        attempt(server="a"),
        attempt(server="z"),
        servers=tuple(ServerSeen(name=name, url="") for name in "ab"),
    )
    assert list(dict.fromkeys(one.server for one in intervals(every))) == ["a", "b", "z"]


def test_what_dropping_the_weights_costs():
    every = session(
        attempt("wake", 0.5, record={"first_token_s": 0.52}),
        attempt("wake", 0.9, level=2, record={"first_token_s": 1.04}),
    )
    (found,) = ratios(every, intervals(every))
    assert (found.id, found.ratio.value) == ("wake.l2/wake.l1", 2.0)


@pytest.mark.parametrize(
    ("sent_s", "first_token_s", "name"),
    [
        (4.0, 0.5, "prompt.ttft"),  # answered before the wake was sent
        (4.9, 0.3, "prompt.parked"),
        (5.2, 0.9, "prompt.parked"),
        (6.01, 0.02, "prompt.ttft"),  # the wake was answered by then
    ],
)
def test_a_prompt_whose_server_was_being_woken_waited_for_that(sent_s, first_token_s, name):
    wake = attempt("wake", 1.0, at_s=5)
    given_up = attempt("wake", at_s=0, sent_ns=None, done_ns=None)
    asked = attempt("prompt", at_s=sent_s, record={"first_token_s": first_token_s})
    elsewhere = attempt("wake", 9.0, at_s=0, server="code")
    found = by_id(intervals(session(given_up, wake, asked, elsewhere)))
    assert found[name, None].values == (first_token_s,)
    assert not {"prompt.ttft", "prompt.parked"} - {name} & {one for one, _ in found}


def test_a_prompt_that_had_its_first_token_before_the_server_slept_did_not_wait():
    slept = StateSpan(server="qwen", state="asleep", level=1, began_ns=10 * S, ended_ns=20 * S)
    asked = attempt("prompt", at_s=9, record={"first_token_s": 0.4})
    late = attempt("prompt", at_s=9.5, record={"first_token_s": 11.0})
    found = by_id(intervals(session(asked, late, states=(slept,))))
    assert found["prompt.ttft", None].values == (0.4,)
    assert found["prompt.parked", None].values == (11.0,)


# --- plausibility --------------------------------------------------------------------------------

H200 = Card(index=0, name="NVIDIA H200", pcie_gen=1, pcie_gen_max=5, pcie_width_max=16)
PINNED = {"host_bytes": 15 * 10**9, "freed_bytes": 38 * 10**9}


def wakes(*durations, machine, **fields):
    first = attempt("sleep", 12.0, nth=1, record=dict(PINNED))
    every = [attempt("wake", duration_s) for duration_s in durations]
    return by_id(intervals(session(first, *every, machine=machine, **fields)))["wake.call", 1]


def test_a_wake_that_is_faster_than_its_link_is_implausible():
    found = wakes(0.4, 0.2, machine=Machine(cards=(H200,)))
    assert found.values == (0.4,)  # 37 GB/s; the other 75 GB/s over a link of 63
    assert found.others == {"implausible": 1}


@pytest.mark.parametrize(
    "machine",
    [
        Machine(),
        Machine(cards=(H200,), simulated="calm"),
        Machine(cards=(Card(index=0, name="NVIDIA GH200 480GB", pcie_gen=4, pcie_width=4),)),
        Machine(cards=(Card(index=0, name="NVIDIA H200", pcie_gen=99, pcie_width=16),)),
        Machine(cards=(Card(index=1, name="NVIDIA H200", pcie_gen=5, pcie_width=16),)),
    ],
    ids=["unknown", "simulated", "own link", "new generation", "another card"],
)
def test_where_the_link_is_not_known_everything_is_plausible(machine):
    assert wakes(0.01, machine=machine).n == 1


def test_a_wake_is_judged_by_what_was_copied_not_by_what_was_pinned():
    started = attempt("start", record={"cold": ColdStart(weight_bytes=12 * 10**9)})
    first = attempt("sleep", 12.0, nth=1, record=dict(PINNED))
    every = session(started, first, attempt("wake", 0.2), machine=Machine(cards=(H200,)))
    assert by_id(intervals(every))["wake.call", 1].values == (0.2,)  # 60 GB/s, not 75


def test_a_demo_is_not_judged():
    assert wakes(0.01, machine=Machine(cards=(H200,)), demo="calm").n == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"pre": None},
        {"life": 2},
        {"level": 0},
    ],
    ids=["nothing known before", "another life", "a pause"],
)
def test_what_cannot_be_judged_is_plausible(fields):
    first = attempt("sleep", 12.0, nth=1, record=dict(PINNED))
    every = session(first, attempt("wake", 0.01, **fields), machine=Machine(cards=(H200,)))
    assert sum(one.n for one in intervals(every) if one.id == "wake.call") == 1


def test_only_transfers_are_judged():
    first = attempt("sleep", 12.0, nth=1, record=dict(PINNED))
    asked = attempt("prompt", 0.01, level=1, record={"first_token_s": 0.01})
    found = by_id(intervals(session(first, asked, machine=Machine(cards=(H200,)))))
    assert found["prompt.ttft", None].n == 1


def test_more_than_was_freed_is_not_the_weights():
    first = attempt("sleep", 12.0, nth=1, record={"host_bytes": 40 * 10**9, "freed_bytes": 10**9})
    gone = attempt("sleep", cls="unfinished", record=None, nth=1)
    every = session(first, gone, attempt("wake", 0.2), machine=Machine(cards=(H200,)))
    assert by_id(intervals(every))["wake.call", 1].n == 1
