"""Switches to a model: makes room on its GPUs, wakes it, and undoes it if that fails."""

from functools import partial

from sleeptui.core.lifecycle import level_refusal
from sleeptui.core.model import SleepLevel, SleepMode
from sleeptui.core.operation import Kind, OperationRecord, Outcome, Phase
from sleeptui.core.units import memory
from sleeptui.services.room import givers, need_of, next_to_go, shortfall
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.sleep import fall_asleep, first_phase
from sleeptui.services.wake import slept_level, wake_up


async def switch(run: Run) -> Result:
    """The work of a switch. Its sleeps and its wake are operations of their own, with its id.

    Raises:
        Ended: There is no room, or the wake failed; what was put to sleep has been woken again.
    """
    slept: list[str] = []
    await _make_room(run, slept)
    run.advance(Phase.CALLING)
    record = await _wake(run, run.server)
    if record.outcome is Outcome.FAILED:
        raise Ended(await _undone(run, record, slept))
    made = f"; put {', '.join(slept)} to sleep" if slept else ""
    return Result(
        outcome=record.outcome,
        cause=record.cause,
        message=f"{record.message}{made}",
        hint=record.hint,
        duration_s=_total(run),
    )


async def _make_room(run: Run, slept: list[str]) -> None:
    """Put to sleep who must go, one after the other, each measured before the next is chosen.

    Args:
        run: The switch.
        slept: Takes the names of those that were put to sleep.
    """
    run.advance(Phase.MAKING_ROOM)
    desk = run.desk
    while True:
        reading = await desk.supervisor.sample_gpus()
        fleet = desk.store.view
        need = need_of(run.view, fleet)
        short = shortfall(need, reading.gpus) if need else None
        left = [giver for giver in givers(run.view, fleet) if giver.name not in slept]
        giver = next_to_go(short, left)
        if giver is None:
            break
        record = await _sleep(run, giver.name)
        if record.outcome is not Outcome.DONE:
            if record.outcome is Outcome.SUSPECT:
                slept.append(giver.name)
            raise Ended(await _undone(run, record, slept))
        slept.append(giver.name)
    if short and need and need.is_measured:
        raise Ended(await _no_room(run, max(short.values()), slept))


async def _sleep(run: Run, server: str) -> OperationRecord:
    view = run.desk.view(server)
    level = SleepLevel(view.spec.level) if view.spec.level in tuple(SleepLevel) else None
    if not level or level_refusal(view, level):
        level = SleepLevel.OFFLOAD
    child = run.child(Kind.SLEEP, server, level=level, mode=SleepMode.WAIT)
    began_s = run.now_s()
    record = await child.perform(
        partial(fall_asleep, level=level, mode=SleepMode.WAIT), phase=first_phase(view)
    )
    run.part(f"sleep {server}", run.now_s() - began_s)
    return record


async def _wake(run: Run, server: str) -> OperationRecord:
    level = slept_level(run.desk.view(server))
    child = run.child(Kind.WAKE, server, level=level, mode=None)
    began_s = run.now_s()
    record = await child.perform(wake_up, phase=Phase.CALLING)
    run.part(f"wake {server}", run.now_s() - began_s)
    return record


async def _no_room(run: Run, missing_bytes: int, slept: list[str]) -> Result:
    back = await _bring_back(run, slept)
    return Result(
        outcome=Outcome.FAILED,
        message=f"no room: {memory(missing_bytes)} more would be needed; nothing was woken{back}",
        hint="put a pinned model or another user of the GPU away",
        duration_s=_total(run),
    )


async def _undone(run: Run, record: OperationRecord, slept: list[str]) -> Result:
    """The switch ends as the operation in it that went wrong, after bringing back the others."""
    back = await _bring_back(run, slept)
    outcome = record.outcome
    if outcome is Outcome.SUSPECT:
        outcome = Outcome.FAILED
    return Result(
        outcome=outcome,
        cause=record.cause,
        message=f"{record.kind.value} of {record.server}: {record.message}{back}",
        hint=record.hint,
        duration_s=_total(run),
    )


async def _bring_back(run: Run, slept: list[str]) -> str:
    """Wake those that were put to sleep, the last one first. Says what came of it."""
    words = ""
    for server in reversed(slept):
        record = await _wake(run, server)
        if record.outcome is Outcome.DONE:
            words += f"; {server} is awake again"
        else:
            words += f"; {server} did not come back: {record.message}"
    return words


def _total(run: Run) -> float:
    total_s = run.now_s() - run.operation.began_s
    run.part("total", total_s)
    return total_s
