"""Requests from their lines: when each piece came, and whether a sleep lies in the silence."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from sleeptui.core.session import RequestSeen
from sleeptui.recorder.line_operations import ReqBegin, ReqEnd, ReqMark
from sleeptui.recorder.request_lines import stamps

_OPEN = "open"
_FIRST = "first_token"


class Requests:
    """All requests, in the order in which they began."""

    def __init__(self) -> None:
        """None yet."""
        self._begins: list[ReqBegin] = []
        self._ends: dict[int, tuple[ReqBegin, ReqEnd]] = {}
        self._marks: dict[int, int] = {}
        self._open: dict[int, ReqBegin] = {}
        self._phases: dict[int, int] = {}

    def begin(self, line: ReqBegin, *, phase: int | None = None) -> None:
        """It is about to be sent, in a phase of a benchmark."""
        if phase is not None:
            self._phases[id(line)] = phase
        self._begins.append(line)
        self._open[line.req] = line

    def mark(self, line: ReqMark) -> None:
        """It has come so far."""
        begin = self._open.get(line.req)
        if begin is not None and line.what == _FIRST:
            self._marks[id(begin)] = line.t

    def end(self, line: ReqEnd) -> None:
        """It has ended. Without a begin nothing is known of what was asked."""
        begin = self._open.pop(line.req, None)
        if begin is not None:
            self._ends[id(begin)] = begin, line

    def all(self, sleeps: Mapping[str, Sequence[int]]) -> tuple[RequestSeen, ...]:
        """All of them.

        Args:
            sleeps: When each server fell asleep, ascending.
        """
        found = []
        for begin in self._begins:
            ended = self._ends.get(id(begin))
            phase = self._phases.get(id(begin))
            if ended is None:
                found.append(_unended(begin, self._marks.get(id(begin)), phase))
            else:
                found.append(_ended(begin, ended[1], sleeps.get(begin.s, ()), phase))
        return tuple(found)


def _unended(line: ReqBegin, first_ns: int | None, phase: int | None) -> RequestSeen:
    return RequestSeen(
        id=line.req,
        server=line.s,
        cohort=line.cohort,
        operation=line.op,
        began_ns=line.t,
        scheduled_ns=line.scheduled_ns,
        sent_ns=line.t,
        first_ns=first_ns,
        max_tokens=line.max_tokens,
        prompt_sha=line.prompt_sha,
        fate=_OPEN,
        phase=phase,
        xid=line.xid,
    )


def _ended(begin: ReqBegin, end: ReqEnd, sleeps: Sequence[int], phase: int | None) -> RequestSeen:
    chunks = stamps(end)
    gap, after_ns = _longest_gap(chunks)
    return RequestSeen(
        id=begin.req,
        server=begin.s,
        cohort=begin.cohort,
        operation=begin.op,
        began_ns=begin.t,
        scheduled_ns=begin.scheduled_ns,
        sent_ns=end.sent_ns,
        headers_ns=end.headers_ns,
        first_ns=end.first_ns,
        last_ns=end.last_ns,
        ended_ns=end.end_ns,
        max_tokens=begin.max_tokens,
        prompt_sha=begin.prompt_sha,
        prompt_tokens=end.prompt_tokens,
        output_tokens=end.usage_tokens,
        finish_reason=end.finish_reason,
        terminated=end.done_seen,
        error=end.error,
        fate=end.fate,
        chunks=chunks,
        max_gap_s=None if gap is None else gap / 1e9,
        gap_covers_sleep=gap is not None and _is_within(sleeps, after_ns, after_ns + gap),
        phase=phase,
        xid=begin.xid,
        control=end.control,
        equal=end.equal,
        equal_chars=end.equal_chars,
        tie=end.tie,
        http=end.http,
        late_s=end.stamp_lag_s,
    )


def _longest_gap(chunks: Sequence[tuple[int, int]]) -> tuple[int | None, int]:
    """The longest silence between two chunks, in nanoseconds, and when it began."""
    longest: int | None = None
    after_ns = before_ns = chunks[0][0] if chunks else 0
    for at_ns, _ in chunks[1:]:
        gap = at_ns - before_ns
        if longest is None or gap > longest:
            longest, after_ns = gap, before_ns
        before_ns = at_ns
    return longest, after_ns


def _is_within(moments: Sequence[int], began_ns: int, ended_ns: int) -> bool:
    index = bisect_left(moments, began_ns)
    return index < len(moments) and moments[index] <= ended_ns
