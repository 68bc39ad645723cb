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
from sleeptui.core.model import Observation, ServerView
from sleeptui.core.operation import Phase
from sleeptui.core.restart import life_of
from sleeptui.core.units import duration
from sleeptui.services.asking import (
    Asked,
    ask,
    model_of,
    noticing,
    publish,
    reference_of,
    verified,
)
from sleeptui.services.deadline import within
from sleeptui.services.known import reference_line
from sleeptui.services.ledger import WHOLE
from sleeptui.services.run import Run

CHANGED_AWAKE = "its answers had changed while it was awake, before this sleep"
DOUBTED = "not taken, somebody else woke it: its weights may be garbage"
MOVED = "somebody else has moved it meanwhile"


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
        return DOUBTED
    return ""


async def renew(run: Run, seen: Observation) -> bool:
    """Ask before a sleep: keep the reference while it is answered as before, else take a new one.

    Bounded by ``canary_s``, after which the sleep goes on without. Noted as the part
    ``reference``; what came of it goes into the record.

    Args:
        run: The sleep.
        seen: The look that has just found it awake.

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
        await within(run.desk.clock, limit_s, _renew(run, seen))
    except TimeoutError:
        run.know(f"reference: no whole answer in {duration(limit_s)}, the sleep went on without")
    run.part("reference", run.now_s() - began_s)
    return True


async def gathered(run: Run, first: Asked) -> Reference | None:
    """A first good answer and further ones, as a reference; None: it cannot be one."""
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
    return Reference(
        model=model,
        prompt=view.spec.canary.prompt,
        max_tokens=view.spec.canary.max_tokens,
        taken_wall_s=run.desk.clock.wall_s(),
        answers=tuple(answers),
    )


def keep(run: Run, reference: Reference) -> None:
    """Compare later wakes with it."""
    run.desk.bus.publish(ReferenceTaken(at_s=run.now_s(), server=run.server, reference=reference))


async def _renew(run: Run, seen: Observation) -> None:
    reference, new = reference_of(run.view), None
    with noticing(run, seen) as others:
        first = await ask(run)
        verification = await verified(run, first, reference)
        is_other = _is_other_weights(run.view, verification, reference)
        if reference is None or is_other:
            new = await gathered(run, await ask(run) if is_other else first)
        await run.look()
    verdict = verification.verdict
    if others.have_acted:
        run.know(f"reference: not renewed, {MOVED}")
        return
    if verification.is_inconclusive or verdict.grade is Grade.NO_ANSWER:
        run.know(f"reference: not renewed, {verdict.words}")
        return
    run.verification = verification
    if not verdict.decodes:
        publish(run, verification)
        run.know(f"reference: not renewed, {verdict.words}")
    elif reference is None:
        _take_new(run, new, "reference: taken before this sleep")
    elif is_other:
        _note(run, f"{CHANGED_AWAKE}: {verdict.words}; were other weights loaded?")
        _take_new(run, new, f"reference: {CHANGED_AWAKE} ({verdict.words}); taken anew")
    else:
        publish(run, verification)
        words = f"before this sleep {verdict.words}"
        if not verdict.matches:
            words = f"{words}: its weights may be garbage, the old one stays"
        run.know(f"reference: {words}")
        run.know(reference_line(reference, run.desk.clock.wall_s()))


def _is_other_weights(
    view: ServerView, verification: Verification, reference: Reference | None
) -> bool:
    """Whether another answer than before is that of other weights, loaded on purpose, not garbage.

    A process that is younger than the reference, and has not slept as far as it tells (0.32 and
    later), has loaded its weights itself. Of any other only that is certain which it has answered
    since it last woke.
    """
    is_other = verification.check is Check.CHANGED and verification.verdict.decodes
    if not is_other or reference is None or view.is_doubted or view.check_due:
        return False
    if has_begun_anew(view, reference):
        return True
    return view.check is Check.VERIFIED and verification.verdict.grade is not Grade.GARBAGE


def has_begun_anew(view: ServerView, reference: Reference) -> bool:
    """Whether the process began after the reference was taken, and has not slept since.

    What it answers is that of the weights that it has loaded itself: perhaps others, or the same
    ones on another version, whose figures differ.
    """
    start_s = life_of(view)
    has_slept = view.metrics is not None and bool(view.metrics.sleep_operations)
    return start_s is not None and start_s > reference.taken_wall_s and not has_slept


def _note(run: Run, text: str) -> None:
    run.desk.bus.publish(Noted(at_s=run.now_s(), server=run.server, severity="warning", text=text))


def _take_new(run: Run, new: Reference | None, words: str) -> None:
    if new is not None:
        keep(run, new)
    run.know(words if new else "reference: none, it gave no whole answer")


def _whole(asked: Asked) -> Answer | None:
    """The tokens of an answer that came to its end and is one."""
    completion = asked.completion
    if completion is None or completion.error is not None or not completion.tokens:
        return None
    if completion.finish_reason not in WHOLE or is_void(completion.tokens):
        return None
    return completion.tokens
