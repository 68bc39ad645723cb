"""Synthetic clients of one engine: each sends, waits for its answer, thinks, sends again.

A closed loop, so that a sleeping engine parks at most one request a client, as real ones would.
"""

import random

from sleeptui.sim.scheduler import Scheduler, SimRequest

_PROMPT_TOKENS = (120, 2400)
_ANSWER_TOKENS = (60, 420)


class Traffic:
    """The clients of one engine; deterministic by their seed."""

    def __init__(self, *, clients: int, think_s: float, seed: str, start_s: float) -> None:
        self._rng = random.Random(f"traffic-{seed}")  # noqa: S311 - load, no secret
        self._think_s = think_s
        self._due = [start_s + self._rng.uniform(0, 2 * think_s) for _ in range(clients)]
        self._out: set[int] = set()
        self.on = True

    @property
    def open(self) -> int:
        """Clients that wait for an answer, parked ones too."""
        return len(self._out)

    @property
    def next_send_s(self) -> float | None:
        """When the next client sends; None while all wait, or traffic is off."""
        return min(self._due) if self.on and self._due else None

    def send_due(self, now_s: float, scheduler: Scheduler) -> None:
        """Send what is due."""
        if not self.on:
            return
        due = [at_s for at_s in self._due if at_s <= now_s]
        self._due = [at_s for at_s in self._due if at_s > now_s]
        for at_s in sorted(due):
            request = SimRequest(
                prompt_tokens=self._rng.randint(*_PROMPT_TOKENS),
                max_tokens=self._rng.randint(*_ANSWER_TOKENS),
                arrived_s=at_s,
            )
            self._out.add(request.id)
            scheduler.submit(request)

    def answered(self, request: SimRequest, now_s: float) -> None:
        """A request has ended: its client, if it is one of these, thinks and sends again."""
        if request.id in self._out:
            self._out.discard(request.id)
            self._due.append(now_s + self._rng.expovariate(1 / self._think_s))

    def restart(self, now_s: float) -> None:
        """The connections broke: all clients come again after a while."""
        self._due += [now_s + self._rng.uniform(0, 2 * self._think_s) for _ in self._out]
        self._out.clear()
