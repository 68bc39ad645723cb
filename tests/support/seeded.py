"""A small fleet with one fault in it, as a process of its own: ends with its standard input.

``python -m tests.support.seeded FAULT SEED``: two models on one GPU, too large to be awake
together. Wakes take at least 100 ms, so that what a fifth of that is can be measured; requests are
as fast as those of a real server; cold starts are short, because nothing here is about them.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace

from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

CLEAN = "clean"
LEFT, RIGHT = "left", "right"
SPEED = 3.0
COMPLETIONS = ("/v1/completions", "/v1/chat/completions")
FAULTS: Mapping[str, tuple[FaultSetting, ...]] = {
    "slower": (FaultSetting(fault=Fault.SLOWER, factor=1.2),),
    "leak": (FaultSetting(fault=Fault.LEAK, bytes=200 << 20),),
    "lose": (FaultSetting(fault=Fault.LOSE, chance=1 / 50, paths=COMPLETIONS),),
    "garbage": (FaultSetting(fault=Fault.GARBAGE, chance=1 / 20),),
    "much slower": (FaultSetting(fault=Fault.SLOWER, factor=2.0),),
    "loses many": (FaultSetting(fault=Fault.LOSE, chance=1 / 4, paths=COMPLETIONS),),
    "much garbage": (FaultSetting(fault=Fault.GARBAGE, chance=1 / 2),),
}
"""By name, as both servers have them from their begin; another name: none."""
_MODEL = EngineSpec(
    name=LEFT, root="acme/classify-2b", params_b=2.0, version="0.32.0", cold_start_s=5.0
)


def fleet(fault: str) -> Scenario:
    """The two models, with that fault."""
    left = replace(_MODEL, faults=FAULTS.get(fault, ()))
    return Scenario(
        name="seeded",
        title="Two small models on one GPU",
        description="One is awake, the other one sleeps.",
        gpus=(GpuSpec(),),
        engines=(left, replace(left, name=RIGHT, start=Start.LEVEL_1)),
    )


async def main(fault: str, seed: str) -> None:
    """Say where it is, and run."""
    scenario = fleet(fault)
    async with running_fleet(scenario, speed=SPEED, requests_speed=1.0, seed=seed) as running:
        print(running.address.announce(), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
