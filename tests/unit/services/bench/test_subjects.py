import pytest
from support.builders import facts, gpu, server, spec
from support.builders import fleet as picture

from sleeptui.core.cold import ColdKind
from sleeptui.core.errors import ConfigError
from sleeptui.core.model import GpuView, State
from sleeptui.core.plan import InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.settings import Canary
from sleeptui.services.bench.subjects import survey

ALL = Plan(
    name="all", latency=Latency(), memory=Memory(), in_flight=InFlight(), stability=Stability()
)
BOTH = frozenset({"a", "b"})


def fleet(*servers, **fields):
    return picture(servers, (GpuView(sample=gpu()),), **fields)


def two(**of_b):
    return fleet(server("a"), server("b", **of_b))


def found(plan=ALL, view=None, startable=BOTH):
    return survey(plan, view or two(), startable)


def named(subjects):
    return [one.name for one in subjects]


def test_all_that_can_be_controlled_are_measured():
    survey = found()
    assert named(survey.subjects) == ["a", "b"]
    first = survey.subjects[0]
    assert (first.levels, first.partners, first.can_start) == ({1, 2}, ("b",), True)
    assert first.modes == {"abort", "wait", "keep"}
    assert survey.notes == ()


def test_a_plan_names_servers_or_their_models():
    plan = Plan(name="x", models=("b",), stability=Stability())
    view = two(facts=facts(models=("acme/b",)))
    assert named(found(plan, view).subjects) == ["b"]
    plan = Plan(name="x", models=("acme/b", "a"), stability=Stability())
    assert named(found(plan, view).subjects) == ["b", "a"]


def test_a_name_that_is_not_there_is_refused_with_the_nearest():
    view = fleet(server("summarize"))
    with pytest.raises(ConfigError, match="“summarise”") as caught:
        found(Plan(name="x", models=("summarise",), stability=Stability()), view)
    assert "“summarize”" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        found(Plan(name="x", models=("zzz",), stability=Stability()))
    assert "a, b" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        found(Plan(name="x", models=("zzz",), stability=Stability()), fleet())
    assert "doctor" in caught.value.hint


def test_pinned_servers_are_left_alone_unless_they_are_named():
    view = two(spec=spec("b", pinned=True))
    assert named(found(ALL, view).subjects) == ["a"]
    plan = Plan(name="x", models=("b",), stability=Stability())
    assert named(found(plan, view).subjects) == ["b"]


@pytest.mark.parametrize(
    ("of_b", "why"),
    [
        ({"state": State.NO_CONTROL, "reason": "no dev mode"}, "b: no dev mode"),
        ({"facts": facts(sleep_enabled=False)}, "b: its sleep mode is off; start it with --en"),
        (
            {"facts": facts(sleep_enabled=False, device="cpu")},
            "b: its sleep mode is off; vLLM has no sleep mode on a CPU",
        ),
    ],
)
def test_what_cannot_sleep_is_left_out_and_said(of_b, why):
    survey = found(ALL, two(**of_b))
    assert named(survey.subjects) == ["a"]
    assert any(note.startswith(why) for note in survey.notes)
    assert any("a: the proof by use" in note for note in survey.notes)


def test_what_is_down_is_measured_where_it_can_be_started():
    view = two(state=State.DOWN, facts=facts(version=None, models=()))
    survey = found(ALL, view)
    assert survey.subjects[1].levels == {1, 2}
    assert survey.subjects[1].modes == {"abort", "wait", "keep"}
    survey = found(ALL, view, frozenset({"a"}))
    assert named(survey.subjects) == ["a"]
    assert "b: it is down, and is started by others" in survey.notes


def test_nothing_to_measure_is_an_error_with_the_reasons():
    view = fleet(server("a", state=State.NO_CONTROL, reason="no dev mode"))
    with pytest.raises(ConfigError, match="a: no dev mode"):
        found(ALL, view)
    with pytest.raises(ConfigError, match="can be measured[.]"):
        found(ALL, fleet())


def test_without_a_runtime_there_are_no_cold_starts():
    survey = found(startable=frozenset({"a"}))
    assert [one.can_start for one in survey.subjects] == [True, False]
    assert any(note.startswith("b: cold starts, it is started by others") for note in survey.notes)
    none = Plan(name="x", latency=Latency(blocks=0))
    assert found(none, startable=frozenset()).notes == ()


def test_an_old_version_waits_only_and_has_no_level_2():
    old = two(facts=facts(version="0.10.2"))
    survey = found(ALL, old)
    assert survey.subjects[1].modes == {"wait"}
    assert survey.subjects[1].levels == {1}
    assert "b: abort and keep in flight, its version can only wait" in survey.notes
    assert any("level 2 has no way back" in note for note in survey.notes)


def test_gpus_that_cannot_be_read_and_canaries_that_are_off_are_said():
    view = fleet(
        server("a", spec=spec("a", canary=Canary(enabled=False))),
        server("b"),
        gpu_problem="no NVML",
    )
    notes = found(ALL, view).notes
    assert "memory figures: no NVML" in notes
    assert "a: the check of its answers, its canary is off" in notes


def test_a_first_start_ever_needs_a_folder_of_compile_caches():
    plan = Plan(name="x", latency=Latency(cold=(ColdKind.VIRGIN,)))
    notes = found(plan).notes
    assert any("compile_cache is not configured" in note for note in notes)
