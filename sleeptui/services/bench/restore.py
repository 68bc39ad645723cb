"""Brings every server back to how it was found, whatever has happened meanwhile."""

from contextlib import suppress
from dataclasses import dataclass

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.model import FleetView, ServerView, State
from sleeptui.core.text import one_line
from sleeptui.services.bench.desk import BenchDesk, StepFailed
from sleeptui.services.bench.ready import neighbours, rest, rouse, settled
from sleeptui.services.health import RUNTIME_ERRORS

_ASLEEP = frozenset({State.ASLEEP, State.PARTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a server was before a benchmark."""

    name: str
    state: State
    level: int | None = None

    @property
    def words(self) -> str:
        """``asleep at level 1``."""
        at = f" at level {self.level}" if self.level is not None else ""
        return f"{self.state.value}{at}"


def found(fleet: FleetView) -> tuple[Found, ...]:
    """How every server is now, as far as it can be brought back to it."""
    return tuple(
        Found(name=view.name, state=state, level=view.level if state is State.ASLEEP else None)
        for view in fleet.servers
        if (state := _kind_of(view)) is not None
    )


async def restore(desk: BenchDesk, before: tuple[Found, ...]) -> tuple[str, ...]:
    """Bring all back: those that were down or asleep first, so that the others have room.

    Args:
        desk: What it works with.
        before: How they were found.

    Returns:
        Those that are not as they were, a sentence each.
    """
    left: list[str] = []
    order = sorted(before, key=lambda one: (State.DOWN, State.ASLEEP, State.AWAKE).index(one.state))
    for one in order:
        try:
            await _bring_back(desk, one)
        except (StepFailed, SleeptuiError) as error:
            left.append(_not_as_found(desk, one, str(error)))
    return tuple(left)


async def _bring_back(desk: BenchDesk, one: Found) -> None:
    if one.state is State.DOWN:
        await _bring_down(desk, one)
    else:
        view = await settled(desk, one.name)
        if _is_as_found(view, one):
            return
        if one.state is State.AWAKE:
            await rouse(desk, one.name)
        else:
            await _back_to_sleep(desk, one, view)
    view = await settled(desk, one.name)
    if not _is_as_found(view, one):
        raise StepFailed("invalid:not restored", f"it is {view.state.value}")


async def _bring_down(desk: BenchDesk, one: Found) -> None:
    """End it, also where it comes up and nobody has seen it yet: that is not waited for."""
    view = desk.view(one.name)
    if view.state is not State.STARTING and not await _runs(desk, view):
        view = await settled(desk, one.name)
        if view.state is State.DOWN:
            return
    await desk.ended(lambda: desk.operations.stop(one.name))


async def _runs(desk: BenchDesk, view: ServerView) -> bool:
    """Whether its runtime says so; what cannot be told is left to what is seen of it."""
    runtimes = desk.services.runtimes
    runtime = runtimes.of(view.spec) if runtimes is not None else None
    if runtime is None:
        return False
    with suppress(*RUNTIME_ERRORS):
        return (await runtime.state(view.spec)).is_running
    return False


async def _back_to_sleep(desk: BenchDesk, one: Found, view: ServerView) -> None:
    """Asleep at its level; for that it may have to be awake for a moment, and so alone."""
    if view.state is not State.AWAKE:
        for other in neighbours(desk, one.name):
            await rest(desk, other)
        await rouse(desk, one.name)
    await rest(desk, one.name, one.level)


def _is_as_found(view: ServerView, one: Found) -> bool:
    is_level = one.level is None or view.level == one.level
    return _kind_of(view) is one.state and is_level


def _kind_of(view: ServerView) -> State | None:
    """What it can be brought back to; None: nothing that this could do anything about."""
    if view.state is State.AWAKE:
        return State.AWAKE
    if view.state in _ASLEEP:
        return State.ASLEEP
    return State.DOWN if view.state is State.DOWN else None


def _not_as_found(desk: BenchDesk, one: Found, why: str) -> str:
    view = desk.services.store.server(one.name)
    now = view.state.value if view is not None else "not watched any more"
    return f"{one_line(one.name)} is {now}, it was {one.words}: {why}"
