"""What the measuring adds to a wake: timed by sleeptui, and by curl, in turn in one run.

No two wakes take the same time, so each is held against what the server's log says it took; what
is left is the way there and back, and the measuring.
"""

import asyncio
import re
import shutil
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.vllm import VllmClients
from sleeptui.core.model import State
from sleeptui.core.operation import OperationRecord
from sleeptui.core.settings import Settings
from sleeptui.services.panel import Services
from sleeptui.services.ticket import Ticket
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from sleeptui.sim.runtime import SimRuntime
from tests.perf.eight import NAME

BAR_S = 0.005
PAIRS = 12
LIMIT_S = 60.0
_WOKE = re.compile(r"It took ([\d.]+) seconds to wake up")


class _Subject:
    """A server, the services that watch it, and curl."""

    def __init__(self, services: Services, address: FleetAddress) -> None:
        self._services = services
        self._log = SimRuntime(address)
        self._spec = address.servers[0]

    async def by_sleeptui(self) -> float:
        """Seconds of a wake above what the server itself says."""
        await self._asleep()
        record = await _ended(self._services.operations.wake(NAME))
        assert record.duration_s is not None
        return record.duration_s - await self._own_s()

    async def by_curl(self) -> float:
        """The same, timed by curl."""
        await self._asleep()
        curl = await asyncio.create_subprocess_exec(
            *("curl", "-s", "-o", "/dev/null", "-w", "%{time_total}", "-X", "POST"),
            f"{self._spec.url}/wake_up",
            stdout=PIPE,
        )
        async with asyncio.timeout(LIMIT_S):
            said = (await curl.communicate())[0]
        return float(said) - await self._own_s()

    async def begin(self) -> None:
        """Bring it up, and wake it once."""
        await self._until(lambda: self._state() is State.ASLEEP)
        await _ended(self._services.operations.wake(NAME))

    async def close(self) -> None:
        """Close the connection to its log."""
        await self._log.close()

    async def _asleep(self) -> None:
        await self._until(lambda: self._state() is State.AWAKE)
        await _ended(self._services.operations.sleep(NAME))
        await self._until(lambda: self._state() is State.ASLEEP)

    async def _own_s(self) -> float:
        lines = await self._log.output(self._spec)
        return next(float(found[1]) for line in reversed(lines) if (found := _WOKE.search(line)))

    def _state(self) -> State | None:
        view = self._services.store.server(NAME)
        return view.state if view and view.memory and view.facts.models else None

    async def _until(self, condition: Callable[[], bool]) -> None:
        happened = asyncio.Event()
        unsubscribe = self._services.bus.subscribe(lambda _event: happened.set())
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                happened.clear()
                await happened.wait()
        unsubscribe()


async def _ended(ticket: Ticket) -> OperationRecord:
    async with asyncio.timeout(LIMIT_S):
        return await ticket.ended()


@asynccontextmanager
async def _fleet() -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.perf.eight"), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def _measure() -> tuple[str, bool]:
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(_fleet())
        assert fleet.stdout is not None
        address = FleetAddress.read((await fleet.stdout.readline()).decode())
        clients, clock = VllmClients(), SystemClock()
        stack.push_async_callback(clients.close)
        services = Services(
            settings=Settings(servers=address.servers),
            clients=clients,
            probe=SimGpuProbe(address, clock),
            finder=SimHomes(address),
            clock=clock,
        )
        await stack.enter_async_context(services)
        services.begin()
        subject = _Subject(services, address)
        stack.push_async_callback(subject.close)
        await subject.begin()
        await subject.by_curl()
        ours, curls = list[float](), list[float]()
        for number in range(PAIRS):
            sides = (subject.by_sleeptui, ours), (subject.by_curl, curls)
            for timed, kept in sides if number % 2 else reversed(sides):
                kept.append(await timed())
    added = statistics.median(ours) - statistics.median(curls)
    pairs = [one - other for one, other in zip(ours, curls, strict=True)]
    worst = max(pairs, key=abs)
    line = (
        f"a wake timed by sleeptui against curl: {added * 1000:+.2f} ms at the median, worst pair"
        f" {worst * 1000:+.2f} ms of {PAIRS}; above the server's own figure {_ms(ours)} and"
        f" {_ms(curls)} (bar {BAR_S * 1000:.0f} ms)"
    )
    return line, abs(added) <= BAR_S


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.2f} ms"


def measure() -> tuple[str, bool]:
    """One line with the median and the worst difference, and whether the bar holds."""
    if shutil.which("curl") is None:
        return "a wake timed by sleeptui against curl: there is no curl here", True
    return asyncio.run(_measure())
