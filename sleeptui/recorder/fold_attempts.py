"""Attempts from the lines of operations: what never ended too, with life, cycle and number."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, Standing
from sleeptui.recorder.line_operations import OpBegin, OpEnd
from sleeptui.recorder.line_operations import Standing as StandingLine
from sleeptui.recorder.op_lines import record_of

UNFINISHED = "unfinished"
_NOTHING_SENT = ("user_abort", "no_op", "invalid")
_LEAST_PINNED = 256 << 20
"""Host memory that a first level 1 sleep takes at least, for the pinned copy of the weights."""


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """An attempt in the making."""

    server: str
    number: int
    life: int
    model: str | None
    slept_before: int | None
    """Sleeps that the process itself has counted."""
    line: OpBegin | OpEnd
    """Its first: an end has no begin where that was cut away."""
    end: OpEnd | None = None
    phase: int | None = None
    """Of a benchmark."""


@dataclass(slots=True, kw_only=True, eq=False)
class Drafts:
    """All attempts, in the order in which they began."""

    every: list[Draft] = field(default_factory=list)
    running: dict[int, Draft] = field(default_factory=dict)

    def begin(
        self,
        line: OpBegin,
        *,
        life: int,
        model: str | None,
        slept_before: int | None,
        phase: int | None = None,
    ) -> None:
        """It begins; another one of that number that still runs is left without an end."""
        draft = Draft(
            server=line.s,
            number=line.op,
            life=life,
            model=model,
            slept_before=slept_before,
            line=line,
            phase=phase,
        )
        self.every.append(draft)
        self.running[line.op] = draft

    def end(self, line: OpEnd, *, life: int, model: str | None) -> Draft:
        """It has ended; its begin may be missing."""
        draft = self.running.pop(line.op, None)
        if draft is None or draft.server != line.s:
            draft = Draft(
                server=line.s,
                number=line.op,
                life=life,
                model=model,
                slept_before=None,
                line=line,
            )
            self.every.append(draft)
        draft.end = line
        return draft

    def attempts(
        self, models: Mapping[str, str], earlier: Mapping[tuple[str, int], int]
    ) -> tuple[Attempt, ...]:
        """All of them.

        Args:
            models: The model of each server, where it was not known at the time.
            earlier: Level 1 sleeps before the recording, by server and life.
        """
        counting = _Counting(earlier)
        return tuple(_attempt(draft, counting, models) for draft in self.every)


class _Counting:
    """Numbers attempts within lives and cycles."""

    def __init__(self, earlier: Mapping[tuple[str, int], int]) -> None:
        self._earlier = earlier
        self._nth: Counter[tuple[str, int, str, int | None]] = Counter()
        self._cycles: Counter[str] = Counter()
        self._asleep: dict[str, tuple[int, int]] = {}

    def nth(self, draft: Draft, kind: str, level: int | None) -> int:
        """How many of its kind and level there were in this life of its server, itself included."""
        key = (draft.server, draft.life, kind, level)
        self._nth[key] += 1
        nth = self._nth[key]
        if (kind, level) != (Kind.SLEEP, 1):
            return nth
        nth += self._earlier.get((draft.server, draft.life), 0)
        if nth > 1 or not draft.slept_before:
            return nth
        # Somebody else has put it to sleep before, nobody knows how deep: the memory tells.
        if draft.end is not None and (draft.end.host_b or 0) >= _LEAST_PINNED:
            return nth
        self._nth[key] += draft.slept_before
        return nth + draft.slept_before

    def cycle(self, draft: Draft, kind: str) -> int | None:
        """A sleep opens one; the wake after it, in the same life, belongs to it."""
        if kind == Kind.SLEEP:
            self._cycles[draft.server] += 1
            self._asleep[draft.server] = draft.life, self._cycles[draft.server]
            return self._cycles[draft.server]
        life, cycle = self._asleep.get(draft.server, (0, 0))
        return cycle if kind == Kind.WAKE and life == draft.life else None


def _attempt(draft: Draft, counting: _Counting, models: Mapping[str, str]) -> Attempt:
    begin = draft.line if isinstance(draft.line, OpBegin) else None
    end = draft.end
    told = end or draft.line
    counts = end is None or is_sent(end)
    cycle = counting.cycle(draft, told.name) if counts else None
    return Attempt(
        id=draft.number,
        kind=told.name,
        server=draft.server,
        model=draft.model or models.get(draft.server, draft.server),
        level=told.level,
        mode=told.mode,
        parent=begin.parent if begin else None,
        began_ns=draft.line.began_ns,
        sent_ns=end.sent_ns if end else None,
        done_ns=end.done_ns if end else None,
        ended_ns=end.t if end else None,
        cls=end.cls if end else UNFINISHED,
        record=record_of(end) if end else None,
        pre=_standing(begin.pre if begin else None),
        post=_standing(end.post if end else None),
        life=draft.life,
        nth=counting.nth(draft, told.name, told.level) if counts else 0,
        cycle=cycle if told.cyc is None else told.cyc,
        phase=draft.phase,
    )


def is_sent(end: OpEnd) -> bool:
    """Whether anything may have reached the server: what was never sent counts nowhere."""
    return end.sent_ns is not None or not end.cls.startswith(_NOTHING_SENT)


def _standing(line: StandingLine | None) -> Standing | None:
    if line is None:
        return None
    return Standing(
        state=line.state,
        level=line.level,
        sleeping=line.sleeping,
        sleep_state=line.sleep_state,
        running=line.running,
        waiting=line.waiting,
        held_bytes=line.held_b,
        source=line.source,
        used_bytes=dict(line.used_b),
        process_start_s=line.process_start_s,
    )


def answered_sleeps(attempts: Iterable[Attempt]) -> dict[str, list[int]]:
    """When sleeps of each server were answered."""
    found: dict[str, list[int]] = {}
    for attempt in attempts:
        if attempt.kind == Kind.SLEEP and attempt.done_ns is not None:
            found.setdefault(attempt.server, []).append(attempt.done_ns)
    return found
