"""Requests of ours as lines, and back. Texts are hashed unless they are to be recorded."""

from hashlib import sha256

from sleeptui.core.completion import Completion
from sleeptui.core.events import RequestAdvanced, RequestBegan, RequestEnded
from sleeptui.core.operation import Fate
from sleeptui.recorder.line import ns, seconds
from sleeptui.recorder.line_operations import ReqBegin, ReqEnd, ReqMark

Chunks = tuple[tuple[int, int], ...]


def sha(text: str) -> str:
    """SHA-256 of a text, in hexadecimal digits; of nothing, nothing."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest() if text else ""


def begin_line(event: RequestBegan, *, text: bool) -> ReqBegin:
    """A request that is about to be sent; ``text``: with its prompt."""
    return ReqBegin(
        t=ns(event.at_s),
        s=event.server,
        req=event.id,
        op=event.operation,
        cohort=event.cohort,
        prompt_sha=sha(event.prompt),
        prompt_chars=len(event.prompt),
        max_tokens=event.max_tokens,
        prompt=_writable(event.prompt) if text else None,
        scheduled_ns=_ns(event.scheduled_s),
        xid=event.xid,
    )


def mark_line(event: RequestAdvanced) -> ReqMark:
    """Its first token came."""
    return ReqMark(t=ns(event.at_s), s=event.server, req=event.id, what="first_token")


def end_line(event: RequestEnded, *, began_ns: int, text: bool) -> ReqEnd:
    """A request that has ended.

    Args:
        event: Its end.
        began_ns: When it was about to be sent: the time of chunks of one that was given up.
        text: With its answer.
    """
    line = ReqEnd(
        t=ns(event.at_s),
        s=event.server,
        req=event.id,
        end_ns=ns(event.at_s),
        error=event.error,
        fate=event.fate.value,
        control=event.control,
        equal=event.equal,
        equal_chars=event.equal_chars,
        tie=event.tie,
        http=event.http,
    )
    done = event.completion
    if done is not None:
        line.sent_ns = ns(done.sent_s)
        line.headers_ns = _ns(done.headers_s)
        line.first_ns = _ns(done.first_token_s)
        line.last_ns = _ns(done.last_token_s)
        line.end_ns = ns(done.ended_s)
        line.finish_reason = done.finish_reason
        line.done_seen = done.terminated
        line.prompt_tokens = done.prompt_tokens
        line.usage_tokens = done.completion_tokens
        line.error = done.error or event.error
        line.stamp_lag_s = done.late_s
        line.text_sha = sha(done.text)
        line.text = _writable(done.text) if text else None
    if event.chunks:
        line.sent_ns = began_ns if line.sent_ns is None else line.sent_ns
        line.chunks = _deltas(event.chunks, line.sent_ns)
    return line


def began_of(line: ReqBegin) -> RequestBegan:
    """The event that a line tells of; its prompt is empty where it was not recorded."""
    return RequestBegan(
        at_s=seconds(line.t),
        id=line.req,
        server=line.s,
        cohort=line.cohort,
        operation=line.op,
        prompt=line.prompt or "",
        max_tokens=line.max_tokens,
        scheduled_s=_seconds(line.scheduled_ns),
        xid=line.xid,
    )


def ended_of(line: ReqEnd) -> RequestEnded:
    """The event that a line tells of; its answer is empty where it was not recorded."""
    completion = None
    if line.sent_ns is not None:
        completion = Completion(
            sent_s=seconds(line.sent_ns),
            headers_s=_seconds(line.headers_ns),
            first_token_s=_seconds(line.first_ns),
            last_token_s=_seconds(line.last_ns),
            ended_s=seconds(line.end_ns),
            text=line.text or "",
            prompt_tokens=line.prompt_tokens,
            completion_tokens=line.usage_tokens,
            finish_reason=line.finish_reason,
            terminated=line.done_seen,
            error=line.error,
            late_s=line.stamp_lag_s,
        )
    return RequestEnded(
        at_s=seconds(line.t),
        id=line.req,
        server=line.s,
        fate=Fate(line.fate) if line.fate in tuple(Fate) else Fate.CUT,
        completion=completion,
        error=None if completion else line.error,
        chunks=tuple((seconds(at_ns), tokens) for at_ns, tokens in stamps(line)),
        control=line.control,
        equal=line.equal,
        equal_chars=line.equal_chars,
        tie=line.tie,
        http=line.http,
    )


def stamps(line: ReqEnd) -> Chunks:
    """When each chunk came, in nanoseconds of the clock, and tokens so far."""
    at_ns = line.end_ns if line.sent_ns is None else line.sent_ns
    found = []
    for delta_us, tokens in line.chunks:
        at_ns += delta_us * 1000
        found.append((at_ns, tokens))
    return tuple(found)


def _deltas(chunks: tuple[tuple[float, int], ...], sent_ns: int) -> Chunks:
    """Microseconds since the chunk before; rounding errors do not add up."""
    found, before_us = [], 0
    for at_s, tokens in chunks:
        passed_us = (ns(at_s) - sent_ns) // 1000
        found.append((passed_us - before_us, tokens))
        before_us = passed_us
    return tuple(found)


def _writable(text: str) -> str:
    """Half a surrogate pair is no UTF-8."""
    return text.encode(errors="replace").decode()


def _ns(at_s: float | None) -> int | None:
    return None if at_s is None else ns(at_s)


def _seconds(at_ns: int | None) -> float | None:
    return None if at_ns is None else seconds(at_ns)
