"""The doctor: what it finds in a picture, and that each finding says what to do."""

from dataclasses import replace

import pytest
from support import builders as make
from support.doctor import GIB, findings, of, scene, well

from sleeptui.core.canary import Check, Verification, no_answer
from sleeptui.core.drift import Drift
from sleeptui.core.learned import Learned
from sleeptui.core.model import Control, State
from sleeptui.core.settings import Canary
from sleeptui.services import doctor
from sleeptui.services.doctor_finding import Patient, Status, names


def test_a_healthy_server_on_a_healthy_machine_has_nothing_but_well():
    found = findings(well())
    assert {one.status for one in found.values()} == {Status.OK}
    assert not any(one.next for one in found.values())
    assert "reach" in found
    assert "gpu.0" in found


EVERYTHING_WRONG = (
    well("down", state=State.DOWN, reason="nothing listens", home=None),
    well("starting", state=State.STARTING, reason="its process runs", home=make.home()),
    make.server("unseen", state=State.UNKNOWN, seen_at_s=None),
    well("stale", state=State.STALE, reason="no answer"),
    well("suspect", state=State.SUSPECT, reason="it freed nothing"),
    well("wedged", state=State.WEDGED),
    well("old", facts=make.facts("0.8.3", sleep_enabled=None)),
    well("middle", facts=make.facts("0.17.0", load_tracking=None)),
    well("nameless", facts=make.facts(None, models=(), sleep_enabled=False)),
    well("uncontrolled", control=Control.NO_DEV_MODE, state=State.NO_CONTROL),
    well("blind", control=Control.UNKNOWN, metrics=None, memory=None, home=None),
    well("far", spec=make.spec("far", url="http://8.8.8.8:8000"), home=None, memory=None),
    well("keyed", spec=make.spec("keyed", api_key_env="KEY"), facts=make.facts(models=())),
    well("boxed", home=make.home(container="c", container_state="exited", exit_code=137)),
    well("sick", home=make.home(container="c", container_state="running", health="unhealthy")),
    well("changed", verification=make.verification(Check.CHANGED)),
    well("unchecked", spec=make.spec("unchecked", canary=Canary(enabled=False))),
    well("large", learned=Learned(awake_by_gpu={0: 139 * GIB})),
)


def test_whatever_is_not_well_has_a_next_step_and_says_how_it_is_known():
    gpus = (
        make.gpu_view(0, processes=None),
        make.gpu_view(1, None, problem="GPU 1 has fallen off the bus"),
        make.gpu_view(2, None),
    )
    found = doctor.examine(
        scene(*EVERYTHING_WRONG, gpus=gpus, notes=("Docker is not running",), gpu_problem="no NVML")
    )
    assert len(found) > 100
    for one in found:
        assert bool(one.next) is (one.status is not Status.OK), one
        assert one.what, one
        assert one.known or one.id in ("reach", "state"), one
        assert not one.what.endswith("."), one
        assert not one.next.endswith("."), one
    keys = [(one.server, one.id) for one in found]
    assert len(keys) == len(set(keys))


def test_of_each_subject_the_worst_comes_first_and_the_machine_last():
    found = doctor.examine(scene(*EVERYTHING_WRONG))
    subjects = list(dict.fromkeys(one.server for one in found))
    assert subjects == [*(view.name for view in EVERYTHING_WRONG), None]
    order = list(Status)
    for subject in subjects:
        ranks = [order.index(one.status) for one in found if one.server == subject]
        assert ranks == sorted(ranks)


def test_a_server_that_is_not_there_is_not_examined_further():
    found = findings(well(state=State.DOWN, reason="nothing listens on it", home=None))
    assert found["reach"].status is Status.BAD
    assert "nothing listens on it" in found["reach"].what
    assert not {"version", "canary", "exposure", "processes", "room.gpu0"} & set(found)
    assert doctor.unreachable(tuple(found.values())) == ("qwen",)
    assert doctor.unreachable(tuple(findings(well()).values())) == ()


@pytest.mark.parametrize(
    ("version", "missing", "there"),
    [
        ("0.8.3", {"wake_tags", "reload_weights", "sleep_mode"}, set()),
        ("0.10.2", {"reload_weights", "sleep_state_metric"}, {"wake_tags"}),
        ("0.17.1", {"partial_wake_resumes", "failed_wake_recovers"}, {"sleep_mode"}),
        ("0.25.1", {"failed_wake_recovers", "reports_status"}, {"partial_wake_resumes"}),
        ("0.31.0", {"reports_status"}, {"failed_wake_recovers"}),
        ("0.32.0", set(), {"reports_status"}),
    ],
)
def test_what_a_version_lacks_is_a_line_each(version, missing, there):
    found = findings(well(facts=make.facts(version)))
    lacking = {id_.removeprefix("version.") for id_ in found if id_.startswith("version.")}
    assert missing <= lacking
    assert not there & lacking


def test_a_bug_that_each_server_has_is_to_watch_and_one_of_some_is_not_known():
    found = findings(well(facts=make.facts("0.16.0")))
    assert found["bug.32714"].status is Status.WARN
    assert found["bug.32714"].next == "run vLLM 0.17 or later"
    assert found["bug.15483"].next.endswith(
        "until then keep clients away before it sleeps and until it is awake"
    )


def test_bugs_that_most_servers_never_meet_are_one_row_below_what_is_to_watch():
    found = findings(well(facts=make.facts("0.25.1")))
    assert found["bugs"].status is Status.UNKNOWN
    assert found["bugs"].what == (
        "3 known bugs, only with: an FP8 KV cache and a hybrid model (Mamba layers);"
        " an FP8 KV cache with calibrated scales; LoRA adapters"
    )
    assert "39934, LoRA adapters: reading the weights again after level 2 fails (use level 1)" in (
        found["bugs"].known
    )
    assert found["bugs"].next == "where that applies, run vLLM 0.29 or later"
    assert not [id_ for id_ in found if id_.startswith("bug.")]
    assert "bugs" not in findings(well(facts=make.facts("0.32.0")))


@pytest.mark.parametrize("version", ["0.8.4", "0.12.0", "0.17.0", "0.22.1", "0.27.1"])
def test_all_of_such_bugs_is_told(version):
    known = findings(well(facts=make.facts(version)))["bugs"].known
    assert not known.endswith("…")


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("w wakes the rest", "w in the panel wakes the rest"),
        (
            "free memory on its GPU, then w tries it",
            "free memory on its GPU, then w in the panel tries it",
        ),
        ("start it with --enable-w", "start it with --enable-w"),
        ("restart it", "restart it"),
    ],
)
def test_a_key_of_the_panel_is_named_as_such(advice, told):
    found = findings(well(state=State.PARTIAL, advice=advice))
    assert found["state"].next == told


def test_answers_that_changed_are_one_finding_and_not_two():
    changed = make.verification(Check.CHANGED)
    reason = f"its answers are garbage: {changed.verdict.words}"
    view = well(state=State.SUSPECT, reason=reason, verification=changed)
    assert "state" not in findings(view)
    assert findings(view)["canary"].what == reason
    assert "state" in findings(replace(view, reason="it holds its memory"))


def test_the_switches():
    bad = findings(well(control=Control.NO_DEV_MODE, state=State.NO_CONTROL))
    assert bad["dev_mode"].status is Status.BAD
    assert "VLLM_SERVER_DEV_MODE=1" in bad["dev_mode"].next
    assert bad["exposure"].status is Status.OK, "routes that are off can be used by nobody"
    assert "levels" not in bad
    off = findings(well(facts=make.facts(sleep_enabled=False)))
    assert off["sleep_mode"].status is Status.BAD
    assert "--enable-sleep-mode" in off["sleep_mode"].next
    assert "levels" not in off, "one cause is said once"
    cpu = of(well(facts=make.facts("0.32.0", sleep_enabled=False, device="cpu")), "sleep_mode")
    assert cpu.next == "vLLM has no sleep mode on a CPU; level 0 works"
    untold = of(well(facts=make.facts("0.10.0", sleep_enabled=None)), "sleep_mode")
    assert untold.status is Status.UNKNOWN
    assert "before 0.11" in untold.known


def test_the_levels_that_can_be_used():
    assert of(well(), "levels").what == "can be used: 0, 1, 2"
    old = well(facts=make.facts("0.10.0"))
    assert of(old, "levels").status is Status.WARN
    configured = of(well(facts=make.facts("0.10.0"), spec=make.spec(level=2)), "levels")
    assert configured.status is Status.BAD
    assert "level 2 is configured" in configured.what
    assert "qwen:" not in configured.what, "whose it is stands above"


@pytest.mark.parametrize(
    ("metrics", "status"),
    [
        (None, Status.WARN),
        (make.metrics(), Status.OK),
        (make.EngineMetrics(running=0), Status.UNKNOWN),
    ],
)
def test_the_metric(metrics, status):
    assert of(well(metrics=metrics), "metrics").status is status


def test_an_old_version_without_the_metric_is_said_once():
    found = findings(well(facts=make.facts("0.10.0"), metrics=make.EngineMetrics(running=0)))
    assert "metrics" not in found
    assert "version.sleep_state_metric" in found


@pytest.mark.parametrize(
    ("counts", "status"), [(True, Status.OK), (False, Status.UNKNOWN), (None, Status.UNKNOWN)]
)
def test_parked_requests(counts, status):
    assert of(well(facts=make.facts(load_tracking=counts)), "load").status is status


@pytest.mark.parametrize(
    ("state", "begins"), [(State.AWAKE, "v in the panel"), (State.ASLEEP, "once it is awake")]
)
def test_a_reference_is_taken_of_a_server_that_is_awake(state, begins):
    view = well(state=state, verification=None, learned=Learned())
    assert of(view, "canary").next.startswith(begins)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, Status.OK, "the same 16 tokens"),
        ({"verification": None}, Status.OK, "can be proven"),
        ({"verification": None, "learned": Learned()}, Status.UNKNOWN, "nothing to compare"),
        ({"verification": make.verification(Check.CHANGED)}, Status.BAD, "another answer"),
        ({"verification": None, "check_due": True}, Status.WARN, "somebody else"),
        ({"verification": None, "is_doubted": True}, Status.WARN, "somebody else"),
        ({"spec": make.spec(canary=Canary(enabled=False))}, Status.UNKNOWN, "canary is off"),
        (
            {"verification": None, "spec": make.spec(canary=Canary(prompt="other"))},
            Status.UNKNOWN,
            "nothing to compare",
        ),
        (
            {
                "verification": Verification(
                    at_s=0.0, verdict=no_answer("it refused"), is_inconclusive=True
                )
            },
            Status.UNKNOWN,
            "it refused",
        ),
    ],
)
def test_the_canary(fields, status, words):
    found = of(well(**fields), "canary")
    assert (found.status, words in found.what) == (status, True), found


def test_the_age_of_the_reference_is_said():
    assert of(well(), "canary").known == "the canary; its reference was taken 2 h 00 m ago"


def test_a_leak_is_to_watch_and_steady_cycles_are_well():
    leak = Drift(
        what="residual",
        cycles=8,
        grown_bytes=2 * GIB,
        slope_bytes=GIB / 4,
        low_bytes=GIB / 5,
        high_bytes=GIB / 3,
    )
    found = of(well(drift=(leak,)), "drift.residual")
    assert found.status is Status.WARN
    assert found.what == "residual grew 2.0 GiB in 8 cycles"
    assert of(well(cycles=9), "drift").status is Status.OK
    assert "drift" not in findings(well(cycles=2))


def test_the_key():
    keyed = make.spec(api_key_env="VLLM_KEY")
    assert of(well(spec=keyed), "api_key").status is Status.BAD
    given = of(well(spec=keyed), "api_key", environment={"VLLM_KEY": "secret"})
    assert given.status is Status.OK
    assert "secret" not in repr(given)
    untold = of(well(facts=make.facts(models=())), "models")
    assert untold.status is Status.WARN
    assert "api_key_env" in untold.next


def test_the_container():
    ended = make.home(container="vllm-a", container_state="exited", exit_code=137, restarts=3)
    found = findings(well(state=State.DOWN, reason="container is exited", home=ended))
    assert found["container"].status is Status.BAD
    assert "killed (137)" in found["container"].what
    assert found["container"].next.startswith("docker start vllm-a")
    assert found["restarts"].status is Status.WARN
    assert "3 times" in found["restarts"].what
    well_kept = make.home(container="a", container_state="running", health="healthy")
    assert of(well(home=well_kept), "container").what == "container a is running, healthy"
    paused = make.home(container="a", container_state="paused")
    assert of(well(home=paused), "container").next.startswith("docker unpause a")


def test_control_sequences_of_a_server_do_not_get_through():
    found = of(well(state=State.SUSPECT, reason="\x1b[2Jgone\nnow"), "state")
    assert found.what == "is suspect: gone now"


def test_how_many_and_how_bad():
    counted = doctor.counts(doctor.examine(scene(well(state=State.SUSPECT, reason="x"))))
    assert list(counted) == list(Status)
    assert counted[Status.BAD] == 1
    assert counted[Status.WARN] == 0


def test_long_lists_are_cut():
    assert names(["a"]) == "a"
    assert names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_a_finding_knows_its_server():
    patient = Patient(view=well("code"), scene=scene())
    assert patient.find("x", "X", Status.OK, "fine").server == "code"
