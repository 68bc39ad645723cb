"""Keeps the answers that later wakes are compared with: taken before a sleep, and by a verify."""

from sleeptui.core.canary import (
    REFERENCE_ANSWERS,
    Answer,
    Check,
    Grade,
    Reference,
    Verification,
    is_void,
)
from sleeptui.core.events import Noted, ReferenceTaken
from sleeptui.core.model import ServerView
from sleeptui.core.operation import Phase
from sleeptui.core.units import duration
from sleeptui.services.asking import Asked, ask, model_of, publish, reference_of, verified
from sleeptui.services.deadline import within
from sleeptui.services.known import reference_line
from sleeptui.services.run import Run

_WHOLE = frozenset({"stop", "length"})
CHANGED_AWAKE = "its answers had changed while it was awake, before this sleep"


def unasked(view: ServerView) -> str:
    """Why a server is not asked for its reference before a sleep now, or ""."""
    waiting = view.metrics.waiting if view.metrics else None
    if not view.spec.canary.enabled:
        return "its canary is off"
    if waiting:
        return f"not asked, {waiting} requests wait in its queue"
    if view.check is Check.CHANGED:
        return "not asked, its answers are known to be wrong"
    if model_of(view) is None:
        return "not asked, the name of its model is not known"
    if view.is_doubted and reference_of(view) is None:
        return "not taken, somebody else woke it: its weights may be garbage"
    return ""


async def renew(run: Run) -> bool:
    """Ask before a sleep: keep the reference while it is answered as before, else take a new one.

    Bounded by ``canary_s``, after which the sleep goes on without. Noted as the part
    ``reference``; what came of it goes into the record.

    Returns:
        Whether the server was asked.

    Raises:
        Ended: The engine is gone.
    """
    if why := unasked(run.view):
        run.know(f"reference: {why}")
        return False
    run.advance(Phase.VERIFYING)
    began_s, limit_s = run.now_s(), run.view.spec.timeouts.canary_s
    try:
        await within(run.desk.clock, limit_s, _renew(run))
    except TimeoutError:
        run.know(f"reference: no whole answer in {duration(limit_s)}, the sleep went on without")
    run.part("reference", run.now_s() - began_s)
    return True


async def take(run: Run, first: Asked) -> Reference | None:
    """Keep a first good answer and further ones as the reference; None: it cannot be one."""
    view = run.view
    model = model_of(view)
    answers: list[Answer] = []
    asked = first
    while (answer := _whole(asked)) is not None:
        answers.append(answer)
        if len(answers) >= REFERENCE_ANSWERS:
            break
        asked = await ask(run)
    if not answers or model is None:
        return None
    reference = Reference(
        model=model,
        prompt=view.spec.canary.prompt,
        max_tokens=view.spec.canary.max_tokens,
        taken_wall_s=run.desk.clock.wall_s(),
        answers=tuple(answers),
    )
    run.desk.bus.publish(ReferenceTaken(at_s=run.now_s(), server=run.server, reference=reference))
    return reference


async def _renew(run: Run) -> None:
    reference = reference_of(run.view)
    first = await ask(run)
    verification = await verified(run, first, reference)
    verdict = verification.verdict
    if verification.is_inconclusive or verdict.grade is Grade.NO_ANSWER:
        run.know(f"reference: not renewed, {verdict.words}")
        return
    run.verification = verification
    if not verdict.decodes:
        publish(run, verification)
        run.know(f"reference: not renewed, {verdict.words}")
    elif reference is None:
        await _take_new(run, first, "reference: taken before this sleep")
    elif verdict.matches:
        run.know(f"reference: before this sleep {verdict.words}")
        run.know(reference_line(reference, run.desk.clock.wall_s()))
    else:
        await _replace(run, verification, reference)


async def _replace(run: Run, verification: Verification, reference: Reference) -> None:
    """It answers something else than the reference, and has not slept since it was well."""
    words = verification.verdict.words
    if run.view.is_doubted or run.view.check_due:
        publish(run, verification)
        run.know(f"reference: somebody else woke it, and it gives {words}: the old one stays")
        run.know(reference_line(reference, run.desk.clock.wall_s()))
        return
    run.desk.bus.publish(
        Noted(
            at_s=run.now_s(),
            server=run.server,
            severity="warning",
            text=f"{CHANGED_AWAKE}: {words}; were other weights loaded?",
        )
    )
    await _take_new(run, await ask(run), f"reference: {CHANGED_AWAKE} ({words}); taken anew")


async def _take_new(run: Run, first: Asked, words: str) -> None:
    reference = await take(run, first)
    run.know(words if reference else "reference: none, it gave no whole answer")


def _whole(asked: Asked) -> Answer | None:
    """The tokens of an answer that came to its end and is one."""
    completion = asked.completion
    if completion is None or completion.error is not None or not completion.tokens:
        return None
    if completion.finish_reason not in _WHOLE or is_void(completion.tokens):
        return None
    return completion.tokens
