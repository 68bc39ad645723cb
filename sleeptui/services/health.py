"""Waits until a server that was started answers, or has ended, or takes too long."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from sleeptui.core.completion import Timed
from sleeptui.core.errors import ContainerError, EngineError, ProcessError
from sleeptui.core.runtime import Running, Runtime
from sleeptui.services.deadline import end, within
from sleeptui.services.run import Run

POLL_S = 0.05
"""Between two looks at /health: the first good one is 26 ms late on average, 51 ms at most."""
STATE_EVERY_S = 1.0
"""Between two questions to its runtime, whether it still runs."""
RUNTIME_ERRORS = (ContainerError, ProcessError)


@dataclass(slots=True, kw_only=True)
class Health:
    """How the wait went; filled while it lasts."""

    good: Timed | None = None
    """The first look that was answered with 200."""
    last_bad_s: float | None = None
    """When the last one was sent that was not."""
    problem: str = ""
    """What was wrong at that look, in one clause."""
    ended: Running | None = None
    """It does not run any more."""


async def until_healthy(run: Run, runtime: Runtime, health: Health, limit_s: float) -> None:
    """Ask /health until it is well or its process has ended; ``health`` tells which.

    Raises:
        TimeoutError: Neither came in time.
    """
    asking = asyncio.ensure_future(_ask(run, health))
    living = asyncio.ensure_future(_live(run, runtime, health))
    try:
        await within(run.desk.clock, limit_s, _first(asking, living))
    finally:
        await end(asking)
        await end(living)


async def _ask(run: Run, health: Health) -> None:
    while True:
        at_s = run.now_s()
        try:
            health.good = await run.client.health()
        except EngineError as error:
            health.last_bad_s, health.problem = at_s, error.message
        else:
            return
        await run.desk.clock.sleep(max(at_s + POLL_S - run.now_s(), 0.0))


async def _live(run: Run, runtime: Runtime, health: Health) -> None:
    """Beside the looks, which a slow runtime must not delay."""
    while True:
        await run.desk.clock.sleep(STATE_EVERY_S)
        with suppress(*RUNTIME_ERRORS):
            running = await runtime.state(run.view.spec)
            if not running.is_running:
                health.ended = running
                return


async def _first(*tasks: asyncio.Task[None]) -> None:
    """Wait for one of them; what it has raised is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
