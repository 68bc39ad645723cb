"""One simulated server as a process of its own: started, killed and started again like vLLM.

Its GPU memory is in a bank that it shares with others (bank.py), its start takes as long as the
weights on the disk and the compile cache make it, its output is that of vLLM.
"""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from sleeptui.core.errors import SimError
from sleeptui.sim import weights
from sleeptui.sim.bank import Account, Bank, BankGpu
from sleeptui.sim.clock import RealClock
from sleeptui.sim.engine import Phase
from sleeptui.sim.faults import FaultSetting
from sleeptui.sim.host import Alone, Host
from sleeptui.sim.scenario import scenario_named
from sleeptui.sim.spec import EngineSpec, Scenario, Start
from sleeptui.sim.startup import Conditions

CACHE_ENV = "VLLM_CACHE_ROOT"
"""As of vLLM: where the compile caches are. Not set: each start compiles."""
_COMPILED = Path("torch_compile_cache", "simulated")
_END_S = 1.0
"""From SIGTERM to the end of the process."""
_TICK_S, _SHORTEST_TICK_S = 0.1, 0.01
_DATE_TICKS = 10
_DIED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """What such a server is told at its start."""

    server: str
    """Its name in the scenario."""
    port: int
    bank: Path
    scenario: str = "exp1"
    speed: float = 1.0
    """Starts, sleeps and wakes take so many times less; requests are as fast as real ones."""
    weights: Path | None = None
    """Real bytes, made at the first start; None: always in the page cache."""
    faults: tuple[FaultSetting, ...] = ()
    seed: str | None = None
    """Of its pace and its draws; None: the number of the process."""


def run_single(single: Single) -> int:
    """Run until SIGTERM or ctrl+c, or until the engine has died. Returns the exit code.

    Raises:
        SimError: There is no such server, or its port, bank or weights cannot be had.
    """
    began_s = _began_s()
    scenario = scenario_named(single.scenario)
    spec = _spec(single, scenario)
    from_disk = 0.0
    if single.weights is not None:
        weights.ready(single.weights, spec)
        from_disk = weights.read(single.weights)
    root = os.environ.get(CACHE_ENV)
    cache = None if root is None else Path(root).expanduser() / _COMPILED
    alone = Alone(
        port=single.port,
        began_s=began_s,
        seed=str(os.getpid()) if single.seed is None else single.seed,
        conditions=Conditions(
            from_disk=from_disk, compiled=cache is not None and (cache / spec.name).exists()
        ),
        sink=_print,
    )
    account = Bank(single.bank).join(spec.name, scenario)
    try:
        gpus = [BankGpu(index, gpu, account) for index, gpu in enumerate(scenario.gpus)]
        clock, speed = RealClock(), single.speed
        host = Host(0, spec, scenario, gpus, clock=clock, speed=speed, alone=alone)
        return asyncio.run(_serve(host, account, cache, speed))
    finally:
        account.close()


def _spec(single: Single, scenario: Scenario) -> EngineSpec:
    for spec in scenario.engines:
        if spec.name == single.server:
            faults = (*spec.faults, *single.faults)
            return replace(spec, start=Start.COLD, clients=0, faults=faults)
    raise SimError(
        f"The simulated fleet {scenario.name} has no server {single.server!r}",
        hint=f"Choose one of {', '.join(scenario.server_names)}.",
    )


async def _serve(host: Host, account: Account, cache: Path | None, speed: float) -> int:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    try:
        await _keep(host, account, ending, cache, max(_TICK_S / speed, _SHORTEST_TICK_S))
        if not ending.is_set():
            return _DIED
        host.log.api("launcher.py:110", "Shutting down FastAPI HTTP server.")
        await host.listener.close()
        await asyncio.sleep(_END_S / speed)
        return 0
    finally:
        await host.listener.end()


async def _keep(
    host: Host, account: Account, ending: asyncio.Event, cache: Path | None, tick_s: float
) -> None:
    """Carry the engine on until it has died, or the end is asked for."""
    ticks = 0
    while host.engine.phase is not Phase.GONE and not ending.is_set():
        host.app.pulse.advance()
        await host.follow()
        engine = host.engine
        account.load(host_bytes=engine.host_bytes, batch=engine.batch, copying=engine.busy)
        ticks += 1
        if ticks % _DATE_TICKS == 0:
            await host.listener.tick()
        if cache is not None and engine.phase is Phase.UP:
            _compiled(cache, host.name)
            cache = None
        with suppress(TimeoutError):
            async with asyncio.timeout(tick_s):
                await ending.wait()


def _compiled(cache: Path, name: str) -> None:
    """Leave what the next start need not compile; where that cannot be written, it must."""
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text("simulated\n")


def _began_s() -> float:
    """Monotonic time of the start of this process: imports are a part of a cold start."""
    return time.monotonic() - max(time.time() - psutil.Process().create_time(), 0.0)


def _print(line: str) -> None:
    with suppress(OSError):  # nobody reads it any more
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
