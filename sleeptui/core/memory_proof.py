"""Proof by use: while one server sleeps, another one wakes in the space that it has freed. Pure.

What would have fitted beside it awake proves nothing, and does not count.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sleeptui.core.bench import ENDED_EARLY, PhaseKind
from sleeptui.core.canary import Check
from sleeptui.core.interval import DISTURBED, OK
from sleeptui.core.operation import Kind
from sleeptui.core.places import phases_of
from sleeptui.core.session import Attempt, PhaseSeen, Session

_SETTLED = (OK, DISTURBED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One sleep, and the wake of another server in its place."""

    phase: int
    server: str
    """Who slept."""
    level: int
    partner: str = ""
    """Who woke in its place; empty: it did not come to that."""
    needed_bytes: int | None = None
    """What the partner takes when it wakes; None: not measured."""
    free_bytes: int | None = None
    """What was free on its GPUs while the other one was awake."""
    holds: bool = False
    """The partner woke, and its answers are those from before."""
    invalid: str = ""
    """Why it proves nothing; empty: it does, or shows the contrary."""
    is_ended_early: bool = False
    """The benchmark was ended while it ran."""
    is_unasked: bool = False
    """No canary says what the answers of the partner are worth: it is off, or was not heard."""
    note: str = ""
    """What went wrong, or is not known."""


def proofs(session: Session) -> tuple[Proof, ...]:
    """All of a benchmark, in their order."""
    within: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in session.attempts:
        within[attempt.phase or 0].append(attempt)
    totals = {gpu.index: gpu.total_bytes for gpu in session.gpus}
    return tuple(
        _proof(seen, within[seen.phase.id], totals) for seen in phases_of(session, PhaseKind.PROOF)
    )


def _proof(seen: PhaseSeen, attempts: Sequence[Attempt], totals: Mapping[int, int | None]) -> Proof:
    phase = seen.phase
    sleep = next(
        (one for one in attempts if (one.kind, one.server) == (Kind.SLEEP, phase.server)), None
    )
    wake = next(  # the last one: the first may have had nothing to compare its answers with
        (one for one in reversed(attempts) if one.kind == Kind.WAKE and one.server != phase.server),
        None,
    )
    needed, free = _needed(wake), _free(sleep, wake, totals)
    invalid = ""
    if seen.cls in ENDED_EARLY and not _is_verified(wake):
        invalid = "it was stopped"
    elif needed is not None and free is not None and needed <= free:
        invalid = f"{wake.server if wake else ''} would have fitted beside {phase.server} awake"
    elif wake is not None and _is_unasked(wake):
        invalid = f"whether {wake.server} answers as before is not known"
    return Proof(
        phase=phase.id,
        server=phase.server,
        level=phase.level or 0,
        partner=wake.server if wake else "",
        needed_bytes=needed,
        free_bytes=free,
        holds=sleep is not None and sleep.cls in _SETTLED and _is_verified(wake),
        invalid=invalid,
        is_ended_early=seen.cls in ENDED_EARLY,
        is_unasked=_is_unasked(wake),
        note=_note(seen, wake, is_measured=needed is not None and free is not None),
    )


def _note(seen: PhaseSeen, wake: Attempt | None, *, is_measured: bool) -> str:
    if seen.note:
        return seen.note
    if not _is_verified(wake) and not _is_unasked(wake):
        return "the wake in its place was not verified"
    return "" if is_measured else "whether it needs the freed space was not measured"


def _is_verified(wake: Attempt | None) -> bool:
    found = wake.record.verification if wake and wake.record else None
    is_well = wake is not None and wake.cls in _SETTLED
    return is_well and found is not None and found.check is Check.VERIFIED


def _is_unasked(wake: Attempt | None) -> bool:
    """It woke well, and no canary says what its answers are worth."""
    if wake is None or wake.record is None or wake.cls not in _SETTLED:
        return False
    found = wake.record.verification
    return found is None or found.check is Check.UNVERIFIED


def _needed(wake: Attempt | None) -> int | None:
    """What it holds after the wake less what it held before."""
    if wake is None or wake.pre is None or wake.post is None:
        return None
    before, after = wake.pre.held_bytes, wake.post.held_bytes
    return None if before is None or after is None else after - before


def _free(
    sleep: Attempt | None, wake: Attempt | None, totals: Mapping[int, int | None]
) -> int | None:
    """What was free before the sleep on the GPUs that the partner uses."""
    if sleep is None or sleep.pre is None or wake is None or wake.pre is None:
        return None
    used = sleep.pre.used_bytes
    free = 0
    for index in wake.pre.used_bytes:
        total = totals.get(index)
        if total is None or index not in used:
            return None
        free += total - used[index]
    return free if wake.pre.used_bytes else None
