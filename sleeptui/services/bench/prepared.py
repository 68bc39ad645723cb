"""A plan that is ready to be carried out: its steps, how long they take, how they are judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sleeptui.core.errors import ConfigError
from sleeptui.core.estimate import Speed, briefing, seconds_of, speed_of
from sleeptui.core.model import FleetView, State
from sleeptui.core.plan import Plan
from sleeptui.core.schedule import Subject, schedule
from sleeptui.core.session import Session
from sleeptui.core.step import Step
from sleeptui.core.text import one_line
from sleeptui.core.verdict import Expectation, Verdict
from sleeptui.services.bench.subjects import survey
from sleeptui.services.health import RUNTIME_ERRORS
from sleeptui.services.panel import Services
from sleeptui.services.places import may_share

_NOTHING: Mapping[str, str] = MappingProxyType({})
_ALIEN = "it runs, but its runtime has not started it: end it, then sleeptui up starts it"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What will be done."""

    plan: Plan
    seed: int
    subjects: tuple[Subject, ...]
    startable: frozenset[str]
    """Names of all servers that can be ended and started, also of those that are not measured."""
    touched: tuple[str, ...]
    """Servers that it moves: those that are measured, and those that make room for them."""
    steps: tuple[Step, ...]
    speeds: dict[str, Speed]
    notes: tuple[str, ...]
    """What is left out, and why."""
    estimate_s: float
    briefing: tuple[str, ...]
    """All of it in plain words, a sentence a line."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Criteria:
    """What the measurements are held against."""

    expectations: tuple[Expectation, ...] = ()
    text: str = ""
    """The TOML that they were read from, for the record."""
    baseline: Session | None = None
    baseline_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchEnd:
    """How a benchmark ended."""

    cls: str
    """ok, user_abort, time_over: its plan's ``max_duration_s`` has passed."""
    done: int
    """Steps that were carried out, well or not."""
    steps: int
    failed: int
    """Steps that did not end well."""
    skipped: int
    """Steps that made no sense any more after others had failed."""
    verdicts: tuple[Verdict, ...] = ()
    unjudged: str = ""
    """Why there are no verdicts; empty: there are, or none were asked for."""
    left: tuple[str, ...] = ()
    """Servers that are not as they were found, a sentence each."""


def prepare(
    services: Services, plan: Plan, *, seed: int, barred: Mapping[str, str] = _NOTHING
) -> Prepared:
    """Check a plan against the fleet, and put it into its order. Nothing is touched.

    Args:
        services: They have looked at every server.
        plan: What to measure.
        seed: Of the order; that of the plan counts more.
        barred: What ``barred`` has found; without it every runtime is trusted.

    Raises:
        ConfigError: It names a model that is not there, or nothing can be measured.
    """
    if services.settings.readonly:
        raise ConfigError("a benchmark moves servers, and this is --readonly", hint="leave it out")
    fleet = services.store.view
    able = _startable(services) - barred.keys()
    found = survey(plan, fleet, able, barred)
    seed = plan.seed if plan.seed is not None else seed
    steps = schedule(plan, found.subjects, seed)
    if not steps:
        raise ConfigError(
            f"plan {plan.name}: nothing of it can be measured here: {'; '.join(found.notes)}",
            hint="sleeptui doctor says what each server needs",
        )
    speeds = _speeds(fleet)
    return Prepared(
        plan=plan,
        seed=seed,
        subjects=found.subjects,
        startable=able,
        touched=_touched(fleet, found.subjects),
        steps=steps,
        speeds=speeds,
        notes=found.notes,
        estimate_s=sum(seconds_of(step, plan, speeds) for step in steps),
        briefing=briefing(plan, steps, speeds, found.notes),
    )


async def barred(services: Services) -> Mapping[str, str]:
    """Servers that cannot be ended and started now though they have a runtime, and why."""
    found: dict[str, str] = {}
    for view in services.store.view.servers:
        runtime = services.runtimes.of(view.spec) if services.runtimes is not None else None
        if runtime is None:
            continue
        try:
            running = await runtime.state(view.spec)
        except RUNTIME_ERRORS as error:
            found[view.name] = f"its runtime cannot be asked: {one_line(error.message)}"
            continue
        if not running.is_running and view.state is not State.DOWN:
            found[view.name] = _ALIEN
    return found


def _startable(services: Services) -> frozenset[str]:
    """The servers that have a runtime."""
    runtimes = services.runtimes
    if runtimes is None:
        return frozenset()
    return frozenset(
        view.name for view in services.store.view.servers if runtimes.of(view.spec) is not None
    )


def _touched(fleet: FleetView, subjects: tuple[Subject, ...]) -> tuple[str, ...]:
    names = {subject.name for subject in subjects}
    measured = [view for view in fleet.servers if view.name in names]
    return tuple(
        view.name
        for view in fleet.servers
        if view.name in names
        or (not view.spec.pinned and any(may_share(view, one, fleet) for one in measured))
    )


def _speeds(fleet: FleetView) -> dict[str, Speed]:
    return {view.name: speed_of(view.learned) for view in fleet.servers}
