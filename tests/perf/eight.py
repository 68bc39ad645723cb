"""An 8B model alone on its GPU, asleep at level 1, as a process: ends with its standard input.

Two of these draw the same latencies in the same order, so that they can be compared in pairs.
"""

import asyncio
import sys

from sleeptui.sim.fleet import running_fleet
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

NAME = "rewrite"
SCENARIO = Scenario(
    name="eight",
    title="One model of 8B parameters",
    description="Alone on its GPU.",
    gpus=(GpuSpec(),),
    engines=(EngineSpec(name=NAME, root="acme/rewrite-8b", params_b=8.0, start=Start.LEVEL_1),),
)


async def main() -> None:
    """Say where it is, and run."""
    async with running_fleet(SCENARIO) as fleet:
        print(fleet.address.announce(), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
