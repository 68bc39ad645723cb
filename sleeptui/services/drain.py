"""Our own drain, for versions whose ``/sleep`` has no ``mode``: wait until nothing is in flight."""

from sleeptui.core.model import EngineMetrics, Observation
from sleeptui.core.operation import Cause, Outcome, Phase
from sleeptui.core.units import duration
from sleeptui.services.run import Ended, Result, Run

_EVERY_S = 0.25


def in_flight(metrics: EngineMetrics | None) -> int | None:
    """Requests that run or wait in the engine; None where the metrics do not say."""
    if metrics is None or metrics.running is None or metrics.waiting is None:
        return None
    return metrics.running + metrics.waiting


async def drain(run: Run) -> None:
    """Wait until no request runs or waits, at most ``drain_s``; can be stopped all the time.

    Before 0.17 a sleep with requests in flight kills the engine (vLLM issues 28714, 15483), so
    that here nothing is sent unless the metrics say that there are none.

    Raises:
        Ended: Requests are still in flight, or it cannot be known.
        Stopped: The user has stopped it.
    """
    began_s = run.now_s()
    await run.ticket.stoppable(_drain(run, began_s))
    run.part("drain", run.now_s() - began_s)


async def _drain(run: Run, began_s: float) -> None:
    limit_s = run.view.spec.timeouts.drain_s
    while True:
        seen = await run.look()
        left = in_flight(seen.metrics)
        if left == 0:
            return
        if run.now_s() - began_s >= limit_s:
            raise Ended(_still_busy(seen, limit_s))
        run.advance(Phase.DRAINING)
        await run.desk.clock.sleep(_EVERY_S)


def _still_busy(seen: Observation, limit_s: float) -> Result:
    metrics = seen.metrics
    left = in_flight(metrics)
    if metrics is None or left is None:
        message = "whether requests are in flight cannot be read; nothing was sent"
    else:
        counts = ((metrics.running or 0, "running"), (metrics.waiting or 0, "waiting"))
        words = " and ".join(f"{number} {word}" for number, word in counts if number)
        message = f"still {words} after {duration(limit_s)}; nothing was sent"
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.STILL_BUSY,
        message=message,
        hint="this version cannot stop requests: end them at the clients, then try again",
    )
