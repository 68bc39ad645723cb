"""Plays a tape: a clock that follows it, slower or faster than it was, and jumps."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Final

from sleeptui.core.events import Event, Marked, OperationStarted
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.ports import Clock
from sleeptui.core.recording import Recording
from sleeptui.core.tape import Tape
from sleeptui.services.bus import Bus
from sleeptui.services.seek import Reel, Thinning

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0)
SLOWEST, FASTEST = SPEEDS[0], SPEEDS[-1]
TICK_S: Final = 0.05
"""How often the picture moves on."""
OPENING_S: Final = 0.5
"""After the begin, the first picture."""
BUDGET_S: Final = 0.03
"""So long a tick may take; a tape that is too dense for its speed is played slower."""
_LONGEST_S: Final = 0.25
"""A program that was stopped, or a machine that stalled, goes on where it was."""
_THINNED_FROM: Final = 4.0
_GRACE_S: Final = 1.0
"""Going back leads to the stop before the one that was passed just now."""
_CHECKED_EACH: Final = 64


class Playhead:
    """The Clock of a replay: time is where the tape is."""

    def __init__(self, tape: Tape, real: Clock) -> None:
        """At the begin.

        Args:
            tape: Whose time it is.
            real: What those wait on who wait for something else than the tape.
        """
        self.at_s = tape.began_s
        self._offset_s = tape.wall_s - tape.began_s
        self._real = real

    def now_s(self) -> float:
        """Monotonic time of the recording machine."""
        return self.at_s

    def wall_s(self) -> float:
        """Seconds since the epoch, as they were."""
        return self.at_s + self._offset_s

    async def sleep(self, seconds: float) -> None:
        """Wait in the time of whoever watches."""
        await self._real.sleep(seconds)


class TapeStore:
    """The picture at the playhead: a fleet store that a jump replaces by another."""

    def __init__(self, tape: Tape) -> None:
        """With nothing in it."""
        self.inner = FleetStore(tape.settings)

    @property
    def view(self) -> FleetView:
        """The newest picture."""
        return self.inner.view

    @property
    def recording(self) -> Recording | None:
        """Nothing is recorded here."""
        return self.inner.recording

    def server(self, name: str) -> ServerView | None:
        """The newest picture of one server."""
        return self.inner.server(name)

    def apply(self, event: Event) -> None:
        """Fold one event into the picture."""
        self.inner.apply(event)


class Replay:
    """Publishes the events of a tape as its clock passes them.

    Attributes:
        tape: What is played.
        real: The clock of whoever watches.
        clock: That of the tape.
        store: The picture.
        speed: How many times faster than it was.
        is_held: It stands still.
    """

    def __init__(self, *, tape: Tape, bus: Bus, real: Clock, speed: float = 1.0) -> None:
        """At the begin; nothing is folded before ``run``."""
        self.tape = tape
        self.real = real
        self.clock = Playhead(tape, real)
        self.store = TapeStore(tape)
        self.speed = min(max(speed, SLOWEST), FASTEST)
        self.is_held = False
        self._bus = bus
        self._reel: Reel | None = None
        self._next = 0
        self._aim_s: float | None = min(tape.began_s + OPENING_S, tape.ended_s)
        self._moved = asyncio.Event()
        self._jumped: Callable[[], None] = _nobody
        started = (event for event in tape.events if isinstance(event, OperationStarted))
        self._operations = sorted(event.at_s for event in started if event.operation.parent is None)
        self._marks = sorted(event.at_s for event in tape.events if isinstance(event, Marked))
        bus.subscribe(self.store.apply)

    @property
    def passed_s(self) -> float:
        """From the begin to where it is, or is about to be."""
        return self._here_s - self.tape.began_s

    @property
    def length_s(self) -> float:
        """The whole tape."""
        return self.tape.ended_s - self.tape.began_s

    @property
    def is_seeking(self) -> bool:
        """A jump is under way."""
        return self._aim_s is not None

    @property
    def is_at_end(self) -> bool:
        """It stands on the last picture."""
        return self._here_s >= self.tape.ended_s

    def tell(self, jumped: Callable[[], None]) -> None:
        """Call this after each jump: the picture is another one, and no event said so."""
        self._jumped = jumped

    def hold_or_go(self) -> None:
        """Stand still, or go on; at the end begin again."""
        if self.is_at_end:
            self.is_held = False
            self.seek(self.tape.began_s)
        else:
            self.is_held = not self.is_held
            self._moved.set()

    def faster(self) -> None:
        """The next higher speed."""
        self.speed = next((each for each in SPEEDS if each > self.speed), FASTEST)

    def slower(self) -> None:
        """The next lower speed."""
        self.speed = next((each for each in reversed(SPEEDS) if each < self.speed), SLOWEST)

    def seek(self, at_s: float) -> None:
        """Go to a moment; a jump that is under way is given up for it."""
        # What is known at the begin is written in its first moments: nothing is seen before them.
        self._aim_s = min(max(at_s, self.tape.began_s + OPENING_S), self.tape.ended_s)
        self._moved.set()

    def step_operation(self, by: int) -> bool:
        """Go to where an operation began: the next (1) or the one before (-1).

        Returns:
            Whether there is one.
        """
        return self._step(self._operations, by)

    def step_mark(self, by: int) -> bool:
        """Go to a mark: the next (1) or the one before (-1); whether there is one."""
        return self._step(self._marks, by)

    async def run(self) -> None:
        """Play until cancelled; at the end it waits for a jump."""
        self._reel = await asyncio.to_thread(Reel, self.tape)
        before_s = self.real.now_s()
        while True:
            if self._aim_s is not None:
                await self._jump(self._reel, self._aim_s)
            elif self.is_held or self.is_at_end:
                self._moved.clear()
                await self._moved.wait()
            else:
                await self.real.sleep(TICK_S)
                self._go_on(self._reel, min(self.real.now_s() - before_s, _LONGEST_S))
            before_s = self.real.now_s()

    @property
    def _here_s(self) -> float:
        """Where it is, or is about to be."""
        return self.clock.at_s if self._aim_s is None else self._aim_s

    async def _jump(self, reel: Reel, aim_s: float) -> None:
        store = await asyncio.to_thread(reel.store_at, aim_s)
        if self._aim_s != aim_s:
            return  # somebody wants to be elsewhere by now
        self._aim_s = None
        self.store.inner = store
        self.clock.at_s = aim_s
        self._next = reel.index_at(aim_s)
        self._jumped()

    def _go_on(self, reel: Reel, real_s: float) -> None:
        """Publish what happens in so much time, as far as there is time for it."""
        if self.is_held or self._aim_s is not None:
            return
        until_s = min(self.clock.at_s + real_s * self.speed, self.tape.ended_s)
        thin = Thinning() if self.speed > _THINNED_FROM else None
        end = reel.index_at(until_s)
        give_up_s = self.real.now_s() + BUDGET_S
        for first in range(self._next, end, _CHECKED_EACH):
            last = min(first + _CHECKED_EACH, end)
            self.clock.at_s = max(self.clock.at_s, reel.times[last - 1])
            for event in reel.played(first, last, thin):
                self._bus.publish(event)
            self._next = last
            if self.real.now_s() > give_up_s:
                return
        self.clock.at_s = until_s

    def _step(self, stops: list[float], by: int) -> bool:
        here_s = self._here_s
        if by > 0:
            index = bisect_right(stops, here_s)
        else:
            moving = not (self.is_held or self.is_seeking)
            index = bisect_left(stops, here_s - (_GRACE_S * self.speed if moving else 0.0)) - 1
        if not 0 <= index < len(stops):
            return False
        self.seek(stops[index])
        return True


def _nobody() -> None:
    """Nobody wants to know of jumps."""
