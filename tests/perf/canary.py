"""What the canary costs those who wait: the first token of a user's prompt that a wake sets free.

The same wake of the same simulated 8B model, with and without the canary, in pairs in one run.
Time runs from /wake_up being written to the user's first token; the user is another process.
"""

import asyncio
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.vllm import VllmClient, VllmClients
from sleeptui.core.completion import Timed
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, OperationRecord
from sleeptui.core.settings import Canary, ServerSpec, Settings
from sleeptui.services.panel import Services
from sleeptui.services.ticket import Ticket
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.probes import SimGpuProbe, SimHomes
from tests.perf.eight import NAME

BAR = 1.05
PAIRS = 12
LIMIT_S = 30.0


class _Side:
    """A fleet, the services that watch it, and a user of it: with the canary, or without."""

    def __init__(self, services: Services, user: Process, wakes: list[Timed]) -> None:
        self._services = services
        self._user = user
        self._wakes = wakes
        self.first_tokens_s: list[float] = []
        """From /wake_up written to the user's first token."""
        self.records: list[OperationRecord] = []

    async def cycle(self, *, measured: bool = True) -> None:
        """Sleep, let the user wait, wake; begins and ends awake."""
        await self._until(lambda: self._state() is State.AWAKE)
        await self._ended(self._services.operations.sleep(NAME))
        await self._until(lambda: self._state() is State.ASLEEP)
        line = await self._tell("go")
        assert line == "parked", line
        record = await self._ended(self._services.operations.wake(NAME))
        first_token_s = float(await self._hear())
        if measured:
            self.first_tokens_s.append(first_token_s - self._wakes[-1].sent_s)
            self.records.append(record)

    async def begin(self) -> None:
        """Wake it for the first time."""
        await self._until(lambda: self._state() is State.ASLEEP)
        await self._ended(self._services.operations.wake(NAME))

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

    async def _ended(self, ticket: Ticket) -> OperationRecord:
        async with asyncio.timeout(LIMIT_S):
            record = await ticket.ended()
        assert record.kind in {Kind.SLEEP, Kind.WAKE}
        return record

    async def _tell(self, line: str) -> str:
        assert self._user.stdin is not None
        self._user.stdin.write(f"{line}\n".encode())
        return await self._hear()

    async def _hear(self) -> str:
        assert self._user.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            return (await self._user.stdout.readline()).decode().strip()


@asynccontextmanager
async def _running(*arguments: str) -> AsyncIterator[Process]:
    """A module of ours as a process, which ends with its input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def _side(canary: Canary) -> AsyncIterator[_Side]:
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(_running("tests.perf.eight"))
        assert fleet.stdout is not None
        address = FleetAddress.read((await fleet.stdout.readline()).decode())
        spec = replace(address.servers[0], canary=canary)
        port = spec.url.rpartition(":")[2]
        user = await stack.enter_async_context(_running("tests.perf.user", port, NAME))
        clients, clock, wakes = VllmClients(), SystemClock(), list[Timed]()
        stack.push_async_callback(clients.close)

        def noting(asked: ServerSpec) -> VllmClient:
            """A client that keeps the stamps of its wakes."""
            client = clients(asked)
            plain = client.wake

            async def wake(tags: Sequence[str] = ()) -> Timed:
                """POST /wake_up, its stamps kept."""
                wakes.append(await plain(tags))
                return wakes[-1]

            client.wake = wake  # type: ignore[method-assign] # only here is it looked at
            return client

        services = Services(
            settings=Settings(servers=(spec,)),
            clients=noting,
            probe=SimGpuProbe(address, clock),
            finder=SimHomes(address),
            clock=clock,
        )
        await stack.enter_async_context(services)
        services.begin()
        yield _Side(services, user, wakes)


async def _measure() -> tuple[str, bool]:
    async with _side(Canary()) as on, _side(Canary(enabled=False)) as off:
        for side in (on, off):
            await side.begin()
            await side.cycle(measured=False)
        for number in range(PAIRS):
            for side in (on, off) if number % 2 else (off, on):
                await side.cycle()
    pairs = zip(on.first_tokens_s, off.first_tokens_s, strict=True)
    ratio = statistics.median(one / other for one, other in pairs)
    proofs = [record.verification for record in on.records]
    assert all(record.verification is None for record in off.records)
    took = [proof.took_s for proof in proofs if proof and proof.verdict.matches and proof.took_s]
    line = (
        f"first token of a user after a wake: {_ms(on.first_tokens_s)} with the canary,"
        f" {_ms(off.first_tokens_s)} without; ratio {ratio:.3f} in {PAIRS} pairs (bar {BAR});"
    )
    if len(took) < PAIRS:
        return f"{line} verified were {len(took)} of {PAIRS} wakes", False
    return f"{line} the canary itself took {_ms(took)}", ratio <= BAR


def _ms(seconds: Sequence[float]) -> str:
    middle = statistics.median(seconds) * 1000
    return f"{middle:.0f} ms ({min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f})"


def measure() -> tuple[str, bool]:
    """One line with the medians and their ratio, and whether the bar holds."""
    return asyncio.run(_measure())
