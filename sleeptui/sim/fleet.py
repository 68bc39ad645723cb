"""A whole simulated fleet: GPUs, servers, and the control server beside them."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sleeptui.core.ports import Clock
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.clock import RealClock
from sleeptui.sim.control import control_app
from sleeptui.sim.engine import Engine
from sleeptui.sim.listener import Listener
from sleeptui.sim.machine import SimMachine
from sleeptui.sim.spec import Scenario

_TICK_S = 0.1
_SHORTEST_TICK_S = 0.01
_DATE_EVERY_S = 1.0


class SimFleet:
    """The servers of one scenario. Made by ``running_fleet``."""

    def __init__(self, machine: SimMachine, *, clock: Clock) -> None:
        self.scenario = machine.scenario
        self.speed = machine.speed
        self.machine = machine
        self._clock = clock
        self._token = secrets.token_urlsafe(18)
        self._control = Listener(control_app(machine, self._token))

    @property
    def address(self) -> FleetAddress:
        """What a panel needs to watch it."""
        return FleetAddress(
            scenario=self.scenario.name,
            servers=tuple(host.server for host in self.machine.hosts.values()),
            control_url=self._control.url,
            token=self._token,
        )

    def engine(self, name: str) -> Engine:
        """The engine of a server, brought up to now.

        Raises:
            SimError: There is none.
        """
        return self.machine.engine(name)

    async def begin(self) -> None:
        """Open all ports."""
        await self._control.open()
        for host in self.machine.hosts.values():
            await host.follow()

    async def keep(self) -> None:
        """Let ports and date headers follow, for ever."""
        tick_s = max(_TICK_S / self.speed, _SHORTEST_TICK_S)
        listeners = [self._control, *(host.listener for host in self.machine.hosts.values())]
        dated_s = self._clock.now_s()
        while True:
            await asyncio.sleep(tick_s)
            for host in self.machine.hosts.values():
                await host.follow()
            if self._clock.now_s() - dated_s >= _DATE_EVERY_S:
                dated_s = self._clock.now_s()
                for listener in listeners:
                    await listener.tick()

    async def end(self) -> None:
        """Close all ports, also where that is cut off."""
        async with AsyncExitStack() as ends:
            for host in self.machine.hosts.values():
                ends.push_async_callback(host.listener.end)
            ends.push_async_callback(self._control.end)


@asynccontextmanager
async def running_fleet(
    scenario: Scenario,
    *,
    speed: float = 1.0,
    requests_speed: float | None = None,
    seed: str = "",
    clock: Clock | None = None,
) -> AsyncIterator[SimFleet]:
    """Run a fleet inside this process, on real ports; closed on leaving.

    Args:
        scenario: What it consists of.
        speed: Everything takes so many times less.
        requests_speed: The same of requests alone; None: as everything.
        seed: Another one, other paces and other draws.
        clock: Where it gets the time from.
    """
    clock = clock or RealClock()
    machine = SimMachine(
        scenario, speed=speed, requests_speed=requests_speed, seed=seed, clock=clock
    )
    fleet = SimFleet(machine, clock=clock)
    try:
        await fleet.begin()
        keeper = asyncio.create_task(fleet.keep(), name="sim-keeper")
        try:
            yield fleet
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
    finally:
        await fleet.end()
