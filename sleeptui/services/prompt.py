"""Sends a test prompt and times its answer."""

from collections.abc import Callable

from sleeptui.core.errors import EngineError
from sleeptui.core.operation import Outcome
from sleeptui.core.ports import Completion, TokenEvent
from sleeptui.services.run import Ended, Result, Run

_GOOD = frozenset({"stop", "length"})


async def stream(
    run: Run, *, text: str, max_tokens: int, on_token: Callable[[TokenEvent], None]
) -> Result:
    """The work of a prompt. Stopping it closes the connection, which aborts it in the engine.

    Raises:
        Ended: The server refused, is lost, or did not answer.
        Stopped: The user stopped it.
    """
    try:
        completion = await run.ticket.stoppable(
            run.client.complete(text, max_tokens=max_tokens, on_token=on_token)
        )
    except EngineError as error:
        raise Ended(
            Result(outcome=Outcome.FAILED, message=error.message, hint=error.hint)
        ) from error
    run.ticket.completion = completion
    outcome, message = _told(completion)
    return Result(
        outcome=outcome,
        message=message,
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


def _told(completion: Completion) -> tuple[Outcome, str]:
    if completion.error is not None:
        return Outcome.FAILED, completion.error
    match completion.finish_reason:
        case "abort":
            return Outcome.FAILED, "aborted by the server"
        case None:
            return Outcome.FAILED, "the answer was cut off"
        case reason if reason in _GOOD:
            return Outcome.DONE, "" if completion.terminated else "the stream did not end properly"
        case reason:
            return Outcome.FAILED, f"ended by the server: {reason}"
