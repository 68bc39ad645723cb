"""``requests.csv``: a row a request, whatever became of it."""

from sleeptui.core.flights import Flight
from sleeptui.core.session import RequestSeen, Session
from sleeptui.core.trials import trials
from sleeptui.recorder.exports.tables import Cell, table

COLUMNS = (
    "run_id", "env_id", "server", "model", "request", "operation", "cohort", "fate",
    "finish_reason", "terminated", "error", "began_s", "scheduled_s", "sent_s", "headers_s",
    "first_token_s", "last_token_s", "ended_s", "ttft_s", "tpot_s", "e2el_s", "max_gap_s",
    "gap_covers_sleep", "prompt_tokens", "output_tokens", "max_tokens", "chunks", "prompt_sha",
    "phase", "xid", "http", "control", "equal", "equal_chars", "near_tie", "caught_as", "class",
    "tok_before_s0", "tok_s0_s1", "tok_asleep", "tok_w0_w1", "tok_after_w1",
)  # fmt: skip
"""Moments are seconds since the recording began; lengths count from the request's first byte, of a
scheduled one from its schedule. The last ones are of trials: which cohort it was in when the sleep
found it, what became of it, and its tokens before the sleep was sent (S0), until it was answered
(S1), until the wake was sent (W0), until that was answered (W1), and after that."""


def requests_csv(session: Session) -> bytes:
    """The file."""
    models = {one.name: one.model for one in session.servers}
    flights = {id(one.request): one for trial in trials(session) for one in trial.flights}
    return table(
        COLUMNS,
        (
            (
                *_row(session, one, models.get(one.server, "")),
                *_compared(one),
                *_flown(flights.get(id(one))),
            )
            for one in session.requests
        ),
    )


def latencies(one: RequestSeen) -> tuple[float | None, float | None, float | None]:
    """Time to first token, time per output token after it, and the whole, in seconds.

    As ``vllm bench serve`` counts: the first token belongs to the first figure alone. The whole is
    known of a request that has ended, well or not.
    """
    begin = one.sent_ns if one.scheduled_ns is None else one.scheduled_ns
    if begin is None:
        return None, None, None
    ttft = None if one.first_ns is None else (one.first_ns - begin) / 1e9
    whole = None if one.ended_ns is None else (one.ended_ns - begin) / 1e9
    tpot = None
    if one.first_ns is not None and one.last_ns is not None and (one.output_tokens or 0) > 1:
        tpot = (one.last_ns - one.first_ns) / 1e9 / ((one.output_tokens or 0) - 1)
    return ttft, tpot, whole


def _row(session: Session, one: RequestSeen, model: str) -> tuple[Cell, ...]:
    def at(time_ns: int | None) -> float | None:
        """Seconds since the recording began."""
        return None if time_ns is None else (time_ns - session.began_ns) / 1e9

    ttft, tpot, whole = latencies(one)
    return (
        session.run_id,
        session.env_id,
        one.server,
        model,
        one.id,
        one.operation,
        one.cohort,
        one.fate,
        one.finish_reason,
        one.terminated,
        one.error,
        at(one.began_ns),
        at(one.scheduled_ns),
        at(one.sent_ns),
        at(one.headers_ns),
        at(one.first_ns),
        at(one.last_ns),
        at(one.ended_ns),
        ttft,
        tpot,
        whole,
        one.max_gap_s,
        one.gap_covers_sleep,
        one.prompt_tokens,
        one.output_tokens,
        one.max_tokens,
        len(one.chunks),
        one.prompt_sha,
    )


def _compared(one: RequestSeen) -> tuple[Cell, ...]:
    return one.phase, one.xid, one.http, one.control, one.equal, one.equal_chars, one.tie


def _flown(flight: Flight | None) -> tuple[Cell, ...]:
    """Of a trial: what became of it; of any other request nothing."""
    if flight is None:
        return (None,) * 7
    found = flight.tokens
    return (
        flight.cohort,
        flight.cls.value,
        found.before_s0,
        found.s0_s1,
        found.asleep,
        found.w0_w1,
        found.after_w1,
    )
