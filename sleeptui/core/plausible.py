"""Whether a transfer can have been as fast as it was timed. Pure.

A wake from level 1 copies the weights from host memory, a sleep copies them there. What would be
faster than the link between host and GPU was no transfer: a no-op, or somebody else's model.
"""

from collections.abc import Mapping

from sleeptui.core.environment import Card
from sleeptui.core.interval import OK
from sleeptui.core.measure_cold import cold_class
from sleeptui.core.operation import Kind
from sleeptui.core.session import Attempt, Session

IMPLAUSIBLE = "implausible"
_LANE_BYTES_PER_S = {1: 0.25e9, 2: 0.5e9, 3: 0.985e9, 4: 1.969e9, 5: 3.938e9, 6: 7.563e9}
"""Of one PCIe lane in one direction, by generation, after its line code; of no protocol yet."""
_OWN_LINK = ("GH200", "GB200", "GB300")
"""GPUs beside a CPU on one module: their link to its memory is not the PCIe that NVML names."""
_LEAST_BYTES = 256 << 20
"""Of weights; less is the noise of what the machine has available."""


class Gate:
    """Knows the links and the weights of a session."""

    def __init__(self, session: Session) -> None:
        self._cards = {card.index: card for card in session.machine.cards}
        self._is_real = session.demo is None and session.machine.simulated is None
        self._weights = _weights(session)

    def class_of(self, attempt: Attempt) -> str:
        """The class of an attempt; ``implausible`` for one that was faster than its link.

        A start from another cache than was asked is ``invalid:cache``.
        """
        if attempt.kind == Kind.START:
            return cold_class(attempt)
        if attempt.cls != OK or attempt.record is None or attempt.level != 1:
            return attempt.cls
        if attempt.kind not in (Kind.SLEEP, Kind.WAKE):
            return attempt.cls
        link = self.link_of(attempt)
        weights = self.weights_of(attempt)
        if link is None or weights is None:
            return attempt.cls
        return IMPLAUSIBLE if weights > link * attempt.record.duration_s else attempt.cls

    def weights_of(self, attempt: Attempt) -> int | None:
        """Bytes of the weights of its server; None: not known."""
        return self._weights.get((attempt.server, attempt.life))

    def link_of(self, attempt: Attempt) -> float | None:
        """Bytes a second between host and the GPUs of the server; None: not known."""
        if attempt.pre is None or not self._is_real:
            return None
        speeds = [_speed(self._cards.get(index)) for index in attempt.pre.used_bytes]
        known = [speed for speed in speeds if speed is not None]
        return sum(known) if known and len(known) == len(speeds) else None


def _speed(card: Card | None) -> float | None:
    """Of the link at its best: a sleeping link shows a lower generation than it has under load."""
    if card is None or any(name in card.name for name in _OWN_LINK):
        return None
    lane = _LANE_BYTES_PER_S.get(card.pcie_gen_max or card.pcie_gen or 0)
    width = card.pcie_width_max or card.pcie_width
    return lane * width if lane and width else None


def _weights(session: Session) -> Mapping[tuple[str, int], int]:
    """What the first level 1 sleep of each life took of the host's memory: the pinned copy.

    More than it freed on the GPU was somebody else's doing. Pinned memory is given out in powers of
    two, so a copy takes more than is copied: 3.9 GiB for the 3.1 that vLLM told of, 2.9 in files,
    on an H200. Where the files are known, no more than these counts.
    """
    found: dict[tuple[str, int], int] = {}
    files: dict[tuple[str, int], int] = {}
    for attempt in session.attempts:
        record, life = attempt.record, (attempt.server, attempt.life)
        if record is None:
            continue
        if attempt.kind == Kind.START and record.cold and record.cold.weight_bytes:
            files[life] = record.cold.weight_bytes
        if (attempt.kind, attempt.level, attempt.nth) != (Kind.SLEEP, 1, 1):
            continue
        taken = record.host_bytes or 0
        if _LEAST_BYTES <= taken <= (record.freed_bytes or 0):
            found[life] = min(taken, files.get(life, taken))
    return found
