"""The doctor: from the picture of the fleet to findings, each with the next step.

It asks nothing by itself: the screen gives it the newest picture, ``sleeptui doctor`` one that
``services.doctor_survey`` has waited for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sleeptui.core.text import one_line
from sleeptui.services.doctor_finding import ORDER, Finding, Patient, Scene, Status
from sleeptui.services.doctor_machine import examine_machine
from sleeptui.services.doctor_places import examine_places
from sleeptui.services.doctor_room import examine_room, examine_sharing
from sleeptui.services.doctor_state import REACH, answers, examine_proof, examine_state
from sleeptui.services.doctor_switches import examine_switches
from sleeptui.services.places import seen_gpus_of
from sleeptui.services.stage import Stage

_SENTENCE = 800


def examine(scene: Scene) -> tuple[Finding, ...]:
    """All findings: the servers in fleet order, then the machine; of each the worst first."""
    scene = replace(
        scene, gpus={view.name: seen_gpus_of(view, scene.fleet) for view in scene.fleet.servers}
    )
    found: list[Finding] = []
    for view in scene.fleet.servers:
        patient = Patient(view=view, scene=scene)
        here = [*examine_state(patient)]
        if answers(view):
            here += examine_switches(patient)
            here += examine_proof(patient)
            here += examine_room(patient)
        here += examine_places(patient)
        found += sorted(here, key=_rank)
    found += sorted((*examine_machine(scene), *examine_sharing(scene)), key=_rank)
    return tuple(_clean(one) for one in found)


def scene_of(services: Stage, environment: Mapping[str, str]) -> Scene:
    """What there is to examine now."""
    problem = services.supervisor.home_problem
    return Scene(
        fleet=services.store.view,
        settings=services.settings,
        notes=(problem,) if problem else tuple(services.finder.notes()),
        environment=environment,
        wall_s=services.clock.wall_s(),
    )


def counts(findings: Sequence[Finding]) -> Mapping[Status, int]:
    """How many there are of each status, the worst first."""
    counted = Counter(one.status for one in findings)
    return {status: counted[status] for status in ORDER}


def unreachable(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Servers at whose address nothing that is vLLM answers."""
    return tuple(
        one.server
        for one in findings
        if one.id == REACH and one.status is Status.BAD and one.server is not None
    )


def _rank(finding: Finding) -> int:
    return ORDER.index(finding.status)


def _clean(finding: Finding) -> Finding:
    """Words of servers are part of it: nothing of theirs reaches a terminal as more than text."""
    return replace(
        finding,
        what=one_line(finding.what, _SENTENCE),
        known=one_line(finding.known, _SENTENCE),
        next=one_line(finding.next, _SENTENCE),
    )
