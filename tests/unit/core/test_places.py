from support.benches import phase
from support.sessions import attempt, request, session

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.measure import intervals
from sleeptui.core.places import Place, Places, phases_of


def test_by_hand_everything_is_steady():
    assert Places(session()).of(attempt("wake")) is Place.STEADY


def test_an_operation_is_for_what_its_phase_is_for():
    phases = (
        phase(1, "block", question="latency"),
        phase(2, "cycle", parent=1, nth=0),
        phase(3, "cycle", parent=1, nth=1),
        phase(4, "trial", question="in_flight"),
        phase(5, "proof", question="memory"),
        phase(6, "cycle", question="stability", nth=4),
    )
    places = Places(session(phases=phases))
    found = [places.of(attempt("wake", phase=number)) for number in (2, 3, 4, 5, 6, None, 99)]
    assert found == [
        Place.FIRST,
        Place.STEADY,
        Place.IN_FLIGHT,
        Place.ASIDE,
        Place.ASIDE,
        Place.ASIDE,
        Place.ASIDE,
    ]
    assert (places.question(3), places.block(3), places.block(6)) == (Question.LATENCY, 1, None)
    assert places.is_in(request(phase=3), PhaseKind.BLOCK)
    assert not places.is_in(request(phase=6), PhaseKind.BLOCK)
    assert [one.phase.id for one in phases_of(session(phases=phases), PhaseKind.TRIAL)] == [4]


def test_cycles_of_a_plan_without_latency_are_steady():
    phases = (phase(1, "cycle", question="stability", nth=1),)
    assert Places(session(phases=phases)).of(attempt("wake", phase=1)) is Place.STEADY


def test_phases_that_are_in_each_other_end():
    phases = (phase(1, "cycle", parent=2), phase(2, "baseline", parent=1))
    assert Places(session(phases=phases)).question(1) is None


def test_a_cycle_that_was_disturbed_spoils_its_times():
    phases = (
        phase(1, "cycle", nth=1, cls="disturbed"),
        phase(2, "cycle", nth=1, cls="engine_dead"),
        phase(3, "trial", cls="disturbed"),
        phase(4, "cycle", nth=1, cls="invalid:level"),
    )
    seen = session(phases=phases)
    found = [Places(seen).spoiled(attempt("wake", phase=number)) for number in (1, 2, 3, 4, None)]
    assert found == ["disturbed", "", "", "invalid:level", ""]
    (call,) = (
        one
        for one in intervals(session(attempt("wake", phase=1), phases=phases))
        if one.id == "wake.call"
    )
    assert (call.n, dict(call.others)) == (0, {"disturbed": 1})
