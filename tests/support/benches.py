"""Phases of a benchmark by hand, for sessions by hand (``support.sessions``)."""

from typing import Any

from support.sessions import S, attempt, request

from sleeptui.core.bench import BenchPhase, PhaseKind, Question
from sleeptui.core.cold import ColdKind, ColdStart
from sleeptui.core.session import Attempt, PhaseSeen, RequestSeen


def phase(number: int, kind: str = "cycle", at_s: float = 0.0, **fields: Any) -> PhaseSeen:
    """A phase of ten seconds that ended well; ``cls`` and ``note`` are of its end."""
    seen = {name: fields.pop(name) for name in ("cls", "note") if name in fields}
    question = fields.pop("question", None)
    return PhaseSeen(
        phase=BenchPhase(
            id=number,
            kind=PhaseKind(kind),
            title=f"{kind} {number}",
            question=Question(question) if question else None,
            **{"server": "qwen", **fields},
        ),
        began_ns=int(at_s * S),
        ended_ns=int((at_s + 10) * S),
        **{"cls": "ok", **seen},
    )


def start(
    ttft_s: float = 60.0,
    *,
    kind: ColdKind = ColdKind.CACHED,
    asked: ColdKind | None = ColdKind.CACHED,
    **fields: Any,
) -> Attempt:
    """A cold start that answered a second before its first token came."""
    cold = ColdStart(asked=asked, kind=kind, **fields.pop("cold", {}))
    told = {
        "cold": cold,
        "first_token_s": ttft_s,
        "parts": (("process", 0.2), ("health", ttft_s - 1)),
    }
    return attempt("start", ttft_s, record={**told, **fields.pop("record", {})}, **fields)


def asked(at_s: float, *, ttft_s: float = 0.02, tpot_s: float = 0.01, **fields: Any) -> RequestSeen:
    """A request of 11 tokens that was answered whole."""
    sent_ns = int(at_s * S)
    first_ns = sent_ns + int(ttft_s * S)
    last_ns = first_ns + int(10 * tpot_s * S)
    values = {"cohort": "steady", "first_ns": first_ns, "last_ns": last_ns, "output_tokens": 11}
    return request(at_s, last_ns / S, **{**values, **fields})
