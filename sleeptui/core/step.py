"""What a benchmark does next: one step, with the block that it is in. Values only.

``core.schedule`` makes them from a plan, ``services.bench`` carries them out.
"""

from dataclasses import dataclass

from sleeptui.core.bench import BenchPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One leaf phase."""

    phase: BenchPhase
    """Its ``id`` and ``parent`` are given when it begins."""
    block: BenchPhase | None = None
    """The phase that it is in; the steps of one block share it."""
    partner: str = ""
    """Of a proof: who wakes in the freed space."""
    needs_awake: bool = True
    """It begins with its server awake, and alone on its GPUs."""
