"""Tells which phases begin and end, so that the journal knows what belongs to what."""

from dataclasses import replace

from sleeptui.core.bench import BenchPhase, PhaseBegan, PhaseEnded
from sleeptui.services.panel import Services


class Phases:
    """The phases that are open, outermost first."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: list[BenchPhase] = []
        self._number = 0

    async def begin(self, phase: BenchPhase, *, done: int, left_s: float | None) -> None:
        """Open one within those that are open; returns when the journal has it.

        Args:
            phase: Without its id and parent.
            done: Steps so far.
            left_s: Until the end of it all.
        """
        self._number += 1
        parent = self._open[-1].id if self._open else None
        phase = replace(phase, id=self._number, parent=parent)
        self._open.append(phase)
        now_s = self._services.clock.now_s()
        self._services.bus.publish(PhaseBegan(at_s=now_s, phase=phase, done=done, left_s=left_s))
        await self._services.recordings.written()

    def end(self, cls: str = "ok", note: str = "") -> None:
        """Close the innermost."""
        phase = self._open.pop()
        now_s = self._services.clock.now_s()
        self._services.bus.publish(PhaseEnded(at_s=now_s, id=phase.id, cls=cls, note=note))

    def end_all(self, cls: str, note: str = "") -> None:
        """Close all that are open."""
        while self._open:
            self.end(cls, note)
