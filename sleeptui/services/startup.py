"""Whether a server starts up just now, so that nothing may move on its GPUs."""

from datetime import UTC, datetime

from sleeptui.core.home import Home
from sleeptui.core.model import ServerView, State
from sleeptui.core.ports import Clock

LIMIT_S = 600.0
"""A start-up is over after so long, well or not: vLLM's own VLLM_ENGINE_READY_TIMEOUT_S."""


def is_starting_up(view: ServerView, clock: Clock) -> bool:
    """Whether a server that does not listen is in its first start-up.

    Not one that Docker restarts: it may crash for want of the very memory that a sleep would
    free, and would hold up the queue for ever. Nor one that has answered since its process
    began, or began too long ago: that is one that does not listen any more.
    """
    home = view.home
    if view.state is not State.STARTING:
        return False
    if home is not None and (home.container_state == "restarting" or home.restarts):
        return False
    began_s = _began_s(home, clock)
    if began_s is not None and view.seen_at_s is not None and view.seen_at_s > began_s:
        return False
    return clock.now_s() - (view.since_s if began_s is None else began_s) < LIMIT_S


def _began_s(home: Home | None, clock: Clock) -> float | None:
    """Monotonic time at which the process or container began; None where it is not known."""
    if home is None or home.started_at is None:
        return None
    try:
        moment = datetime.fromisoformat(home.started_at)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return clock.now_s() - (clock.wall_s() - moment.timestamp())
