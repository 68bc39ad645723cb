"""Sessions by hand: attempts that ended well, if nothing else is said."""

from itertools import count
from typing import Any

from support.builders import record

from sleeptui.core.operation import Kind, Part
from sleeptui.core.session import Attempt, RequestSeen, Session, Standing

_ids = count(1)
S = 1_000_000_000


def standing(**fields: Any) -> Standing:
    """Awake on GPU 0, 40 GB measured."""
    values = {"state": "awake", "held_bytes": 40 * 10**9, "source": "measured"}
    return Standing(**{**values, "used_bytes": {0: 41 * 10**9}, **fields})


def attempt(kind: str = "sleep", duration_s: float = 0.3, **fields: Any) -> Attempt:
    """An attempt at second ``at_s``; fields of its record in ``record``, None: it has none."""
    number, at_s = next(_ids), fields.pop("at_s", 0.0)
    told = fields.pop("record", {})
    began_ns = int(at_s * S)
    values = {
        "id": number,
        "kind": kind,
        "server": "qwen",
        "model": "qwen-7b",
        "level": 1 if kind in ("sleep", "wake") else None,
        "began_ns": began_ns,
        "sent_ns": began_ns,
        "done_ns": began_ns + int(duration_s * S),
        "ended_ns": began_ns + int(duration_s * S) + S // 2,
        "cls": "ok",
        "life": 1,
        "nth": 2,
        "pre": standing(),
        "post": standing(),
        **fields,
    }
    if told is not None:
        parts = tuple(Part(name=name, duration_s=took) for name, took in told.pop("parts", ()))
        level, mode = values["level"], values.get("mode")
        told = {"duration_s": duration_s, "level": level, "mode": mode, "parts": parts, **told}
        values["record"] = record(Kind(kind), values["server"], id=number, **told)
    return Attempt(**values)


def request(at_s: float = 0.0, ended_s: float | None = 1.0, **fields: Any) -> RequestSeen:
    """A prompt that was answered whole."""
    values = {
        "id": next(_ids),
        "server": "qwen",
        "cohort": "prompt",
        "began_ns": int(at_s * S),
        "sent_ns": int(at_s * S),
        "first_ns": int(at_s * S) + 20_000_000,
        "ended_ns": None if ended_s is None else int(ended_s * S),
        "max_tokens": 64,
        "prompt_sha": "0" * 64,
        "finish_reason": "length",
        "terminated": True,
        "fate": "completed",
        **fields,
    }
    return RequestSeen(**values)


def session(*attempts: Attempt, **fields: Any) -> Session:
    """A session of a minute."""
    values = {
        "run_id": "20261123T093000Z-qwen-0000",
        "version": 1,
        "tool": "sleeptui 0.3.0",
        "began_ns": 0,
        "ended_ns": 60 * S,
        "wall_ns": 1_795_426_200 * S,
        "attempts": attempts,
        **fields,
    }
    return Session(**values)
