"""What ``sleeptui ps --json`` says of a server, beside what all documents say of one."""

import json

from support import builders as make

from sleeptui.core.learned import LastOperation, Learned
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Outcome
from sleeptui.services import as_json, json_shapes, ps_json


def document(*views, missing=()):
    """At monotonic 100, which is 1100 s after the epoch."""
    shown = ps_json.document(views, missing, now_s=100.0, wall_s=1_100.0)
    return json.loads(as_json.text("ps", shown))


def row(**fields):
    return document(make.server(**fields))["servers"][0]


def test_its_shape_is_the_one_that_is_written_down():
    shown = document(make.server())
    assert set(shown) == {"schema", "v", *json_shapes.PsJson.__annotations__}
    assert (shown["schema"], shown["v"], shown["taken_wall_s"]) == ("sleeptui.ps", 1, 1_100.0)
    wanted = {*json_shapes.ServerJson.__annotations__, *json_shapes.PsServerJson.__annotations__}
    assert set(shown["servers"][0]) == wanted


def test_what_was_not_seen_is_said():
    shown = document(missing=("code",))
    assert (shown["complete"], shown["missing"], shown["servers"]) == (False, ["code"], [])


def test_what_is_not_known_is_null():
    bare = row(state=State.UNKNOWN, metrics=None)
    assert (bare["host_memory"], bare["idle"], bare["last"]) == (None, None, None)
    assert row(home=make.home())["host_memory"] is None


def test_host_memory_says_how_it_is_known():
    assert row(home=make.home(7, host_bytes=5))["host_memory"] == {"bytes": 5, "source": "measured"}
    shared = row(home=make.home(7, 8, host_bytes=5))["host_memory"]
    assert shared == {"bytes": 5, "source": "estimated"}


def test_idle():
    assert row(idle_since_s=90.0)["idle"] == {"s": 10.0, "is_least": True}
    assert row(idle_since_s=90.0, was_busy=True)["idle"] == {"s": 10.0, "is_least": False}
    assert row(metrics=make.metrics(running=1))["idle"] == {"s": 0.0, "is_least": False}


def test_the_last_operation_of_this_run_has_its_time_of_day():
    ended = make.record(Kind.WAKE, level=1, began_s=90.0, duration_s=0.5, done_s=91.0)
    last = row(history=(ended,))["last"]
    assert last["ended_wall_s"] == 1_091.0
    assert (last["kind"], last["outcome"], last["level"]) == ("wake", "done", 1)
    refused = make.record(Kind.WAKE, began_s=90.0, duration_s=0.5)
    assert row(history=(refused,))["last"]["ended_wall_s"] == 1_090.5


def test_the_last_operation_of_an_earlier_run():
    earlier = LastOperation(
        kind=Kind.SLEEP, outcome=Outcome.SUSPECT, level=2, duration_s=0.1, ended_wall_s=5.0
    )
    assert row(learned=Learned(last=earlier))["last"] == {
        "kind": "sleep",
        "outcome": "suspect",
        "level": 2,
        "duration_s": 0.1,
        "ended_wall_s": 5.0,
    }


def test_a_prompt_is_known_by_its_first_token():
    ended = make.record(Kind.PROMPT, duration_s=3.0, first_token_s=0.2)
    assert row(history=(ended,))["last"]["duration_s"] == 0.2


def test_a_line_is_a_line():
    shown = ps_json.document([make.server("a\nb")], (), now_s=0.0, wall_s=0.0)
    text = as_json.text("ps", shown, is_line=True)
    assert "\n" not in text
    assert json.loads(text)["servers"][0]["state"] == "awake"
