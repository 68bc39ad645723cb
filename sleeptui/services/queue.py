"""One transition at a time on each GPU, first come first served.

vLLM measures the whole device before and after a sleep and fails when another process allocates
meanwhile (``gpu_worker.py``, still in 0.33); a server that starts profiles the device likewise.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sleeptui.services.places import Gpus, gpus_text, overlap


@dataclass(slots=True, kw_only=True, eq=False)
class Claim:
    """A place in the queue, kept from the asking to the end of the operation."""

    id: int
    """Of the operation."""
    server: str
    title: str
    """``sleep of code``, for those who wait for it."""
    gpus: Gpus
    machine: str
    """Whose GPUs these are, see ``places.machine_of``."""
    turn: asyncio.Future[None]
    """Done when it may begin."""
    note: str = ""
    """What it waits for; empty once it may begin."""
    has_waited: bool = False


class Lanes:
    """The queue of all transitions."""

    def __init__(
        self, *, start_up: Callable[[Claim], str], on_note: Callable[[Claim], None]
    ) -> None:
        """A queue.

        Args:
            start_up: What the claim waits for when another server starts on its GPUs, or "".
            on_note: Called when a waiting claim waits for something else than before.
        """
        self._start_up = start_up
        self._on_note = on_note
        self._claims: list[Claim] = []

    @property
    def is_waiting(self) -> bool:
        """Whether anybody waits."""
        return any(not claim.turn.done() for claim in self._claims)

    def is_taken(self, *, gpus: Gpus, machine: str) -> bool:
        """Whether anything runs or waits on these GPUs."""
        return any(claim.machine == machine and overlap(claim.gpus, gpus) for claim in self._claims)

    def claim(
        self, *, number: int, server: str, title: str, gpus: Gpus, machine: str = ""
    ) -> Claim:
        """Take a place at the end of the queue; it may begin at once if nothing is in its way."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        claim = Claim(id=number, server=server, title=title, gpus=gpus, machine=machine, turn=turn)
        claim.note = self._in_the_way(claim, self._claims) or self._start_up(claim)
        claim.has_waited = bool(claim.note)
        self._claims.append(claim)
        if not claim.note:
            turn.set_result(None)
        return claim

    def release(self, claim: Claim) -> None:
        """Give the place back, begun or not; those behind may begin."""
        if claim in self._claims:
            self._claims.remove(claim)
        self.review()

    def review(self) -> None:
        """Let begin what nothing is in the way of any more."""
        for position, claim in enumerate(tuple(self._claims)):
            if claim.turn.done():
                continue
            note = self._in_the_way(claim, self._claims[:position]) or self._start_up(claim)
            if note == claim.note:
                continue
            claim.note = note
            if note:
                self._on_note(claim)
            else:
                claim.turn.set_result(None)

    def _in_the_way(self, claim: Claim, earlier: list[Claim]) -> str:
        for other in earlier:
            if claim.machine == other.machine and overlap(claim.gpus, other.gpus):
                shared = sorted((claim.gpus or frozenset()) & (other.gpus or frozenset()))
                where = f" on {gpus_text(shared)}" if shared else ""
                return f"waits for {other.title}{where}"
        return ""
