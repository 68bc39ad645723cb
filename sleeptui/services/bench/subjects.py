"""Which servers a plan is about, what can be done with each, and what is left out and why. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from sleeptui.core.cold import ColdKind
from sleeptui.core.errors import ConfigError
from sleeptui.core.lifecycle import level_refusal
from sleeptui.core.model import FleetView, ServerView, State
from sleeptui.core.plan import Plan
from sleeptui.core.schedule import Subject
from sleeptui.core.text import one_line
from sleeptui.services.places import may_share

MODES = frozenset({"abort", "wait", "keep"})
_ONLY_WAIT = frozenset({"wait"})
"""Versions whose /sleep has no mode: sleeptui itself waits for the requests."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a plan finds in a fleet."""

    subjects: tuple[Subject, ...]
    notes: tuple[str, ...]
    """What is left out, and why."""


def survey(
    plan: Plan,
    fleet: FleetView,
    startable: frozenset[str],
    barred: Mapping[str, str] = _NOTHING,
) -> Survey:
    """The servers of a plan.

    Args:
        plan: What is to be measured.
        fleet: As it is seen now.
        startable: Names of the servers that can be ended and started.
        barred: Why others cannot be, though they have a runtime, by name.

    Raises:
        ConfigError: The plan names a model that is not there, or nothing can be measured.
    """
    views = _chosen(plan, fleet)
    notes: list[str] = []
    able: list[ServerView] = []
    for view in views:
        if why := _unable(view, view.name in startable, barred.get(view.name)):
            notes.append(f"{one_line(view.name)}: {why}")
        else:
            able.append(view)
    if not able:
        raise ConfigError(
            f"none of the servers can be measured{': ' if notes else ''}{'; '.join(notes)}",
            hint="sleeptui doctor says what each needs",
        )
    subjects = tuple(_subject(view, able, fleet, view.name in startable) for view in able)
    notes += _left_out(plan, able, subjects, barred)
    if fleet.gpu_problem:
        notes.append(f"memory figures: {one_line(fleet.gpu_problem)}")
    return Survey(subjects=subjects, notes=tuple(notes))


def _chosen(plan: Plan, fleet: FleetView) -> tuple[ServerView, ...]:
    """Those that the plan names, by the name of the server or of its model; else all."""
    if not plan.models:
        return tuple(view for view in fleet.servers if not view.spec.pinned)
    chosen: dict[str, ServerView] = {}
    for name in plan.models:
        found = [view for view in fleet.servers if name in (view.name, *view.facts.models)]
        if not found:
            raise _not_there(name, fleet.servers)
        chosen.update((view.name, view) for view in found)
    return tuple(chosen.values())


def _not_there(name: str, servers: Iterable[ServerView]) -> ConfigError:
    known = [view.name for view in servers]
    close = get_close_matches(name, known, n=1)
    if close:
        hint = f"did you mean “{one_line(close[0])}”?"
    elif known:
        hint = f"watched are {', '.join(one_line(one) for one in known)}"
    else:
        hint = "no server is watched; sleeptui doctor says why"
    return ConfigError(f"the plan names “{one_line(name)}”, which is not watched", hint=hint)


def _unable(view: ServerView, can_start: bool, barred: str | None) -> str:
    """Why a server cannot be measured at all, or ""."""
    if view.state is State.NO_CONTROL:
        return view.reason or "it cannot be put to sleep"
    if view.facts.sleep_enabled is False:
        return f"its sleep mode is off; {view.facts.sleep_mode_advice}"
    is_down = view.state in (State.DOWN, State.STALE, State.UNKNOWN)
    if is_down and not can_start:
        return f"it is {view.state.value}, and {barred or 'is started by others'}"
    return ""


def _subject(
    view: ServerView,
    able: Sequence[ServerView],
    fleet: FleetView,
    can_start: bool,
) -> Subject:
    is_known = view.facts.version is not None
    return Subject(
        name=view.name,
        # What does not run yet tells no version: its steps will find out.
        levels=frozenset(
            level for level in (1, 2) if not is_known or level_refusal(view, level) is None
        ),
        modes=MODES if not is_known or view.facts.features.sleep_mode else _ONLY_WAIT,
        can_start=can_start,
        partners=tuple(
            other.name
            for other in able
            if other.name != view.name and may_share(view, other, fleet)
        ),
    )


def _left_out(
    plan: Plan,
    able: Sequence[ServerView],
    subjects: Sequence[Subject],
    barred: Mapping[str, str],
) -> Iterator[str]:
    """What the plan asks for and a server cannot do."""
    levels = sorted({level for part in _parts_with_levels(plan) for level in part})
    for view, subject in zip(able, subjects, strict=True):
        name = one_line(view.name)
        for level in levels:
            refused = level_refusal(view, level) if level not in subject.levels else None
            if refused is not None:
                yield refused.message
        if plan.latency and plan.latency.blocks and not subject.can_start:
            others = "it is started by others; give it a runtime in the configuration"
            why = barred.get(view.name, others)
            yield f"{name}: cold starts, {why} (its wakes are measured in the process that runs)"
        if plan.in_flight and (missing := sorted(set(plan.in_flight.modes) - subject.modes)):
            yield f"{name}: {' and '.join(missing)} in flight, its version can only wait"
        if plan.memory and not subject.partners:
            yield f"{name}: the proof by use, no other model that is measured is on its GPU"
        if plan.latency and ColdKind.VIRGIN in plan.latency.cold and not view.spec.compile_cache:
            yield f"{name}: proof of a first start ever, compile_cache is not configured"
        if not view.spec.canary.enabled:
            yield f"{name}: the check of its answers, its canary is off"


def _parts_with_levels(plan: Plan) -> Iterator[tuple[int, ...]]:
    for part in (plan.latency, plan.memory, plan.in_flight, plan.stability):
        if part is not None:
            yield part.levels
