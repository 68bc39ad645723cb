"""The words of the detail."""

from dataclasses import replace

import pytest
from support import pictures
from support.builders import facts, home, memory, operation, server

from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Phase
from sleeptui.tui.present import Look
from sleeptui.tui.present_detail import detail_lines
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.times import moment

LOOK = Look(now_s=pictures.NOW_S, epoch_s=pictures.WALL_S - pictures.NOW_S)
NOW = pictures.NOW_S
GIB = 1 << 30


def clock(at_s):
    return f"t-{NOW - at_s:.0f}"


def text(view, width=80):
    return [plain(line).rstrip() for line in detail_lines(view, LOOK, width, clock)]


def test_the_whole_story_of_an_awake_server():
    lines = text(pictures.qwen())
    assert lines[:9] == [
        "● AWAKE ✓  for 1 m 35 s",
        "answers  decodes ✓ matches ✓ identical",
        "         the same 16 tokens as before; asked at t-94; first token 52 ms;",
        f"         reference of {moment(pictures.WALL_S - 4_000, pictures.WALL_S)}",
        "known by /is_sleeping says false · vllm:engine_sleep_state says awake · holds",
        "         85.3 GiB of GPU memory (NVML, 3 processes)",
        "memory   85.3 GiB on GPU 0, measured · asleep 2.3 GiB",
        "cycles   4 · residual ▁▁▁▁ 2.3 GiB, first 2.3 GiB",
        "model    Qwen/Qwen2.5-7B-Instruct",
    ]
    assert lines[9:] == [
        "server   http://127.0.0.1:8001 · vLLM 0.25.1",
        "runs in  container vllm-qwen (running) · 19.0 GiB RAM",
        "",
        "Last operations",
        "t-60 ✓ prompt   0.82 s TTFT 41 ms · 108 tok/s",
        "t-95 ✓ wake     0.53 s ✓ identical · TTFT 0.61 s",
        "  qwen is awake and verified",
        "  · /is_sleeping: false, engine_sleep_state: awake",
        "  · GPU memory 2.3 GiB → 85.3 GiB, settled after 0.05 s",
        "  · canary: the same 16 tokens as before",
        "t-200 ✓ sleep L1 0.33 s freed 83.0 GiB · holds 2.3 GiB",
    ]


def test_the_words_of_the_canary_stand_in_one_place():
    view = server(evidence=("/is_sleeping: false", "canary: decodes; identical"))
    assert "known by /is_sleeping: false" in text(view)


def test_a_sleeper_says_what_it_holds_awake():
    assert "memory   1.6 GiB on GPU 0, measured · awake 85.3 GiB" in text(pictures.llama())
    unseen = server(state=State.ASLEEP, memory=None, residual_bytes=2 * GIB)
    assert "memory   not known · asleep 2.0 GiB" in text(unseen)


def test_a_drift_is_a_warning_below_the_state():
    leaking = next(each for each in pictures.proof().servers if each.drift)
    lines = text(leaking, 110)
    assert lines[1].startswith("  residual grew 2.0 GiB in 12 cycles")
    assert "cycles   12 · residual ▁▂▂▃▄▄▅▅▆▇▇█ 3.9 GiB, first 1.9 GiB" in lines


def test_a_sleeping_servers_queue_is_explained():
    assert "queue    3 requests parked until the wake · figures frozen" in text(pictures.llama())
    one = server(state=State.ASLEEP, parked=1)
    assert "queue    1 request parked until the wake" in text(one)


def test_a_bad_state_says_why_and_what_helps():
    view = server(state=State.WEDGED, reason="the wake failed", advice="restart the server")
    assert text(view)[:3] == ["✖ WEDGED", "  the wake failed", "→ restart the server"]


def test_a_stale_server_says_what_it_was():
    view = server(state=State.STALE, before_stale=State.AWAKE, seen_at_s=NOW - 12, since_s=NOW - 7)
    assert text(view)[0] == "· STALE 12 s  before: awake"


def test_a_queued_operation_says_what_it_waits_for():
    queued = operation(
        Kind.WAKE, began_s=NOW, phase=Phase.QUEUED, note="waits for the sleep of llama on GPU 0"
    )
    assert text(server(operation=queued))[1] == "  waits for the sleep of llama on GPU 0"
    look = replace(LOOK, places={"qwen": "2nd in the queue of GPU 0"})
    told = plain(detail_lines(server(operation=queued), look, 80, clock)[1]).rstrip()
    assert told == "  2nd in the queue of GPU 0: waits for the sleep of llama"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (home(4711), "process 4711"),
        (home(4711, 4712, 4713), "process 4711 and 2 more"),
        (home(container="vllm-a"), "container vllm-a"),
        (home(container="vllm-a", container_state="exited", restarts=2),
         "container vllm-a (exited) · 2 restarts"),
    ],
)  # fmt: skip
def test_where_it_runs(where, told):
    assert f"runs in  {told}" in text(server(home=where))


def test_what_is_not_known_is_said():
    view = server(facts=facts(None, models=()), memory=None, home=None)
    lines = text(view)
    assert "model    --" in lines
    assert "server   http://127.0.0.1:8001 · version not known" in lines
    assert "memory   not known" in lines
    assert not any(line.startswith("runs in") for line in lines)


def test_an_estimate_is_called_one():
    assert "memory   40.0 GiB on GPU 0, estimated" in text(server(memory=memory(measured=False)))


@pytest.mark.parametrize("width", [1, 9, 20, 33, 60])
@pytest.mark.parametrize("picture", ["calm", "busy", "all_states", "hostile", "proof", "waiting"])
def test_lines_have_the_width_and_no_control_characters(width, picture):
    for view in getattr(pictures, picture)().servers:
        for line in detail_lines(view, LOOK, width, clock):
            assert width_of(line) == width
            assert plain(line).isprintable()
