"""Looks at one server again and again, and publishes what was seen."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import floor

from sleeptui.core.errors import EngineError
from sleeptui.core.events import FactsLearned, Noted, StateObserved
from sleeptui.core.model import Observation, Reach, ServerView, State
from sleeptui.core.ports import Clock, EngineClient
from sleeptui.core.settings import ServerSpec
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import within
from sleeptui.services.nap import Naps

log = logging.getLogger(__name__)

FULL_EVERY = 4
"""Every how many looks a server that does not move is looked at in full."""
DOWN_INTERVAL_S = 2.0
"""The longest pause between looks at a server that is down."""
FACTS_RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses between attempts to read the facts; the last one repeats."""
FACTS_GAP_S = 2.0
"""Between two readings: a start time that flaps (several servers behind one address) would else
ask for /server_info without a pause."""
_STILL = frozenset({State.ASLEEP, State.PAUSED, State.DOWN})
_GOLDEN = 0.6180339887
"""Multiples of it, modulo 1, are spread evenly for any number of servers."""
_ROUNDING = 1e-6
"""A tick that is reached but for a rounding error has passed."""


class Watch:
    """The looks at one server. Looks never overlap: each is younger than the one before."""

    def __init__(
        self,
        *,
        spec: ServerSpec,
        client: EngineClient,
        number: int,
        bus: Bus,
        clock: Clock,
        naps: Naps,
        view: Callable[[], ServerView | None],
    ) -> None:
        """Watch ``spec``; its ``number`` in the fleet spreads the looks over the interval."""
        self.spec = spec
        self.client = client
        self._phase = (number * _GOLDEN) % 1.0
        self._bus = bus
        self._clock = clock
        self._naps = naps
        self._view = view
        self._looking = asyncio.Lock()
        self._last: Observation | None = None
        self._full: Observation | None = None
        self._ticks = 0
        self._failures = 0
        self._facts_due = asyncio.Event()
        self._may_learn = asyncio.Event()
        self._may_learn.set()
        self._started_s: float | None = None

    async def run(self, interval_s: Callable[[], float]) -> None:
        """Look at every tick until cancelled; a late look skips ticks, they never pile up."""
        while True:
            due_s = self._next_tick_s(interval_s())
            while (rest_s := due_s - self._clock.now_s()) > 0:
                await self._naps.nap(rest_s)
                due_s = min(due_s, self._next_tick_s(interval_s()))
            await self.look(full=self._is_full_due())
            self._ticks += 1

    async def learn(self) -> None:
        """Read the facts whenever they are due, until cancelled.

        Apart from the looks: the first /server_info takes seconds (it collects system facts).
        """
        attempt, told = 0, ""
        read_s = float("-inf")
        while True:
            await self._facts_due.wait()
            await self._may_learn.wait()
            await self._clock.sleep(max(read_s + FACTS_GAP_S - self._clock.now_s(), 0.0))
            self._facts_due.clear()
            try:
                facts = await self.client.facts()
            except EngineError as error:
                if error.message != told:
                    told = error.message
                    self._note(f"its version and models cannot be read: {error}")
                attempt = await self._until_retry(attempt)
                continue
            attempt, told, read_s = 0, "", self._clock.now_s()
            self._bus.publish(
                FactsLearned(at_s=self._clock.now_s(), server=self.spec.name, facts=facts)
            )

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Read no facts until the block ends: the first /server_info keeps a server busy."""
        self._may_learn.clear()
        try:
            yield
        finally:
            self._may_learn.set()

    async def _until_retry(self, attempt: int) -> int:
        """Pause after a failed attempt; a restart ends the pause. Returns the next attempt."""
        pause_s = FACTS_RETRY_S[min(attempt, len(FACTS_RETRY_S) - 1)]
        try:
            await within(self._clock, pause_s, self._facts_due.wait())
        except TimeoutError:
            self._facts_due.set()
            return attempt + 1
        return 0

    async def look(self, *, full: bool) -> Observation:
        """Look once, publish it, and notice restarts."""
        async with self._looking:
            seen = await self.client.observe(full=full)
            if not full and self._is_back(seen):
                full, seen = True, await self.client.observe(full=True)
            if not full:
                seen = self._completed(seen)
            elif seen.reach is Reach.ANSWERED:
                self._full = seen
            self._notice(seen)
            self._bus.publish(
                StateObserved(at_s=seen.at_s, server=self.spec.name, observation=seen)
            )
            return seen

    def _is_back(self, seen: Observation) -> bool:
        """It answers again: whether it is the same process, and proven still, its metrics tell."""
        before = self._last
        was_gone = before is not None and before.reach is not Reach.ANSWERED
        return was_gone and seen.reach is Reach.ANSWERED

    def _completed(self, seen: Observation) -> Observation:
        """Add to a short look what the last full one read, while the engine stands still.

        A sleeping engine makes no step, so its gauges and its level are still those; if it is
        found awake, nothing of the old picture is kept.
        """
        before = self._full
        if seen.reach is not Reach.ANSWERED or not seen.is_sleeping or before is None:
            return seen
        if not before.is_sleeping:
            return seen
        return replace(
            seen,
            problem=seen.problem or before.problem,
            metrics=before.metrics,
            is_paused=before.is_paused if seen.is_paused is None else seen.is_paused,
        )

    def _notice(self, seen: Observation) -> None:
        before, self._last = self._last, seen
        if seen.reach is not Reach.ANSWERED:
            if before is not None and before.reach is not seen.reach:
                log.debug("%s: %s %s", self.spec.name, seen.reach.value, seen.problem)
            self._failures += 1
            if seen.reach is Reach.REFUSED:
                self._full = None
            return
        self._failures = 0
        started_s = seen.metrics.process_start_s if seen.metrics else None
        is_new = self._started_s is not None and started_s not in (None, self._started_s)
        self._started_s = started_s or self._started_s
        was_gone = before is None or before.reach not in (Reach.ANSWERED, Reach.TIMED_OUT)
        if was_gone or is_new:
            self._facts_due.set()

    def _is_full_due(self) -> bool:
        view = self._view()
        state = view.state if view else State.UNKNOWN
        if state is State.STALE and view is not None:
            state = view.before_stale or State.UNKNOWN
        if self._full is None and state is not State.DOWN:
            return True
        return state not in _STILL or self._ticks % FULL_EVERY == 0

    def _next_tick_s(self, interval_s: float) -> float:
        """The next whole multiple of the interval, shifted by the phase of this server."""
        view = self._view()
        if view is not None and view.state is State.DOWN and interval_s < DOWN_INTERVAL_S:
            interval_s = min(interval_s * 2.0 ** min(self._failures, 8), DOWN_INTERVAL_S)
        now_s = self._clock.now_s()
        shift_s = self._phase * interval_s
        if self._last is None:
            return now_s + shift_s
        ticks = floor((now_s - shift_s) / interval_s + _ROUNDING)
        return (ticks + 1) * interval_s + shift_s

    def _note(self, text: str) -> None:
        self._bus.publish(
            Noted(at_s=self._clock.now_s(), server=self.spec.name, severity="warning", text=text)
        )
