"""Proof by use: one server sleeps, another one wakes in the freed space, and back."""

from sleeptui.core.bench import BenchPhase
from sleeptui.services.bench.desk import BenchDesk


async def run_proof(desk: BenchDesk, phase: BenchPhase, partner: str) -> None:
    """The work of a proof; both wakes are verified by their canaries.

    Raises:
        StepFailed: One of them did not end well: then nothing is proven.
    """
    server = phase.server
    await desk.sleep(server, phase.level or 1)
    await desk.pause(phase.dwell_s or 0.0)
    await desk.wake(partner)
    await desk.sleep(partner, desk.view(partner).spec.level)
    await desk.wake(server)
