"""The words of the detail."""

import pytest
from support import pictures
from support.builders import facts, home, memory, operation, record, server

from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Outcome, Part, Phase
from sleeptui.tui.present import Look
from sleeptui.tui.present_detail import detail_lines
from sleeptui.tui.spans import plain, width_of

LOOK = Look(now_s=pictures.NOW_S)
NOW = pictures.NOW_S
GIB = 1 << 30


def clock(at_s):
    return f"t-{NOW - at_s:.0f}"


def text(view, width=80):
    return [plain(line).rstrip() for line in detail_lines(view, LOOK, width, clock)]


def test_the_whole_story_of_an_awake_server():
    assert text(pictures.qwen()) == [
        "● AWAKE ✓  for 1 m 35 s",
        "model    Qwen/Qwen2.5-7B-Instruct",
        "server   http://127.0.0.1:8001 · vLLM 0.25.1",
        "runs in  container vllm-qwen (running) · 19.0 GiB RAM",
        "memory   85.3 GiB on GPU 0, measured · asleep 2.3 GiB",
        "",
        "Last operations",
        "t-60 ✓ prompt   0.82 s TTFT 41 ms · 108 tok/s",
        "t-95 ✓ wake     0.53 s call 0.53 s",
        "t-200 ✓ sleep L1 0.33 s freed 83.0 GiB · holds 2.3 GiB",
        "",
        "How the state is known",
        "· /is_sleeping says false",
        "· vllm:engine_sleep_state says awake",
        "· holds 85.3 GiB of GPU memory (NVML, 3 processes)",
    ]


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


def test_a_bad_end_says_why_and_what_to_do():
    failed = record(
        Kind.WAKE,
        began_s=NOW - 40,
        duration_s=1.2,
        outcome=Outcome.FAILED,
        parts=(),
        message="out of memory on the wake",
        hint="put another model to sleep",
    )
    lines = text(server(history=(failed,)))
    place = lines.index("t-40 ✗ wake     1.20 s failed")
    assert lines[place + 1 : place + 3] == [
        "  out of memory on the wake",
        "  put another model to sleep",
    ]


def test_a_good_end_needs_no_sentence():
    assert "in 0.3 s" not in "\n".join(text(server(history=(record(message="asleep in 0.3 s"),))))


def test_a_switch_shows_its_parts():
    switch = record(
        Kind.SWITCH,
        began_s=NOW - 9,
        duration_s=0.66,
        parts=(Part(name="sleep llama", duration_s=0.15), Part(name="wake qwen", duration_s=0.32)),
    )
    assert "t-9 ✓ switch   0.66 s sleep llama 0.15 s · wake qwen 0.32 s" in text(
        server(history=(switch,))
    )


def test_what_runs_now_stands_first_with_the_time_it_should_take():
    running = operation(Kind.WAKE, began_s=NOW - 0.4)
    lines = text(server(state=State.WAKING, operation=running, expected_s=0.53))
    assert "t-0 ▶ wake calling 0.4 s of about 0.53 s" in lines


def test_a_queued_operation_says_what_it_waits_for():
    queued = operation(
        Kind.WAKE, began_s=NOW, phase=Phase.QUEUED, note="waits for the sleep of llama on GPU 0"
    )
    assert text(server(operation=queued))[1] == "  waits for the sleep of llama on GPU 0"


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
@pytest.mark.parametrize("picture", ["calm", "busy", "all_states", "hostile"])
def test_lines_have_the_width_and_no_control_characters(width, picture):
    for view in getattr(pictures, picture)().servers:
        for line in detail_lines(view, LOOK, width, clock):
            assert width_of(line) == width
            assert plain(line).isprintable()
