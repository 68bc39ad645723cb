"""What tells one life of a server from another: restarts, and other weights. Pure."""

from sleeptui.core.model import EngineMetrics, Observation, Reach, ServerFacts, ServerView


def life_of(view: ServerView) -> float | None:
    """Which life of a server this is: when its process started; None: it does not tell."""
    return view.metrics.process_start_s if view.metrics else None


def has_other_weights(before: ServerFacts, now: ServerFacts) -> bool:
    """Whether another model is served than before, as far as both are known."""
    if not before.models or not now.models:
        return False
    if before.root and now.root:
        return before.root != now.root
    return before.models[0] != now.models[0]


def is_restart(
    metrics: EngineMetrics | None,
    before: Observation | None,
    seen: Observation,
    answered_s: float | None,
) -> bool:
    """Whether a look found another process than the looks before it did.

    Args:
        metrics: The newest that were read before this look.
        before: The look before.
        seen: This look.
        answered_s: When the server last answered; None: never.
    """
    known_s = metrics.process_start_s if metrics else None
    now_s = seen.metrics.process_start_s if seen.metrics else None
    if known_s is not None and now_s is not None:
        return now_s != known_s
    was_gone = before is not None and before.reach is Reach.REFUSED
    is_back = known_s is None and seen.reach is Reach.ANSWERED and answered_s is not None
    return was_gone and is_back
