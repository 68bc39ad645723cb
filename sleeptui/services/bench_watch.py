"""Benchmarks as the panel sees them: started as a process of their own, followed by its journal."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from sleeptui.core.bench_picture import BenchFold, BenchPicture
from sleeptui.core.errors import ConfigError, NotAllowed, SleeptuiError
from sleeptui.core.events import Noted
from sleeptui.core.plan import Plan
from sleeptui.core.ports import Clock
from sleeptui.core.recording import place
from sleeptui.core.runtime import BenchChild, Benches
from sleeptui.core.settings import ServerSpec
from sleeptui.services.bus import Bus

INTERRUPTED = 130


class BenchState(StrEnum):
    """How far the benchmark is that is watched."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    """It was told to stop, and restores the servers."""
    ENDED = "ended"
    FAILED = "failed"


RUNS = frozenset({BenchState.STARTING, BenchState.RUNNING, BenchState.STOPPING})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """The benchmark that runs, or the one that was watched last."""

    plan: str
    state: BenchState
    session: str = ""
    """Its folder; empty: it does not record yet."""
    is_ours: bool = True
    """This program has started it, and can stop it."""
    picture: BenchPicture = field(default_factory=BenchPicture)
    problem: str = ""
    """Why it failed, or what is left to do."""
    said: tuple[str, ...] = ()
    """The last lines that it has written, where it failed."""

    @property
    def is_running(self) -> bool:
        """Whether the servers are moved by it."""
        return self.state in RUNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A plan that can be chosen."""

    plan: Plan
    estimate_s: float | None = None
    briefing: tuple[str, ...] = ()
    """What it would do, a sentence a line."""
    problem: str = ""
    """Why it cannot be carried out here; empty: it can."""


class Ahead(Protocol):
    """What a plan would do."""

    @property
    def estimate_s(self) -> float:
        """How long it takes."""

    @property
    def briefing(self) -> tuple[str, ...]:
        """All of it in plain words, a sentence a line."""


class BenchWatch:
    """At most one benchmark at a time. While one runs, the panel keeps its hands off."""

    def __init__(
        self,
        *,
        benches: Benches,
        bus: Bus,
        clock: Clock,
        group: asyncio.TaskGroup,
        ahead: Callable[[Plan], Ahead],
        hands_off: Callable[[bool], None],
    ) -> None:
        """Nothing is watched yet.

        Args:
            benches: Starts and follows them.
            bus: Told what happens to them.
            clock: For the events.
            group: Of the tasks.
            ahead: Checks a plan against the fleet as it is now; raises ConfigError.
            hands_off: Called with whether a benchmark moves the servers.
        """
        self._benches = benches
        self._bus = bus
        self._clock = clock
        self._group = group
        self._ahead = ahead
        self._hands_off = hands_off
        self._fold = BenchFold()
        self._child: BenchChild | None = None
        self._task: asyncio.Task[None] | None = None
        self._watched: Watched | None = None

    @property
    def watched(self) -> Watched | None:
        """The benchmark that runs, or the one that was watched last; None: there was none."""
        if self._watched is None:
            return None
        return replace(self._watched, picture=self._fold.picture)

    @property
    def is_running(self) -> bool:
        """Whether one runs."""
        return self._watched is not None and self._watched.is_running

    def share(self) -> float | None:
        """How much of the one that runs is done, 0 to 1; None: none runs."""
        if not self.is_running:
            return None
        return self._fold.picture.share(self._clock.now_s())

    def offers(self) -> Sequence[Offer]:
        """The plans that can be chosen, each with what it would do on the fleet as it is now."""
        return tuple(self._offer(plan) for plan in self._benches.plans())

    def start(self, plan: str, servers: Sequence[ServerSpec]) -> None:
        """Run a plan on these servers, in a process of its own.

        Raises:
            NotAllowed: One runs already, or there is nothing to measure.
        """
        if self.is_running:
            raise NotAllowed("a benchmark runs already", hint="wait for its end, or stop it")
        if not servers:
            raise NotAllowed("there is no server to measure", hint="the doctor says why (3)")
        self._begin(Watched(plan=plan, state=BenchState.STARTING))
        self._task = self._group.create_task(self._run(plan, servers), name="benchmark")

    def follow(self, session: str, plan: str) -> None:
        """Follow one that somebody else has started.

        Raises:
            NotAllowed: One is followed already.
        """
        if self.is_running:
            raise NotAllowed("a benchmark is followed already", hint="wait for its end")
        self._child = None
        self._begin(Watched(plan=plan, state=BenchState.RUNNING, session=session, is_ours=False))
        self._task = self._group.create_task(self._watch(session), name="benchmark")

    def stop(self) -> None:
        """Tell it to stop: it restores the servers, and leaves a valid partial result.

        Raises:
            NotAllowed: None runs, or somebody else has started it.
        """
        if not self.is_running:
            raise NotAllowed("no benchmark runs")
        if self._child is None:
            raise NotAllowed(
                "this benchmark was started elsewhere", hint="end it there with ctrl+c"
            )
        self._child.stop()
        self._update(state=BenchState.STOPPING)

    async def end(self) -> None:
        """Follow it no longer: the program ends. The benchmark goes on, where it can."""
        if self._child is not None:
            await self._child.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _offer(self, plan: Plan) -> Offer:
        try:
            ahead = self._ahead(plan)
        except ConfigError as error:
            return Offer(plan=plan, problem=str(error))
        return Offer(plan=plan, estimate_s=ahead.estimate_s, briefing=ahead.briefing)

    def _begin(self, watched: Watched) -> None:
        self._fold = BenchFold()
        self._watched = watched
        self._hands_off(True)

    async def _run(self, plan: str, servers: Sequence[ServerSpec]) -> None:
        try:
            child = self._child = await self._benches.start(plan, servers)
            session = await child.recording()
            if session:
                self._update(session=session)
                if self._watched is not None and self._watched.state is BenchState.STARTING:
                    self._update(state=BenchState.RUNNING)
                self._note("info", f"benchmark {plan}: recording to {place(session)}")
                await self._take(session)
            self._over(plan, await child.ended(), child.said())
        except SleeptuiError as error:
            self._failed(str(error))
        finally:
            begun, self._child = self._child, None
            if begun is not None:
                await begun.close()

    async def _watch(self, session: str) -> None:
        try:
            await self._take(session)
        except SleeptuiError as error:
            self._failed(str(error))
        else:
            self._close(BenchState.ENDED, "")

    async def _take(self, session: str) -> None:
        """Follow its journal to the end."""
        async for events in self._benches.follow(session):
            for event in events:
                self._fold.apply(event)

    def _over(self, plan: str, code: int, said: Sequence[str]) -> None:
        """Its process has ended."""
        picture = self._fold.picture
        if code == INTERRUPTED or (picture.verdicts and code in (0, 1)):
            self._close(BenchState.ENDED, "it was stopped" if code == INTERRUPTED else "")
            self._note("good", f"benchmark {plan}: {_sum(picture)}")
            return
        last = said[-1].removeprefix("sleeptui: ") if said else "it ended without a word"
        self._update(said=tuple(said))
        self._failed(last)

    def _failed(self, problem: str) -> None:
        plan = self._watched.plan if self._watched is not None else ""
        self._close(BenchState.FAILED, problem)
        self._note("bad", f"benchmark {plan}: {problem}")

    def _close(self, state: BenchState, problem: str) -> None:
        self._update(state=state, problem=problem)
        self._hands_off(False)

    def _update(self, **fields: object) -> None:
        if self._watched is not None:
            self._watched = replace(self._watched, **fields)  # type: ignore[arg-type]

    def _note(self, severity: str, text: str) -> None:
        self._bus.publish(
            Noted(at_s=self._clock.now_s(), server=None, severity=severity, text=text)
        )


def _sum(picture: BenchPicture) -> str:
    count = len(picture.verdicts)
    phases = f"phase{'' if picture.failed == 1 else 's'}"
    failed = f", {picture.failed} {phases} did not end well" if picture.failed else ""
    return f"ended, {count} verdict{'' if count == 1 else 's'}{failed}"
