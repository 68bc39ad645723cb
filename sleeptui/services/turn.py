"""The turn of an order that had to wait: it may make no sense any more."""

from sleeptui.core.model import State
from sleeptui.core.operation import Kind
from sleeptui.services.queue import Claim
from sleeptui.services.run import Run

_AWAKE = frozenset({State.AWAKE, State.NO_CONTROL})


async def until_turn(run: Run, claim: Claim) -> str:
    """Wait for the turn. Returns why it makes no sense any more then, or ""."""
    await claim.turn
    return await _outdated(run) if claim.has_waited else ""


async def _outdated(run: Run) -> str:
    """Why an order that has waited makes no sense any more, or "".

    A start and a stop find out by themselves.
    """
    if run.operation.kind in (Kind.START, Kind.STOP):
        return ""
    seen = await run.look()
    if run.operation.kind is Kind.SLEEP and seen.is_sleeping:
        return "it was asleep when its turn came; nothing was sent"
    if run.operation.kind is not Kind.SLEEP and run.view.state in _AWAKE:
        return "it was awake when its turn came; nothing was sent"
    return ""
