"""Asks the canary, and finds out what its answer says of the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from sleeptui.core.canary import Check, Grade, Reference, Verdict, Verification, judge, no_answer
from sleeptui.core.completion import Completion
from sleeptui.core.errors import EngineError, Refused, TimedOut
from sleeptui.core.events import Event, StateObserved, Verified
from sleeptui.core.model import EngineMetrics, Observation, ServerView
from sleeptui.core.operation import Kind
from sleeptui.core.text import one_line
from sleeptui.core.units import duration
from sleeptui.services.deadline import within
from sleeptui.services.ledger import WHOLE
from sleeptui.services.run import Run
from sleeptui.services.send import look_alive

_GRACE_S = 0.5
"""The client knows better why there was no answer; this ends what it does not end itself."""
_SERVER_ERROR = 500
_MANY = 16
"""So many requests before ours may take longer than a canary is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of one canary."""

    completion: Completion | None = None
    error: EngineError | None = None
    """Why there is no answer at all; neither of both: none came in time."""
    before: EngineMetrics | None = None
    """The metrics when it was asked."""

    @property
    def is_refused(self) -> bool:
        """The server said no to the question: no text model, or no key."""
        return isinstance(self.error, Refused) and self.error.status < _SERVER_ERROR

    @property
    def hint(self) -> str:
        """What helps against the error."""
        return self.error.hint if self.error is not None else ""


def model_of(view: ServerView) -> str | None:
    """Who answers the canary: the first served name."""
    return view.facts.models[0] if view.facts.models else None


def reference_of(view: ServerView) -> Reference | None:
    """The reference, if it is of the same question to the same model."""
    reference, canary = view.learned.reference, view.spec.canary
    if reference is None:
        return None
    asked = (model_of(view), canary.prompt, canary.max_tokens)
    is_same = (reference.model, reference.prompt, reference.max_tokens) == asked
    return reference if is_same else None


async def ask(run: Run) -> Asked:
    """Send one canary; what goes wrong is in the answer. Cancelling aborts it in the engine."""
    spec, before, ledger = run.view.spec, run.view.metrics, run.desk.ledger
    prompt, max_tokens = spec.canary.prompt, spec.canary.max_tokens
    with ledger.entry(
        run.server,
        cohort="canary",
        prompt=prompt,
        max_tokens=max_tokens,
        operation=run.operation.id,
    ) as request:
        canary = run.client.canary(
            prompt, max_tokens=max_tokens, on_token=partial(ledger.heard, request)
        )
        try:
            completion = await within(run.desk.clock, spec.timeouts.canary_s + _GRACE_S, canary)
        except TimeoutError:
            request.error = "no answer in time"
            return Asked(before=before)
        except EngineError as error:
            request.error = error.message
            return Asked(error=error, before=before)
        request.answered(completion)
        _stamp(run, completion)
        return Asked(completion=completion, before=before)


def _stamp(run: Run, completion: Completion) -> None:
    """Of a transition its control requests count, of a wake also the first token after it."""
    kind = run.operation.kind
    if kind is Kind.VERIFY and run.sent_s is None:
        run.sent_s = completion.sent_s
    if kind is not Kind.SLEEP:
        run.stamped(completion.late_s)


async def verified(run: Run, asked: Asked, reference: Reference | None) -> Verification:
    """Judge an answer. One that differs is asked once more: another batch may have done it.

    Raises:
        Ended: The engine is gone.
    """
    first = await _judged(run, asked, reference)
    if not _differs(first):
        return first
    run.know(f"canary, first answer: {first.verdict.words}; asked once more")
    second = await _judged(run, await ask(run), reference)
    is_silent = second.is_inconclusive or second.verdict.grade is Grade.NO_ANSWER
    return first if is_silent else second


def publish(run: Run, verification: Verification) -> None:
    """Tell everybody what the canary has said of the server."""
    run.desk.bus.publish(Verified(at_s=run.now_s(), server=run.server, verification=verification))


class Others:
    """Whether somebody else has moved a server since a look that said awake."""

    def __init__(self, seen: Observation) -> None:
        self.have_acted = False
        self._life = _life(seen.metrics) if seen.metrics else None

    def watch(self, seen: Observation) -> None:
        """Take in a look."""
        life = _life(seen.metrics) if seen.metrics else self._life
        is_other = self._life is not None and life != self._life
        self._life = life
        self.have_acted = self.have_acted or is_other or bool(seen.is_sleeping)


@contextmanager
def noticing(run: Run, seen: Observation) -> Iterator[Others]:
    """Notice who else puts the server to sleep, wakes or restarts it until the block ends.

    An answer from before that says nothing of the server after it.
    """
    others = Others(seen)

    def follow(event: Event) -> None:
        """Compare each look with the one before."""
        if isinstance(event, StateObserved) and event.server == run.server:
            others.watch(event.observation)

    unsubscribe = run.desk.bus.subscribe(follow)
    try:
        yield others
    finally:
        unsubscribe()


def _life(metrics: EngineMetrics) -> tuple[float | None, int, int]:
    return metrics.process_start_s, metrics.sleep_operations or 0, metrics.wake_operations or 0


def _differs(verification: Verification) -> bool:
    grade = verification.verdict.grade
    return verification.check is Check.CHANGED and grade is not Grade.NO_ANSWER


async def _judged(run: Run, asked: Asked, reference: Reference | None) -> Verification:
    limit_s = run.view.spec.timeouts.canary_s
    completion = asked.completion
    if completion is None:
        return await _unanswered(run, asked)
    if completion.error is None and completion.finish_reason in WHOLE:
        verdict, is_inconclusive = _of_whole(completion, reference)
    elif completion.error is not None and completion.ended_s - completion.sent_s >= limit_s:
        verdict, is_inconclusive = _of_part(completion, reference, limit_s)
    else:
        await look_alive(run, completion.error)
        verdict, is_inconclusive = no_answer(_cut(completion)), False
    return Verification(
        at_s=run.now_s(),
        verdict=verdict,
        took_s=completion.ended_s - completion.sent_s,
        first_token_s=_since(completion),
        reference_wall_s=reference.taken_wall_s if reference else None,
        is_inconclusive=is_inconclusive,
    )


async def _unanswered(run: Run, asked: Asked) -> Verification:
    """No token came: whether that says anything of the server."""
    error, limit_s = asked.error, run.view.spec.timeouts.canary_s
    if asked.is_refused:
        words = f"the server refused the question: {_words(run, error)}"
        return _silence(run, words, is_inconclusive=True)
    seen = await look_alive(run, error)
    is_late = error is None or (isinstance(error, TimedOut) and error.sent)
    if not is_late:
        return _silence(run, _words(run, error))
    if _is_busy(run, asked.before, seen.metrics):
        words = f"no token in {duration(limit_s)}, it was busy with other requests"
        return _silence(run, words, is_inconclusive=True)
    return _silence(run, f"no token in {duration(limit_s)}")


def _silence(run: Run, words: str, *, is_inconclusive: bool = False) -> Verification:
    return Verification(at_s=run.now_s(), verdict=no_answer(words), is_inconclusive=is_inconclusive)


def _of_whole(completion: Completion, reference: Reference | None) -> tuple[Verdict, bool]:
    if completion.tokens or not completion.completion_tokens:
        return judge(completion.tokens, reference), False
    return Verdict(grade=None, decodes=True, matches=None, words="its tokens are not told"), True


def _of_part(
    completion: Completion, reference: Reference | None, limit_s: float
) -> tuple[Verdict, bool]:
    """The verdict on an answer that time has cut off: a wrong beginning is wrong."""
    tokens = completion.tokens
    if tokens:
        parts = reference and replace(
            reference, answers=tuple(answer[: len(tokens)] for answer in reference.answers)
        )
        verdict = judge(tokens, parts)
        if verdict.matches is False or not verdict.decodes:
            return verdict, False
    words = f"only {len(tokens)} tokens came in {duration(limit_s)}"
    return Verdict(grade=None, decodes=True, matches=None, words=words), True


def _cut(completion: Completion) -> str:
    if completion.error is not None:
        return one_line(completion.error)
    if completion.finish_reason == "abort":
        return "aborted by the server"
    reason = completion.finish_reason
    return f"ended by the server: {reason}" if reason else "the answer was cut off"


def _is_busy(run: Run, before: EngineMetrics | None, after: EngineMetrics | None) -> bool:
    """Whether others got tokens meanwhile, or so many wait that it may be their turn."""
    if (run.found.parked or 0) >= _MANY or (after is not None and (after.waiting or 0) >= _MANY):
        return True
    if before is None or after is None:
        return False
    return any(
        now is not None and then is not None and now > then
        for then, now in (
            (before.generation_tokens_total, after.generation_tokens_total),
            (before.prompt_tokens_total, after.prompt_tokens_total),
        )
    )


def _words(run: Run, error: EngineError | None) -> str:
    return error.message.removeprefix(f"{run.server}: ") if error else ""


def _since(completion: Completion) -> float | None:
    first_s = completion.first_token_s
    return None if first_s is None else first_s - completion.sent_s
