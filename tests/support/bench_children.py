"""Benchmarks of the panel that tests run by hand: what they tell, how they end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sleeptui.core.bench_picture import BenchFold
from sleeptui.core.errors import ConfigError, JournalError, ProcessError
from sleeptui.core.events import Event
from sleeptui.core.plan import Latency, Memory, Plan, Stability
from sleeptui.services.bench_watch import BenchState, Watched

PLANS = (
    Plan(name="quick", title="A quick look: three restarts, level 1", latency=Latency(blocks=3)),
    Plan(
        name="standard",
        title="Both levels, six restarts, 59 cycles",
        latency=Latency(),
        memory=Memory(),
        stability=Stability(),
    ),
)
SESSION = "/sessions/20261123T093000Z-code-7f3c"

BRIEFING = (
    "code is restarted 3 times, is put to sleep and woken 24 times.",
    "It sends about 120 requests, and canaries.",
    "In all about 12 min.",
    "Every server ends as it was found, also after ctrl+c.",
)


@dataclass
class Ahead:
    """What a plan would do."""

    estimate_s: float = 720.0
    briefing: tuple[str, ...] = BRIEFING


def ahead(plan: Plan) -> Ahead:
    """One of the plans cannot be carried out."""
    if plan.name == "standard":
        raise ConfigError("none of the servers can be measured", hint="ask the doctor")
    return Ahead()


class Shown:
    """In the place of a BenchWatch: what a page shows of one that stands still."""

    def __init__(self, events: Sequence[Event], state: BenchState) -> None:
        fold = BenchFold()
        for event in events:
            fold.apply(event)
        self.watched = Watched(plan="quick", state=state, session=SESSION, picture=fold.picture)
        self.is_running = self.watched.is_running

    def share(self) -> float | None:
        return 0.25 if self.is_running else None


class FakeChild:
    """Ends when the test says so."""

    def __init__(self) -> None:
        self.session: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.lines: tuple[str, ...] = ()
        self.stops = 0
        self.is_closed = False

    async def recording(self) -> str:
        return await self.session

    async def ended(self) -> int:
        return await self.code

    def said(self) -> Sequence[str]:
        return self.lines

    def stop(self) -> None:
        self.stops += 1

    async def close(self) -> None:
        self.is_closed = True


class FakeBenches:
    """Implements Benches: one child at a time, its events as the test gives them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.child: FakeChild | None = None
        self.events: asyncio.Queue[Sequence[Event] | JournalError | None] = asyncio.Queue()
        self.followed: list[str] = []
        self.refuses: ProcessError | None = None

    def plans(self) -> Sequence[Plan]:
        return PLANS

    async def start(self, plan, servers) -> FakeChild:
        self.asked.append((plan, tuple(one.name for one in servers)))
        if self.refuses is not None:
            raise self.refuses
        self.child = FakeChild()
        return self.child

    async def follow(self, session: str) -> AsyncIterator[Sequence[Event]]:
        self.followed.append(session)
        while (found := await self.events.get()) is not None:
            if isinstance(found, JournalError):
                raise found
            yield found

    def tell(self, *events: Event) -> None:
        """The journal has these."""
        self.events.put_nowait(events)

    def close(self, problem: JournalError | None = None) -> None:
        """The journal has its end, or none."""
        self.events.put_nowait(problem)
