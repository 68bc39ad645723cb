"""Lines of a journal, made quickly: what is not said has a sensible default."""

from math import isnan
from typing import Any

from sleeptui.core.session import Curve
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.line_samples import GpuPoint
from sleeptui.recorder.line_session import Target

S = 1_000_000_000


def target(name: str = "q", url: str | None = None) -> Target:
    """A server as it is configured."""
    return Target(name=name, url=url or f"http://{name}")


def header(**fields: Any) -> kinds.Header:
    """The first line."""
    values = {"t": 0, "run_id": "20261123T093000Z-q-0000", "wall_ns": 5 * S, "tool": "sleeptui 1"}
    return kinds.Header(**{**values, **fields})


def begin(op=1, t=S, *, s="q", name="sleep", level=1, **fields: Any) -> kinds.OpBegin:
    """An operation begins."""
    return kinds.OpBegin(t=t, s=s, op=op, name=name, level=level, began_ns=t, **fields)


def end(op=1, t=2 * S, *, s="q", name="sleep", level=1, **fields: Any) -> kinds.OpEnd:
    """An operation ended well."""
    values = {"outcome": "done", "cls": "ok", "began_ns": t - S, "duration_s": 0.3}
    values |= {"sent_ns": t - S, "done_ns": t - S // 2}
    return kinds.OpEnd(t=t, s=s, op=op, name=name, level=level, **{**values, **fields})


def prom(t: int = S, s: str = "q", **fields: Any) -> kinds.Prom:
    """A look."""
    return kinds.Prom(t=t, s=s, took_ns=5_000_000, **fields)


def points(curve: Curve) -> list[tuple[int, float | None]]:
    """Time and value; None: a gap."""
    return [
        (at_ns, None if isnan(value) else value)
        for at_ns, value in zip(curve.times_ns, curve.values, strict=True)
    ]


def asked(req: int = 1, t: int = S, **fields: Any) -> kinds.ReqBegin:
    """A prompt is about to be sent."""
    values = {"s": "q", "cohort": "prompt", "prompt_sha": "00", "prompt_chars": 3, "max_tokens": 9}
    return kinds.ReqBegin(t=t, req=req, **{**values, **fields})


def gpu(t: int, *cards: GpuPoint) -> kinds.Gpu:
    """All GPUs were read."""
    return kinds.Gpu(t=t, gpus=cards)
