"""Verifies a server now: asks the canary, and says what its answers are worth."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sleeptui.core.canary import Check, Grade, Reference, Verification, judge
from sleeptui.core.events import Event, OperationStarted
from sleeptui.core.lifecycle import TRANSITIONS
from sleeptui.core.model import Observation, ServerView
from sleeptui.core.operation import Cause, Outcome
from sleeptui.services.asking import (
    Asked,
    ask,
    model_of,
    noticing,
    publish,
    reference_of,
    verified,
)
from sleeptui.services.known import canary_lines
from sleeptui.services.reference import DOUBTED, MOVED, gathered, has_begun_anew, keep
from sleeptui.services.run import Ended, Result, Run

RESTART = "restart it; l shows its log"
REFUSED = "if it does not generate text, switch its canary off"


async def check(run: Run) -> Result:
    """The work of a verify; the state of the server stays as it is.

    Stopped by a transition of ours that begins on the server, or by the user: then there is no
    verdict.

    Raises:
        Ended: It does not run any more, sleeps, or somebody else has moved it meanwhile.
        Stopped: It was stopped.
    """
    unsubscribe = run.desk.bus.subscribe(_stop_for_others(run))
    try:
        return await run.ticket.stoppable(_check(run))
    finally:
        unsubscribe()


def fault(verification: Verification) -> Cause | None:
    """What is wrong with a server by its answer; None: nothing is known to be."""
    if verification.check is not Check.CHANGED:
        return None
    is_silent = verification.verdict.grade is Grade.NO_ANSWER
    return Cause.NO_TOKENS if is_silent else Cause.GARBAGE


def told(verification: Verification) -> str:
    """What the canary says, as the end of a sentence: ``answers with the same 16 tokens …``."""
    verdict = verification.verdict
    if verification.is_inconclusive:
        return f"its answers are not checked: {verdict.words}"
    match fault(verification):
        case Cause.NO_TOKENS:
            return f"does not answer: {verdict.words}"
        case Cause.GARBAGE if verdict.grade is Grade.LATE_DIVERGENCE:
            return f"its answers are not what they were: {verdict.words}"
        case Cause.GARBAGE:
            return f"its answers are garbage: {verdict.words}"
        case _:
            return verdict.words if verdict.matches else f"answers, {verdict.words}"


def remedy(view: ServerView, verification: Verification) -> str:
    """What to do after this answer; empty if all is well."""
    match fault(verification):
        case Cause.NO_TOKENS:
            return f"v asks again; if it stays silent, {RESTART}"
        case Cause.GARBAGE if view.facts.features.reload_weights:
            return f"w reads its weights again; if that does not help, {RESTART}"
        case Cause.GARBAGE:
            return RESTART
        case _:
            pass
    if verification.is_inconclusive:
        return "v asks again when it is less busy"
    if verification.verdict.matches:
        return ""
    if model_of(view) is None:
        return "the name of its model is not read yet: v again in a moment"
    return "v takes a reference for the next wake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a canary has told of a server that is awake."""

    asked: Asked
    verification: Verification
    is_reference: bool
    """Its answers were kept: there is nothing older that they could be compared with."""


async def _check(run: Run) -> Result:
    seen = await run.look()
    _must_be_awake(seen)
    found = await examine(run, seen, ask(run))
    if found.verification.took_s is not None:
        run.part("canary", found.verification.took_s)
    return _result(run, found)


async def examine(run: Run, seen: Observation, asking: Awaitable[Asked]) -> Examined:
    """Judge the answers of a server, and keep them where there are none to compare with.

    Those of a process that began after the reference was taken may be others.

    Args:
        run: The operation.
        seen: The look that has just found it awake.
        asking: Asks the canary.

    Raises:
        Ended: The engine is gone, or somebody else has moved it meanwhile.
    """
    with noticing(run, seen) as others:
        asked = await asking
        reference = reference_of(run.view)
        verification = await verified(run, asked, reference)
        is_outdated = _is_outdated(run.view, reference, verification)
        new = None
        if reference is None or is_outdated:
            new = await _gathered(run, asked, verification)
        await run.look()
    if others.have_acted:
        raise Ended(moved())
    if new is not None and is_outdated:
        run.know(f"canary: since its restart {verification.verdict.words}")
        verification = replace(
            verification, verdict=judge(new.answers[0], None), reference_wall_s=None
        )
    run.verification = verification
    if new is None or not is_outdated:
        run.know(*canary_lines(verification, reference, run.desk.clock.wall_s()))
    if new is not None:
        keep(run, new)
        run.know(f"reference: taken now, {len(new.answers)} answers")
    elif reference is None and _is_doubtful(run.view):
        run.know(f"reference: {DOUBTED}")
    publish(run, verification)
    return Examined(asked=asked, verification=verification, is_reference=new is not None)


def _is_outdated(view: ServerView, reference: Reference | None, verification: Verification) -> bool:
    """Whether it answers otherwise because it was restarted since the reference was taken."""
    if reference is None or verification.check is not Check.CHANGED:
        return False
    return verification.verdict.decodes and has_begun_anew(view, reference)


def _is_doubtful(view: ServerView) -> bool:
    return view.is_doubted or view.check_due


async def _gathered(run: Run, first: Asked, verification: Verification) -> Reference | None:
    """The first answers of a server that has given none before, where they can be trusted."""
    if verification.is_inconclusive or not verification.verdict.decodes:
        return None
    return None if _is_doubtful(run.view) else await gathered(run, first)


def _result(run: Run, found: Examined) -> Result:
    asked, verification = found.asked, found.verification
    cause = fault(verification)
    outcome = Outcome.DONE if cause is None else Outcome.SUSPECT
    message, hint = told(verification), remedy(run.view, verification)
    if found.is_reference:
        message = "answers; kept as the reference, nothing to compare with yet"
        hint = ""
    elif run.view.is_doubted and cause is None:
        hint = _sure(run.view)
    if verification.is_inconclusive:
        outcome = Outcome.UNKNOWN
        if asked.is_refused:
            outcome, cause, hint = Outcome.FAILED, Cause.REJECTED, asked.hint or REFUSED
    return Result(
        outcome=outcome,
        cause=cause,
        message=message,
        hint=hint,
        duration_s=verification.took_s,
        first_token_s=verification.first_token_s,
    )


def _sure(view: ServerView) -> str:
    if view.facts.features.reload_weights:
        return "to be sure, put it to sleep at level 2 and wake it: that reads its weights again"
    return "to be sure, restart it"


def _must_be_awake(seen: Observation) -> None:
    """A canary would hang at a sleeping server until it wakes."""
    if not seen.is_sleeping:
        return
    raise Ended(
        Result(
            outcome=Outcome.CANCELLED,
            message="it was found asleep; nothing was sent",
            hint="w wakes it and verifies it",
        )
    )


def moved(duration_s: float | None = None) -> Result:
    """The end of an operation whose canary was asked while somebody else has moved the server."""
    return Result(
        outcome=Outcome.UNKNOWN,
        message=f"{MOVED}: the answer says nothing of it now",
        hint="v asks again",
        duration_s=duration_s,
    )


def _stop_for_others(run: Run) -> Callable[[Event], None]:
    def follow(event: Event) -> None:
        """A transition of ours begins on the server: its answer would say nothing after it."""
        if not isinstance(event, OperationStarted) or event.operation.server != run.server:
            return
        if event.operation.kind in TRANSITIONS:
            run.ticket.cancel()

    return follow
