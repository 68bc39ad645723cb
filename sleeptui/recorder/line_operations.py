"""Lines of what was done: operations, requests, states and what the canary said."""

from typing import ClassVar

from msgspec import Struct, field

from sleeptui.core.canary import Verification
from sleeptui.core.cold import ColdStart
from sleeptui.core.operation import InFlight
from sleeptui.recorder.line import Line


class Standing(Struct, omit_defaults=True, kw_only=True):
    """A server at the begin or end of an operation."""

    state: str
    level: int | None = None
    sleeping: bool | None = None
    sleep_state: str | None = None
    """vllm:engine_sleep_state"""
    running: int | None = None
    waiting: int | None = None
    held_b: int | None = None
    """GPU memory that it holds."""
    source: str | None = None
    """measured, estimated"""
    used_b: dict[int, int] = field(default_factory=dict)
    """Used memory of its GPUs (of all where its own are not known), by index."""
    process_start_s: float | None = None


class OpQueued(Line, tag="op.queued", kw_only=True):
    """An operation was accepted and waits for its GPUs."""

    s: str
    op: int
    name: str
    level: int | None = None
    mode: str | None = None
    parent: int | None = None
    note: str = ""


class OpBegin(Line, tag="op.begin", kw_only=True):
    """An operation begins; on disk before its first request is sent."""

    SYNCED: ClassVar[bool] = True

    s: str
    op: int
    name: str
    """sleep, wake, switch, prompt, verify, start, stop"""
    level: int | None = None
    mode: str | None = None
    phase: str = ""
    """The one that it begins with; running already when the recording began: the one it was in."""
    parent: int | None = None
    """The switch that it is a part of."""
    began_ns: int
    """As ``Operation.began_s``."""
    pre: Standing | None = None
    blk: int | None = None
    cyc: int | None = None


class OpPhase(Line, tag="op.phase", kw_only=True):
    """An operation entered its next phase."""

    s: str
    op: int
    phase: str


class OpEnd(Line, tag="op.end", kw_only=True):
    """An operation ended, well or not."""

    SYNCED: ClassVar[bool] = True

    s: str
    op: int
    name: str
    level: int | None = None
    mode: str | None = None
    outcome: str
    cause: str | None = None
    cls: str
    """ok, no_op, disturbed, timeout, http_error, conn_error, engine_dead, wrong_output,
    user_abort, invalid:WHY: only ok enters the statistics of latencies."""
    began_ns: int
    sent_ns: int | None = None
    """Its first request was written."""
    done_ns: int | None = None
    """The answer to its last control request was complete."""
    duration_s: float
    parts: tuple[tuple[str, float], ...] = ()
    freed_b: int | None = None
    residual_b: int | None = None
    host_b: int | None = None
    in_flight: InFlight | None = None
    cold: ColdStart | None = None
    """Of a start."""
    verification: Verification | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    server_op_s: float | None = None
    lag_s: float = 0.0
    """Of the event loop, which a repaint holds up as well."""
    stamp_lag_s: float | None = None
    """Of the loop that takes the stamps: it decides whether the figures are disturbed."""
    message: str = ""
    known: tuple[str, ...] = ()
    hint: str = ""
    forced: bool = False
    post: Standing | None = None
    blk: int | None = None
    cyc: int | None = None


class StateLine(Line, tag="state", kw_only=True):
    """The state of a server changed."""

    s: str
    state: str
    level: int | None = None
    check: str | None = None
    """verified, unverified, changed; of an awake one."""
    by: str = ""
    """sleeptui, other (somebody else's doing), server (it went, came, hung); empty: first seen."""
    reason: str = ""
    last_prev_ns: int | None = None
    """The last look that still said otherwise: the change lies between it and ``t``."""


class ReqBegin(Line, tag="req.begin", kw_only=True):
    """A request of ours is about to be sent."""

    s: str
    req: int
    op: int | None = None
    cohort: str
    """prompt, canary; of the experiment: inflight, queued, late, parked, probe, control."""
    api: str = "completions"
    scheduled_ns: int | None = None
    prompt_sha: str
    prompt_chars: int
    max_tokens: int
    prompt: str | None = None
    """Only with ``text``."""
    xid: str = ""
    """Its X-Request-Id."""


class ReqMark(Line, tag="req.mark", kw_only=True):
    """A milestone of a request, so that a crash leaves it."""

    s: str
    req: int
    what: str
    """first_token"""


class ReqEnd(Line, tag="req.end", kw_only=True):
    """A request of ours ended."""

    SYNCED: ClassVar[bool] = True

    s: str
    req: int
    sent_ns: int | None = None
    headers_ns: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    end_ns: int
    finish_reason: str | None = None
    done_seen: bool = False
    prompt_tokens: int | None = None
    usage_tokens: int | None = None
    error: str | None = None
    fate: str
    """completed, aborted, cut, hung, lost"""
    chunks: tuple[tuple[int, int], ...] = ()
    """Microseconds since the chunk before (the first: since ``sent_ns``), and tokens so far."""
    text_sha: str = ""
    text: str | None = None
    """Only with ``text``."""
    control: int | None = None
    """The request without a sleep that asked the same."""
    equal: bool | None = None
    """Its text is that of the control; None: not compared."""
    equal_chars: int | None = None
    """So many characters from the begin are the same."""
    tie: bool | None = None
    """Where they part two tokens were as likely, and are still: the noise of a batch."""
    http: int | None = None
    """Status with which it was refused."""
    stamp_lag_s: float | None = None
    """How late the loop that took its stamps was while it was open, at most."""


class Canary(Line, tag="canary", kw_only=True):
    """A canary was judged; ``op`` where it was a part of one."""

    SYNCED: ClassVar[bool] = True

    s: str
    op: int | None = None
    recalled: bool = False
    """It was judged before the recording began, and still holds."""
    verification: Verification


class ReferenceLine(Line, tag="reference", kw_only=True):
    """The answers that later ones are compared with were taken."""

    s: str
    recalled: bool = False
    """Taken before the recording, or by an earlier run."""
    model: str
    answers: int
    tokens: int
    spread_nats: float | None = None
    """None: a log probability was no number."""
    ids_sha: str
    taken_wall_s: float | None = None
    """Since the epoch."""
