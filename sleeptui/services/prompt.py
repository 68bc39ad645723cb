"""Sends a test prompt and times its answer."""

from collections.abc import Callable

from sleeptui.core.completion import Completion, TokenEvent
from sleeptui.core.errors import EngineError, TimedOut
from sleeptui.core.operation import Outcome
from sleeptui.core.units import UNKNOWN, duration
from sleeptui.services.ledger import WHOLE, Request, was_sent
from sleeptui.services.run import Ended, Result, Run

HELD = "wake it and send it again; timeouts.prompt_s bounds how long an answer may take"


async def stream(
    run: Run, *, text: str, max_tokens: int, on_token: Callable[[TokenEvent], None]
) -> Result:
    """The work of a prompt. Stopping it closes the connection, which aborts it in the engine.

    Raises:
        Ended: The server refused, is lost, or did not answer.
        Stopped: The user stopped it.
    """
    ledger, number = run.desk.ledger, run.operation.id
    with ledger.entry(
        run.server, cohort="prompt", prompt=text, max_tokens=max_tokens, operation=number
    ) as request:

        def heard(event: TokenEvent) -> None:
            """Count it, for a sleep that comes meanwhile."""
            ledger.heard(request, event)
            on_token(event)

        try:
            completion = await run.ticket.stoppable(
                run.client.complete(text, max_tokens=max_tokens, on_token=heard)
            )
        except EngineError as error:
            request.error = error.message
            if was_sent(error):
                run.sent_s = request.began_s
            raise Ended(_failed(run, error, request)) from error
        request.answered(completion)
    run.sent_s = completion.sent_s
    run.stamped(completion.late_s)
    run.ticket.completion = completion
    outcome, message, hint = _told(completion, request)
    run.know(*_known(completion), _slept(request, run.now_s()))
    return Result(
        outcome=outcome,
        message=message,
        hint=hint,
        duration_s=completion.ended_s - completion.sent_s,
        first_token_s=_since(completion.sent_s, completion.first_token_s),
        tokens_per_s=tokens_per_s(completion),
    )


def tokens_per_s(completion: Completion) -> float | None:
    """Tokens after the first over the time between the first and the last; None below two."""
    first_s, last_s = completion.first_token_s, completion.last_token_s
    tokens = completion.completion_tokens
    if first_s is None or last_s is None or tokens is None or tokens < 2:  # noqa: PLR2004 - a rate needs two
        return None
    return (tokens - 1) / (last_s - first_s) if last_s > first_s else None


def _since(began_s: float, at_s: float | None) -> float | None:
    return None if at_s is None else at_s - began_s


def _failed(run: Run, error: EngineError, request: Request) -> Result:
    run.know(_slept(request, run.now_s()))
    if request.asleep_since_s is None or not isinstance(error, TimedOut):
        return Result(outcome=Outcome.FAILED, message=error.message, hint=error.hint)
    return Result(
        outcome=Outcome.FAILED,
        message=f"{error.message}: its server fell asleep before the first token",
        hint=HELD,
    )


def _told(completion: Completion, request: Request) -> tuple[Outcome, str, str]:
    """Outcome, message and hint of an answer that came, or of as much as came."""
    is_held = request.asleep_since_s is not None
    if completion.error is not None:
        why = ": its server sleeps, the answer was frozen" if is_held else ""
        return Outcome.FAILED, f"{completion.error}{why}", HELD if is_held else ""
    tokens = completion.completion_tokens
    match completion.finish_reason:
        case "abort":
            return Outcome.FAILED, f"aborted by the server{_after(tokens)}", "send it again"
        case None:
            return Outcome.FAILED, f"the answer was cut off{_after(tokens)}", "send it again"
        case reason if reason in WHOLE:
            slept_s = request.slept_s
            frozen = f", after it was held for {duration(slept_s)} by a sleep" if slept_s else ""
            end = "" if completion.terminated else "; the stream did not end properly"
            return Outcome.DONE, f"answered{frozen}{end}", ""
        case reason:
            return Outcome.FAILED, f"ended by the server: {reason}", ""


def _after(tokens: int | None) -> str:
    return f" after {tokens} token{'' if tokens == 1 else 's'}" if tokens else ""


def _known(completion: Completion) -> tuple[str, ...]:
    first_s = _since(completion.sent_s, completion.first_token_s)
    tokens = UNKNOWN if completion.completion_tokens is None else completion.completion_tokens
    return (
        f"finish_reason: {completion.finish_reason or 'none'}, {tokens} tokens",
        "the end of the stream was seen" if completion.terminated else "no end of the stream",
        f"first token: {'none' if first_s is None else f'after {duration(first_s)}'}",
    )


def _slept(request: Request, now_s: float) -> str:
    """How long it was held up by a sleep of its server, or ""."""
    if request.asleep_since_s is not None:
        held_s = now_s - request.asleep_since_s
        return f"its server sleeps, since {duration(held_s)}: {request.held.value} by that"
    if request.slept_s:
        return f"its server slept for {duration(request.slept_s)} of the time"
    return ""
