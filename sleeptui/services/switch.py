"""Switches to a model: makes room on its GPUs, wakes it, and undoes it if that fails."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from sleeptui.core.lifecycle import level_refusal
from sleeptui.core.model import FleetView, ServerView, SleepLevel, SleepMode
from sleeptui.core.operation import Cause, Kind, OperationRecord, Outcome, Phase
from sleeptui.core.units import duration
from sleeptui.services.admit import know, measure, no_room, with_room
from sleeptui.services.places import Gpus, gpus_of
from sleeptui.services.room import givers, next_to_go
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.sleep import fall_asleep, first_phase
from sleeptui.services.wake import slept_level, wake_up

Work = Callable[[Run], Awaitable[Result]]
_WRONG_ANSWERS = frozenset({Cause.GARBAGE, Cause.NO_TOKENS})


async def switch(run: Run, *, held: Gpus = None, force: bool = False) -> Result:
    """The work of a switch. Its sleeps and its wake are operations of their own, with its id.

    Args:
        run: The switch.
        held: The GPUs that are its own until its end; None: all.
        force: Wake it even if all who can sleep do not make room enough.

    Raises:
        Ended: There is no room, or the wake failed; what was put to sleep has been woken again.
    """
    slept: list[str] = []
    await _make_room(run, slept, held=held, force=force)
    run.advance(Phase.CALLING)
    child, record = await _wake(run, run.server, force=force)
    run.verification, run.is_forced = record.verification, record.is_forced
    run.know(*record.known)
    if record.outcome is Outcome.FAILED:
        raise Ended(await _undone(run, record, slept))
    return Result(
        outcome=record.outcome,
        cause=record.cause,
        message=record.message + (f"; put {', '.join(slept)} to sleep" if slept else ""),
        hint=_next_step(record, slept),
        duration_s=_total(run),
        first_token_s=_first_token_s(run, child, record),
    )


async def _make_room(run: Run, slept: list[str], *, held: Gpus, force: bool) -> None:
    """Put to sleep who must go, one after the other, each measured before the next is chosen.

    Args:
        run: The switch.
        slept: Takes the names of those that were put to sleep.
        held: The GPUs on which it may do so.
        force: Nobody need be enough.
    """
    run.advance(Phase.MAKING_ROOM)
    while True:
        found = await measure(run)
        if not slept:
            know(run, found, force=False)
            if found.can_be_made is False and not force:
                run.know(found.who)
                raise Ended(no_room(found, "nobody was put to sleep, nothing was woken"))
        fleet = run.desk.store.view
        left = [
            giver
            for giver in givers(run.view, fleet)
            if giver.name not in slept and _is_within(run.desk.view(giver.name), held, fleet)
        ]
        giver = next_to_go(found.short, left)
        if giver is None:
            break
        record = await _sleep(run, giver.name)
        if record.outcome in (Outcome.DONE, Outcome.SUSPECT):
            slept.append(giver.name)
        if record.outcome is not Outcome.DONE:
            raise Ended(await _undone(run, record, slept))
    if found.fits is False and not force:
        run.know(found.who)
        back = await _bring_back(run, slept)
        result = no_room(found, f"nothing was woken{back}")
        raise Ended(_timed(run, result))


def _is_within(giver: ServerView, held: Gpus, fleet: FleetView) -> bool:
    """Whether it can be put to sleep without a transition of others on one of its GPUs.

    A server that was restarted meanwhile holds no memory, and could be on any GPU.
    """
    gpus = gpus_of(giver, fleet)
    return held is None or (gpus is not None and gpus <= held)


async def _sleep(run: Run, server: str) -> OperationRecord:
    view = run.desk.view(server)
    level = SleepLevel(view.spec.level) if view.spec.level in tuple(SleepLevel) else None
    if not level or level_refusal(view, level):
        level = SleepLevel.OFFLOAD
    child = run.child(Kind.SLEEP, server, level=level, mode=SleepMode.WAIT)
    work = partial(fall_asleep, level=level, mode=SleepMode.WAIT)
    return await _part(run, child, work, first_phase(view))


async def _wake(run: Run, server: str, *, force: bool = False) -> tuple[Run, OperationRecord]:
    level = slept_level(run.desk.view(server))
    child = run.child(Kind.WAKE, server, level=level, mode=None)
    work = partial(with_room, work=wake_up, force=force)
    return child, await _part(run, child, work, Phase.CALLING)


async def _part(run: Run, child: Run, work: Work, phase: Phase) -> OperationRecord:
    """Carry out a sleep or wake of this switch; its time and its end become part of the record."""
    began_s = run.now_s()
    record = await child.perform(work, phase=phase)
    took_s = run.now_s() - began_s
    name = f"{record.kind.value} {record.server}"
    run.part(name, took_s)
    run.know(f"{name}, {duration(took_s)}: {record.outcome.value}, {record.message}")
    if run.sent_s is None:
        run.sent_s = child.sent_s
    run.done_s = child.done_s or run.done_s
    run.stamped(child.late_s)
    return record


async def _undone(run: Run, record: OperationRecord, slept: list[str]) -> Result:
    """The switch ends as the operation in it that went wrong, after bringing back the others."""
    back = await _bring_back(run, slept)
    outcome = record.outcome
    if outcome is Outcome.SUSPECT:
        outcome = Outcome.FAILED
    result = Result(
        outcome=outcome,
        cause=record.cause,
        message=f"{record.kind.value} of {record.server}: {record.message}{back}",
        hint=record.hint,
    )
    return _timed(run, result)


async def _bring_back(run: Run, slept: list[str]) -> str:
    """Wake those that were put to sleep, the last one first. Says what came of it.

    Only where there is room: a wake that failed midway may hold on to what it took.
    """
    words = ""
    for server in reversed(slept):
        _, record = await _wake(run, server)
        if record.outcome is Outcome.DONE:
            words += f"; {server} is awake again"
        else:
            words += f"; {server} did not come back: {record.message}"
    return words


def _next_step(record: OperationRecord, slept: list[str]) -> str:
    """What to do after a wake that did not fail outright: things are left as they are."""
    if record.cause in _WRONG_ANSWERS and slept:
        those = ", ".join(slept)
        return f"{record.hint}; {those} {'sleep' if len(slept) > 1 else 'sleeps'} on, x goes back"
    return record.hint


def _first_token_s(run: Run, child: Run, record: OperationRecord) -> float | None:
    """From the first request of the switch to the first token of the canary."""
    if record.first_token_s is None or child.sent_s is None or run.sent_s is None:
        return None
    return child.sent_s + record.first_token_s - run.sent_s


def _timed(run: Run, result: Result) -> Result:
    return replace(result, duration_s=_total(run))


def _total(run: Run) -> float:
    total_s = run.now_s() - run.operation.began_s
    run.part("total", total_s)
    return total_s
