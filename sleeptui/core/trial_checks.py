"""Holds what we saw of requests in a trial against what their server counted. Pure.

A difference is shown as it is: it may be a request that somebody else has sent, or one that the
server has lost and counted as done.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sleeptui.core.fates import RESUMED, Class, Tokens, Window
from sleeptui.core.session import CountsSeen, RequestSeen

_STREAMS = frozenset({"inflight", "queued"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison."""

    what: str
    ours: float
    """As we saw it."""
    theirs: float | None
    """As the server counted, or the rule says; None: it does not tell."""

    @property
    def agrees(self) -> bool | None:
        """None: there is nothing to compare with."""
        return None if self.theirs is None else self.ours == self.theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a trial is checked from."""

    streams: int
    mode: str
    level: int
    window: Window
    requests: Sequence[RequestSeen]
    """All of ours to its server in the trial, canaries too."""
    classes: Sequence[tuple[str, Class, Tokens, RequestSeen]]
    """Of those that are no canary: cohort and class."""
    counts: Mapping[str, CountsSeen]
    """By moment: before, asleep, after."""


def checks(heard: Heard) -> tuple[Check, ...]:
    """All comparisons that can be made."""
    return tuple(
        one for part in (_sum, _open, _ended, _preempted, _silent, _in_time) for one in part(heard)
    )


def _sum(heard: Heard) -> Iterator[Check]:
    """Every stream has a class, and there are as many as were to be."""
    found = sum(1 for cohort, *_ in heard.classes if cohort in _STREAMS)
    yield Check(what="streams with a class", ours=found, theirs=heard.streams)


def _open(heard: Heard) -> Iterator[Check]:
    before = heard.counts.get("before")
    if before is not None:
        known = before.running is not None and before.waiting is not None
        theirs = (before.running or 0) + (before.waiting or 0) if known else None
        yield Check(what="open before the sleep", ours=before.ours, theirs=theirs)


def _ended(heard: Heard) -> Iterator[Check]:
    """The rise of request_success_total by reason against the ends that we saw."""
    before, after = heard.counts.get("before"), heard.counts.get("after")
    if before is None or after is None:
        return
    seen = Counter(
        one.finish_reason
        for one in heard.requests
        if one.finish_reason is not None
        and one.ended_ns is not None
        and before.at_ns < one.ended_ns <= after.at_ns
    )
    for reason in sorted({*seen, *after.finished}):
        told = reason in after.finished
        rise = round(after.finished.get(reason, 0) - before.finished.get(reason, 0))
        if rise or seen[reason]:
            theirs = rise if told else None
            yield Check(what=f"ended with {reason}", ours=seen[reason], theirs=theirs)


def _preempted(heard: Heard) -> Iterator[Check]:
    """A kept request loses its KV cache from level 1 on, and is computed anew.

    One that had no token yet may have run all the same: whether it did is not seen from here.
    """
    before, after = heard.counts.get("before"), heard.counts.get("after")
    if heard.mode != "keep" or not heard.level or before is None or after is None:
        return
    resumed = sum(1 for _, cls, *_ in heard.classes if cls in RESUMED)
    s1 = heard.window.s1 or 0
    perhaps = sum(
        1 for _, cls, _, request in heard.classes if cls is Class.RELEASED and request.began_ns < s1
    )
    known = before.preemptions is not None and after.preemptions is not None
    rise = round((after.preemptions or 0) - (before.preemptions or 0)) if known else None
    ours = resumed if rise is None else min(max(rise, resumed), resumed + perhaps)
    yield Check(what="resumed, by its preemptions", ours=ours, theirs=rise)


def _silent(heard: Heard) -> Iterator[Check]:
    """While it sleeps nothing comes but what was on its way."""
    if heard.window.s1 is not None and heard.window.w0 is not None:
        odd = sum(1 for _, _, tokens, _ in heard.classes if tokens.asleep_chunks)
        yield Check(what="that went on while it was asleep", ours=odd, theirs=0)


def _in_time(heard: Heard) -> Iterator[Check]:
    """``wait`` is answered after the last stream has ended, ``abort`` ends all of them by then."""
    s1 = heard.window.s1
    if s1 is None or heard.mode == "keep":
        return
    end = s1 + heard.window.on_its_way
    late = sum(
        1
        for cohort, _, _, request in heard.classes
        if cohort == "inflight" and (request.ended_ns is None or request.ended_ns > end)
    )
    yield Check(what="streams open after the answer to the sleep", ours=late, theirs=0)
