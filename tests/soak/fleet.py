"""16 servers on 4 GPUs as a process: ``python -m tests.soak.fleet SPEED``.

Two of the four on a GPU fit on it beside each other, three do not; one has two GPUs.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

ANNOUNCED = "default"
"""The name that it goes by: the panel takes a running fleet only for one whose name it knows."""
GPUS = 4
_VERSIONS = ("0.25.1", "0.32.0", "0.31.0", "0.17.1")
_STARTS = (Start.AWAKE, Start.LEVEL_1, Start.LEVEL_2, Start.AWAKE)
_COLD_S = 40.0
_WIDE = 2
"""The one with two GPUs."""


def _engine(number: int) -> EngineSpec:
    gpu, slot = number % GPUS, number // GPUS
    return EngineSpec(
        name=f"m{number:02}",
        root=f"acme/model-{number:02}-3b",
        params_b=3.0,
        version=_VERSIONS[(gpu + slot) % len(_VERSIONS)],
        gpus=(gpu, gpu + 1) if number == _WIDE else (gpu,),
        gpu_memory_utilization=0.4,
        max_num_seqs=8,
        start=_STARTS[slot],
        cold_start_s=_COLD_S,
        slept_before=True,
        clients=2,
    )


SCENARIO = Scenario(
    name=ANNOUNCED,
    title="Sixteen models on four GPUs",
    description="Two of four on a GPU are awake.",
    gpus=tuple(GpuSpec() for _ in range(GPUS)),
    engines=tuple(_engine(number) for number in range(16)),
)
PLACES: Mapping[str, frozenset[int]] = {
    engine.name: frozenset(engine.gpus) for engine in SCENARIO.engines
}
"""The GPUs of each server."""


async def main(speed: float) -> None:
    """Say where it is, and run to the end of standard input."""
    async with running_fleet(SCENARIO, speed=speed) as fleet:
        print(fleet.address.announce(), flush=True)
        await asyncio.to_thread(_until_eof)


def _until_eof() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
