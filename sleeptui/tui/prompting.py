"""What the prompt screen says of the prompts sent to a server; no Textual."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from sleeptui.core import units
from sleeptui.core.completion import Completion
from sleeptui.core.operation import Kind, OperationRecord, Outcome
from sleeptui.core.text import one_line

_WAKES: Final = frozenset({Kind.WAKE, Kind.SWITCH, Kind.START})


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRow:
    """One prompt of the history."""

    record: OperationRecord
    after_wake: bool | None
    """The first since a wake; None: no wake is known before it."""
    canary_s: float | None = None
    """First token of the canary that was asked between that wake and this prompt, if one was."""


def prompt_rows(history: Sequence[OperationRecord]) -> tuple[PromptRow, ...]:
    """The prompts of a server's history, newest first as it is.

    Walked from the oldest: what brings the first token after a wake pays what the wake left
    undone, be it the canary or a prompt; later prompts are warm.
    """
    rows: list[PromptRow] = []
    woken = warm = False
    canary_s: float | None = None
    for record in reversed(history):
        if record.kind in _WAKES and record.outcome is not Outcome.CANCELLED:
            woken, warm, canary_s = True, False, _canary_of(record)
        elif record.kind is Kind.VERIFY and not warm:
            canary_s = canary_s or _canary_of(record)
        elif record.kind is Kind.PROMPT:
            first = not warm if woken else None
            rows.append(PromptRow(record=record, after_wake=first, canary_s=canary_s))
            warm = warm or record.first_token_s is not None
    return tuple(reversed(rows))


def _canary_of(record: OperationRecord) -> float | None:
    return record.verification.first_token_s if record.verification is not None else None


def comparison(rows: Sequence[PromptRow]) -> str:
    """First token after the last wake beside the warm ones since; empty without prompts."""
    since_wake: list[PromptRow] = []
    for row in rows:
        if row.record.first_token_s is not None:
            since_wake.append(row)
        if row.after_wake and row.record.first_token_s is not None:
            break
    if not since_wake:
        return ""
    first = since_wake[-1] if since_wake[-1].after_wake else None
    warm = [
        row.record.first_token_s
        for row in since_wake
        if row is not first and row.record.first_token_s is not None
    ]
    parts = []
    if first is not None and first.canary_s is not None:
        parts.append(f"first after wake {units.duration(first.canary_s)} (the canary)")
        parts.append(f"first prompt {units.duration(first.record.first_token_s)}")
    elif first is not None:
        parts.append(f"first after wake {units.duration(first.record.first_token_s)}")
    if warm:
        parts.append(f"warm {units.duration(median(warm))} (median of {len(warm)})")
    return " · ".join(parts)


def cells(row: PromptRow) -> tuple[str, str, str, str, str]:
    """Condition, first token, tokens/s, in all, how it ended."""
    record = row.record
    first = "after wake" if row.canary_s is None else "after canary"
    condition = {True: first, False: "warm", None: "no wake seen"}[row.after_wake]
    return (
        condition,
        units.duration(record.first_token_s),
        units.rate(record.tokens_per_s),
        units.duration(record.duration_s),
        record.message or record.outcome.value,
    )


def figures(completion: Completion, record: OperationRecord) -> str:
    """The line under a finished answer."""
    tokens = completion.completion_tokens
    parts = [
        f"first token {units.duration(record.first_token_s)}",
        f"{units.rate(record.tokens_per_s)} tokens/s",
        f"{units.count(tokens)} tokens",
        f"finish {one_line(completion.finish_reason or units.UNKNOWN, limit=20)}",
        f"{units.duration(record.duration_s)} in all",
    ]
    return " · ".join(parts)


def live_figures(*, began_s: float, now_s: float, first_s: float | None, tokens: int) -> str:
    """The line under an answer that still streams."""
    if first_s is None:
        return f"waiting for the first token · {units.elapsed(now_s - began_s)}"
    return (
        f"first token {units.duration(first_s - began_s)} · {units.count(tokens)} tokens · "
        f"{units.elapsed(now_s - began_s)}"
    )
