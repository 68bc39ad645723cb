"""Makes a server ready to be measured: awake, with correct answers, and alone on its GPUs."""

from sleeptui.core.canary import Check
from sleeptui.core.model import IN_TRANSITION, ServerView, State
from sleeptui.services.bench.desk import DEAD, BenchDesk, StepFailed
from sleeptui.services.places import may_share

_LOOK_AGAIN_S = 0.1
_SETTLED_WITHIN_S = 30.0
_UNSETTLED = IN_TRANSITION | {State.UNKNOWN, State.STALE}
_HOLDS_NOTHING = frozenset({State.ASLEEP, State.DOWN, State.UNKNOWN, State.NO_CONTROL})
"""Or nothing can be done about it."""
_WAKEABLE = frozenset({State.ASLEEP, State.PARTIAL, State.PAUSED, State.SUSPECT})
_BROKEN = frozenset({State.WEDGED, State.STALE, State.SUSPECT})
_ATTEMPTS = 3
"""A wake that fails, a restart, and the wake of what comes up asleep."""


async def make_ready(
    desk: BenchDesk, server: str, *, is_awake: bool = True, is_same: bool = False
) -> None:
    """Put the others on its GPUs to sleep; wake it, or start it anew.

    Args:
        desk: What it works with.
        server: Its name.
        is_awake: Else it is left as it is.
        is_same: It has to be the same process, and is not started anew.

    Raises:
        StepFailed: That cannot be done; the others may sleep by then.
    """
    for other in neighbours(desk, server):
        await rest(desk, other)
    if is_awake:
        await rouse(desk, server, is_same=is_same)


def is_ready(desk: BenchDesk, server: str) -> bool:
    """Whether nothing has to be done for it."""
    if not _is_well(desk.view(server)):
        return False
    return all(desk.view(other).state in _HOLDS_NOTHING for other in neighbours(desk, server))


def neighbours(desk: BenchDesk, server: str) -> tuple[str, ...]:
    """The other servers that may use its GPUs, but for those that are pinned and not measured."""
    fleet = desk.services.store.view
    view = desk.view(server)
    return tuple(
        other.name
        for other in fleet.servers
        if other.name != server
        and may_share(view, other, fleet)
        and (other.name in desk.measured or not other.spec.pinned)
    )


async def rest(desk: BenchDesk, server: str, level: int | None = None) -> None:
    """Put a server to sleep, unless it holds nothing.

    Args:
        desk: What it works with.
        server: Its name.
        level: At which it sleeps; None: its own.

    Raises:
        StepFailed: It stays awake.
    """
    view = await settled(desk, server)
    if view.state in _HOLDS_NOTHING:
        return
    if view.state in _BROKEN and server in desk.startable:
        await desk.ended(lambda: desk.operations.stop(server))
        return
    if view.state is not State.AWAKE:
        await desk.wake(server)
    await desk.sleep(server, view.spec.level if level is None else level)


async def rouse(desk: BenchDesk, server: str, *, is_same: bool = False) -> None:
    """Wake a server, or start it anew where that does not help and the same is not asked for.

    Raises:
        StepFailed: It does not come back.
    """
    failed: StepFailed | None = None
    can_start = server in desk.startable and not is_same
    for _ in range(_ATTEMPTS):
        view = await settled(desk, server)
        if _is_well(view):
            return
        try:
            if view.state in _WAKEABLE and failed is None:
                await desk.wake(server)
            elif can_start:
                await restart(desk, server)
            else:
                break
        except StepFailed as error:
            failed = error
    view = desk.view(server)
    if _is_well(view):
        return
    why = failed.note if failed else f"{server} is {view.state.value}: {view.reason}"
    if server not in desk.startable:
        why = f"{why}; it is started by others"
    raise StepFailed(DEAD, why)


async def restart(desk: BenchDesk, server: str) -> None:
    """End its process, if there is one, and start it; what kind of start it is, is not prepared.

    Raises:
        StepFailed: It could not be ended or started.
    """
    if desk.view(server).state is not State.DOWN:
        await desk.ended(lambda: desk.operations.stop(server))
    await desk.ended(lambda: desk.operations.start(server))


async def settled(desk: BenchDesk, server: str) -> ServerView:
    """Wait until its state is none on the way, for a while; a start may take its whole time.

    Raises:
        StepFailed: It is not watched any more.
    """
    began_s = desk.now_s()
    while (view := desk.view(server)).state in _UNSETTLED or view.operation is not None:
        limit_s = _SETTLED_WITHIN_S
        if view.state is State.STARTING:
            limit_s = view.spec.timeouts.start_s
        if desk.now_s() - began_s > limit_s:
            break
        await desk.pause(_LOOK_AGAIN_S)
    return view


def _is_well(view: ServerView) -> bool:
    return view.state is State.AWAKE and view.check is not Check.CHANGED
