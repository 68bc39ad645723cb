"""Ends the process or container of a server, and finds out whether its memory is free."""

from contextlib import suppress
from dataclasses import replace

from sleeptui.core.errors import SleeptuiError
from sleeptui.core.model import Reach, State
from sleeptui.core.operation import Cause, Outcome, Phase
from sleeptui.core.runtime import Running, Runtime
from sleeptui.core.text import one_line
from sleeptui.core.units import duration, memory
from sleeptui.services.deadline import within
from sleeptui.services.health import RUNTIME_ERRORS
from sleeptui.services.known import memory_lines
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.send import CONFIRM_EVERY_S
from sleeptui.services.settle import Weight, drop, weigh, weigh_settled
from sleeptui.services.sleep import LEAST_FREED_BYTES

_PS = "ps and nvidia-smi show what is left of it"


async def bring_down(run: Run, *, runtime: Runtime) -> Result:
    """The work of a stop.

    Raises:
        Ended: It does not run, or cannot be ended.
    """
    before = await _prepared(run, runtime)
    run.sent_s = run.now_s()
    running = await _stopped(run, runtime)
    run.done_s = run.now_s()
    took_s = run.done_s - run.sent_s
    run.part("exit", took_s)
    if running.is_running:
        raise Ended(_survived(running, took_s))
    run.know(_exit_line(running))
    run.advance(Phase.SETTLING)
    is_deaf = await _is_deaf(run)
    await run.desk.supervisor.look_for_homes()
    after = await weigh_settled(run, before)
    if run.view.home is None:
        after = replace(after, held_bytes=0)
    run.know(*memory_lines(before, after))
    return _judged(run, before, after, is_deaf=is_deaf, took_s=took_s)


async def _prepared(run: Run, runtime: Runtime) -> Weight:
    """What its GPUs hold before."""
    try:
        running = await runtime.state(run.view.spec)
    except RUNTIME_ERRORS as error:
        raise Ended(_unknown(error)) from error
    if not running.is_running:
        raise Ended(
            Result(
                outcome=Outcome.CANCELLED,
                cause=Cause.ALREADY_SO,
                message=_not_running(run),
            )
        )
    run.know(f"runs as {one_line(running.what)}")
    return await weigh(run)


async def _stopped(run: Run, runtime: Runtime) -> Running:
    spec = run.view.spec
    try:
        return await runtime.stop(spec, spec.timeouts.stop_s)
    except RUNTIME_ERRORS as error:
        run.done_s = run.now_s()
        raise Ended(
            Result(
                outcome=Outcome.FAILED,
                cause=Cause.NOT_STOPPED,
                message=error.message,
                hint=error.hint,
            )
        ) from error


async def _is_deaf(run: Run) -> bool:
    """Whether nothing listens at its address any more, waited for."""
    with suppress(TimeoutError):
        await within(run.desk.clock, run.view.spec.timeouts.settle_s, _until_refused(run))
        run.know("its address: nothing listens")
        return True
    return False


async def _until_refused(run: Run) -> None:
    while (await run.look()).reach is not Reach.REFUSED:
        await run.desk.clock.sleep(CONFIRM_EVERY_S)


def _judged(run: Run, before: Weight, after: Weight, *, is_deaf: bool, took_s: float) -> Result:
    """Whether it has let go of its address and of its memory."""
    freed, held = drop(before.used_bytes, after.used_bytes), before.held_bytes
    outcome, cause, hint = Outcome.DONE, None, ""
    message = f"ended in {duration(took_s)}"
    if freed is not None:
        message = f"{message}, freed {memory(max(freed, 0))}"
    if _is_kept(run, held, freed):
        outcome, cause, hint = Outcome.SUSPECT, Cause.NOTHING_FREED, _PS
        message = f"{message} of {memory(held)}: does one of its processes live on?"
    if not is_deaf:
        outcome, hint = Outcome.SUSPECT, _PS
        message = f"{message}; something still answers at its address"
    return Result(
        outcome=outcome,
        cause=cause,
        message=message,
        hint=hint,
        duration_s=took_s,
        freed_bytes=freed,
    )


def _is_kept(run: Run, held: int | None, freed: int | None) -> bool:
    if held is None or freed is None or held < LEAST_FREED_BYTES:
        return False
    return freed < run.desk.settings.thresholds.freed_fraction * held


def _not_running(run: Run) -> str:
    if run.found.state is not State.DOWN:
        return "its runtime has not started it: it runs elsewhere, and was left alone"
    return "it does not run; nothing was done"


def _exit_line(running: Running) -> str:
    code = "" if running.exit_code is None else f", exit code {running.exit_code}"
    return f"{one_line(running.what)}: ended{code}"


def _unknown(error: SleeptuiError) -> Result:
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.REJECTED,
        message=f"{error.message}; nothing was done",
        hint=error.hint,
    )


def _survived(running: Running, took_s: float) -> Result:
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.NOT_STOPPED,
        message=f"{one_line(running.what)} still runs after {duration(took_s)}",
        hint=_PS,
        duration_s=took_s,
    )
