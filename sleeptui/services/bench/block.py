"""The parts of a block before its cycles: a cold start, warm-up, and how fast it is before any."""

from sleeptui.core.bench import BenchPhase
from sleeptui.core.model import State
from sleeptui.services.bench.cycle import measured
from sleeptui.services.bench.desk import BenchDesk, StepFailed
from sleeptui.services.bench.ready import settled

INVALID_CACHE = "invalid:cache"
_BASELINE = 5
"""Requests at least: a deviation of fewer says little."""


async def run_cold(desk: BenchDesk, phase: BenchPhase) -> None:
    """End a server and start it, with its caches as asked.

    Raises:
        StepFailed: It did not start, or from another state of the caches than was asked.
    """
    server, asked = phase.server, phase.cold
    if (await settled(desk, server)).state is not State.DOWN:
        await desk.ended(lambda: desk.operations.stop(server))
    record = await desk.ended(lambda: desk.operations.start(server, cold=asked))
    cold = record.cold
    if cold is not None and cold.is_invalid:
        raise StepFailed(INVALID_CACHE, f"it was a {cold.kind.value}: {cold.proof}")


async def run_warm_up(desk: BenchDesk, phase: BenchPhase) -> None:
    """Requests that are not measured: the first ones compile and fill caches."""
    for _ in range(desk.plan.latency.warm_up if desk.plan.latency else 0):
        await measured(desk, phase.server, "warmup")


async def run_baseline(desk: BenchDesk, phase: BenchPhase) -> None:
    """How a server answers, and how fast, before any sleep.

    Raises:
        StepFailed: Its answers are wrong, or it does not answer.
    """
    server = phase.server
    if desk.view(server).spec.canary.enabled:
        await desk.ended(lambda: desk.operations.verify(server))
    wanted = max(desk.plan.latency.steady if desk.plan.latency else 0, _BASELINE)
    paces = [await measured(desk, server, "baseline") for _ in range(wanted)]
    desk.paces[server] = tuple(pace for pace in paces if pace is not None)
    if not desk.paces[server]:
        raise StepFailed("invalid:no answer", f"{server}: none of {wanted} requests was answered")
