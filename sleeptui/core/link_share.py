"""How much of the link between host and GPU a wake from level 1 has used. Pure."""

from collections import defaultdict
from dataclasses import dataclass

from sleeptui.core.interval import OK
from sleeptui.core.operation import Kind
from sleeptui.core.places import Place, Places
from sleeptui.core.plausible import Gate
from sleeptui.core.session import Session
from sleeptui.core.stats import median


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShare:
    """Wakes of one server from level 1."""

    server: str
    model: str
    n: int
    weight_bytes: float
    """That were copied, median."""
    bytes_per_s: float
    """Of the call as a whole, median."""
    peak_bytes_per_s: float | None
    """Of the link after its line code; None: not known."""

    @property
    def share(self) -> float | None:
        """0 to 1 of the peak."""
        return self.bytes_per_s / self.peak_bytes_per_s if self.peak_bytes_per_s else None


def link_shares(session: Session) -> tuple[LinkShare, ...]:
    """By server, where the size of its weights is known."""
    gate, places = Gate(session), Places(session)
    taken: dict[tuple[str, str], list[tuple[int, float, float | None]]] = defaultdict(list)
    for one in session.attempts:
        is_counted = (one.kind, one.level, places.of(one)) == (Kind.WAKE, 1, Place.STEADY)
        weights = gate.weights_of(one)
        if not is_counted or weights is None or one.record is None or gate.class_of(one) != OK:
            continue
        if one.record.duration_s > 0:
            taken[one.server, one.model].append((weights, one.record.duration_s, gate.link_of(one)))
    return tuple(
        LinkShare(
            server=server,
            model=model,
            n=len(those),
            weight_bytes=median([float(weights) for weights, _, _ in those]),
            bytes_per_s=median([weights / seconds for weights, seconds, _ in those]),
            peak_bytes_per_s=those[0][2],
        )
        for (server, model), those in taken.items()
    )
