"""The one JSON shape: what is unknown is null, what a server wrote stays harmless."""

import json
from dataclasses import replace
from math import inf, nan

import pytest
from support import builders as make

from sleeptui.core.canary import Check, Verification, no_answer
from sleeptui.core.drift import Drift
from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Fate, InFlight, Kind, Outcome, Part, Phase
from sleeptui.core.settings import ServerSpec
from sleeptui.services import as_json, json_shapes
from sleeptui.services.doctor_finding import Finding, Status


def back(schema="test", **fields):
    """A document after a way through text."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(as_json.text(schema, fields), parse_constant=refuse)


def test_a_document_says_what_it_is():
    document = back("doctor", findings=[])
    assert document == {"schema": "sleeptui.doctor", "v": 1, "findings": []}


def test_a_server_of_which_nothing_is_known_has_nulls_and_no_zero():
    bare = as_json.server(
        make.server(state=State.UNKNOWN, metrics=None, facts=make.facts(None, models=()))
    )
    assert bare["queue"] == {"running": None, "waiting": None, "parked": None, "frozen": False}
    for key in ("level", "decodes", "matches", "grade", "version", "memory", "residual_bytes"):
        assert bare[key] is None, key
    assert bare["verification"] is None
    assert bare["operation"] is None
    assert (bare["models"], bare["drift"], bare["last_operations"]) == ([], [], [])
    assert bare["check"] == "unverified"


def test_a_full_server():
    view = make.server(
        state=State.SUSPECT,
        verification=make.verification(Check.CHANGED),
        reason="its answers are garbage",
        advice="restart it",
        evidence=("/is_sleeping: false",),
        metrics=make.metrics(running=8, waiting=2),
        parked=1,
        queue_frozen=True,
        memory=make.memory(7, gpu=10),
        residual_bytes=3,
        cycles=4,
        drift=(
            Drift(
                what="residual",
                cycles=6,
                grown_bytes=9,
                slope_bytes=1.5,
                low_bytes=1.0,
                high_bytes=inf,
            ),
        ),
        operation=make.operation(Kind.WAKE, phase=Phase.QUEUED, note="waits for code"),
        expected_s=0.4,
        history=tuple(make.record() for _ in range(9)),
    )
    said = back(server=as_json.server(view))["server"]
    assert (said["decodes"], said["matches"], said["grade"]) == (True, False, "garbage")
    assert said["queue"] == {"running": 8, "waiting": 2, "parked": 1, "frozen": True}
    assert said["memory"] == {"bytes": 7, "source": "measured", "by_gpu": {"10": 7}}
    assert said["drift"][0]["high_bytes"] is None
    assert said["operation"]["note"] == "waits for code"
    assert said["operation"]["expected_s"] == 0.4
    assert len(said["last_operations"]) == as_json.OPERATIONS_SHOWN
    assert said["evidence"] == ["/is_sleeping: false"]


def test_a_canary_that_says_nothing_of_the_weights_gives_no_badges():
    verification = Verification(
        at_s=1.0, verdict=no_answer("it was busy"), is_inconclusive=True, took_s=nan
    )
    said = back(server=as_json.server(make.server(verification=verification)))["server"]
    assert (said["check"], said["decodes"], said["grade"]) == ("unverified", None, None)
    assert said["verification"]["inconclusive"] is True
    assert said["verification"]["took_s"] is None


def test_a_record_in_full():
    record = make.record(
        outcome=Outcome.SUSPECT,
        cause=Cause.NOTHING_FREED,
        level=1,
        mode="abort",
        server_s=0.29,
        freed_bytes=0,
        host_bytes=5,
        parts=(Part(name="drain", duration_s=0.1), Part(name="call", duration_s=0.2)),
        in_flight=InFlight(running=2, waiting=0, finished={"abort": 2}, ours={Fate.ABORTED: 1}),
        verification=make.verification(),
        message="it freed nothing",
        known=("GPU memory: the same",),
        hint="start it with --enable-sleep-mode",
        is_forced=True,
    )
    said = back(record=as_json.record(record))["record"]
    assert said["cause"] == "nothing freed"
    assert said["outcome"] == "suspect"
    assert said["freed_bytes"] == 0
    assert said["parts"][1] == {"name": "call", "duration_s": 0.2}
    assert said["in_flight"] == {
        "running": 2,
        "waiting": 0,
        "finished": {"abort": 2},
        "ours": {"aborted": 1},
    }
    assert said["verification"]["grade"] == "identical"
    assert said["known"] == ["GPU memory: the same"]
    assert said["is_forced"] is True


def test_each_documented_field_is_there_and_no_other():
    said = as_json.server(make.server(history=(make.record(),)))
    assert set(said) == set(json_shapes.ServerJson.__annotations__)
    assert set(said["last_operations"][0]) == set(json_shapes.RecordJson.__annotations__)
    assert set(as_json.of_verification(make.verification())) == set(
        json_shapes.VerificationJson.__annotations__
    )


def test_a_finding_of_a_server_called_machine_is_not_one_of_the_machine():
    here = Finding(
        id="reach", server="machine", title="Reachable", status=Status.OK, what="answers"
    )
    said = as_json.finding(here)
    assert (said["subject"], said["server"], said["status"]) == ("server", "machine", "ok")
    assert as_json.finding(replace(here, server=None))["subject"] == "machine"
    assert set(said) == set(json_shapes.FindingJson.__annotations__)


def test_what_a_server_wrote_cannot_reach_the_terminal():
    view = make.server(reason="\x1b[2Jgone\x07 \udcff\x9b31m…", evidence=("a\nb",))
    written = as_json.text("test", {"server": as_json.server(view)})
    assert written.isascii()
    assert "\x1b" not in written
    assert json.loads(written)["server"]["reason"] == "gone …"
    assert json.loads(written)["server"]["evidence"] == ["a b"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:secret@box:8000/v", "http://box:8000/v"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://a@b@box:1", "http://box:1"),
    ],
)
def test_the_address_has_no_secret(url, shown):
    view = make.server(spec=ServerSpec(name="a", url=url))
    assert as_json.server(view)["url"] == shown
