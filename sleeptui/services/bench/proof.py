"""Proof by use: one server sleeps, another one wakes in the freed space, and back."""

from sleeptui.core.bench import BenchPhase
from sleeptui.core.canary import Check
from sleeptui.services.bench.cycle import dwell
from sleeptui.services.bench.desk import BenchDesk


async def run_proof(desk: BenchDesk, phase: BenchPhase, partner: str) -> None:
    """The work of a proof; both wakes are verified by their canaries.

    A partner that has slept since before the benchmark has no answer from before: it sleeps and
    wakes once more, and is held against what it answered the first time.

    Raises:
        StepFailed: One of them did not end well: then nothing is proven.
    """
    server, level = phase.server, phase.level or 1
    await desk.sleep(server, level)
    await dwell(desk, server, level, phase.dwell_s or 0.0)
    await desk.wake(partner)
    view = desk.view(partner)
    if view.check is Check.UNVERIFIED and view.spec.canary.enabled:
        await desk.sleep(partner, view.spec.level)
        await desk.wake(partner)
    await desk.sleep(partner, view.spec.level)
    await desk.wake(server)
