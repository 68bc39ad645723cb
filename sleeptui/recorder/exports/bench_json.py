"""What ``results.json`` has of a benchmark beside its figures."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from hashlib import sha256
from math import fsum
from typing import Any

from sleeptui.core.operation import Kind
from sleeptui.core.places import Places
from sleeptui.core.session import Attempt, PhaseSeen, Session
from sleeptui.core.verdict import Verdict


def benchmark(session: Session) -> dict[str, Any]:
    """Plan, phases and cold starts; nothing of a session by hand."""
    plan = session.bench
    if plan is None:
        return {}
    return {
        "benchmark": {
            "plan": plan.name,
            "seed": plan.seed,
            "steps": plan.steps,
            "estimate_s": plan.estimate_s,
            "baseline": plan.baseline or None,
            "left_out": list(plan.notes),
            "plan_sha256": _sha(plan.toml),
            "expectations_sha256": _sha(plan.expectations),
        },
        "phases": _phases(session.phases),
        "cold_starts": list(_cold_starts(session)),
    }


def verdicts(those: Iterable[Verdict]) -> list[dict[str, Any]]:
    """A row for each expectation and server."""
    return [_verdict(one) for one in those]


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _phases(those: Iterable[PhaseSeen]) -> list[dict[str, Any]]:
    """How many of each kind there were, how long they took, how they ended."""
    groups: dict[tuple[str | None, str], list[PhaseSeen]] = {}
    for one in those:
        question = one.phase.question.value if one.phase.question else None
        groups.setdefault((question, one.phase.kind.value), []).append(one)
    return [
        {
            "question": question,
            "kind": kind,
            "count": len(group),
            "classes": dict(sorted(Counter(one.cls for one in group).items())),
            "total_s": fsum(_took_s(one) for one in group),
        }
        for (question, kind), group in groups.items()
    ]


def _took_s(one: PhaseSeen) -> float:
    return 0.0 if one.ended_ns is None else (one.ended_ns - one.began_ns) / 1e9


def _cold_starts(session: Session) -> Iterable[dict[str, Any]]:
    places = Places(session)
    for one in session.attempts:
        if one.kind == Kind.START:
            phase = places.phase(one.phase)
            yield {
                "server": one.server,
                "attempt": one.id,
                "block": phase.block if phase else None,
                "class": one.cls,
                **_cold(one),
            }


def _cold(one: Attempt) -> Mapping[str, Any]:
    record = one.record
    if record is None or record.cold is None:
        return {}
    bad_s, began_ns = record.cold.last_bad_s, one.began_ns if one.sent_ns is None else one.sent_ns
    return {
        **asdict(record.cold),
        "last_bad_s": None if bad_s is None else bad_s - began_ns / 1e9,
        "parts_s": {part.name: part.duration_s for part in record.parts},
        "first_token_s": record.first_token_s,
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    return {
        "verdict": one.word.value,
        "server": one.server or None,
        **asdict(one.expectation),
        "value": one.value,
        "interval": None if one.low is None and one.high is None else [one.low, one.high],
        "confidence": one.confidence,
        "n": one.n,
        "blocks": one.blocks,
        "reason": one.reason,
    }
