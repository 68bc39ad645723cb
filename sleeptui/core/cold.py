"""Cold starts: which kind one was, and how that is proven. Values only.

One cold start is not another: whether the weights lie in the page cache of the machine moves it
by a factor, so does a compile cache. What is claimed of a start is proven, or said to be unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sleeptui.core.units import percent


class ColdKind(StrEnum):
    """From what a server started."""

    CACHED = "cold_cached"
    """Weights in the page cache, compile caches populated: the restart of every day."""
    DISK = "cold_disk"
    """Weights not in the page cache, compile caches populated: after a reboot."""
    VIRGIN = "cold_virgin"
    """Weights not in the page cache, compile caches empty: the first start ever."""
    UNKNOWN = "cold_unknown"
    """Not proven: nothing says where its weights are, or the file system cannot be asked."""


RESIDENT = 0.90
"""Share of the weights in the page cache from which a start counts as cached."""
EVICTED = 0.05
"""Share up to which it counts as from disk."""
READ_FROM_DISK = 0.90
"""Share of the weights that a start from disk must have read physically."""
READ_FROM_CACHE = 0.10
"""Share that a cached start may have read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residency:
    """How much of a server's weights is in the page cache."""

    total_bytes: int = 0
    resident_bytes: int | None = None
    """None: cannot be told, ``problem`` says why."""
    files: int = 0
    problem: str = ""

    @property
    def share(self) -> float | None:
        """0 to 1; None: not known."""
        if self.resident_bytes is None or not self.total_bytes:
            return None
        return self.resident_bytes / self.total_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """One start, as it was found out."""

    asked: ColdKind | None = None
    """What was prepared; None: nothing was."""
    kind: ColdKind = ColdKind.UNKNOWN
    """What is proven."""
    proof: str = ""
    """How, or why not, in one sentence."""
    weight_bytes: int | None = None
    resident_before: float | None = None
    """Share of the weights in the page cache just before."""
    read_bytes: int | None = None
    """That the process tree read physically, until it answered."""
    compile_cache: str = ""
    """populated, empty, unknown"""
    last_bad_s: float | None = None
    """Monotonic time of the last look at /health that found nothing: the server answered
    between it and the first good one."""
    poll_s: float | None = None
    """Between two of those looks."""
    container_started_s: float | None = None
    """From the begin until the runtime's own stamp (Docker's StartedAt); None: it has none."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds that the server's log tells of its own steps: weights, compile, graphs, engine …"""

    @property
    def is_invalid(self) -> bool:
        """It was looked at, and is not what was asked: no value for that kind.

        Where nothing can be seen it is no such contradiction, but only unknown.
        """
        if self.asked in {None, ColdKind.UNKNOWN, self.kind}:
            return False
        return self.kind is not ColdKind.UNKNOWN or self.resident_before is not None


POPULATED, EMPTY, NOT_KNOWN = "populated", "empty", "unknown"
"""Compile caches."""


def prove(
    before: Residency,
    *,
    read_bytes: int | None,
    compile_cache: str,
    asked: ColdKind | None = None,
) -> ColdStart:
    """Which kind of cold start it was, and how that is known. The rest of the value is left empty.

    Args:
        before: Of the weights, just before the start.
        read_bytes: Physically by the process tree until it answered; None: cannot be told.
        compile_cache: Before the start: populated, empty, unknown.
        asked: What was prepared.
    """
    kind, proof = _judge(before, read_bytes, compile_cache)
    return ColdStart(
        asked=asked,
        kind=kind,
        proof=proof,
        weight_bytes=before.total_bytes or None,
        resident_before=before.share,
        read_bytes=read_bytes,
        compile_cache=compile_cache,
    )


def _judge(before: Residency, read_bytes: int | None, compile_cache: str) -> tuple[ColdKind, str]:
    share = before.share
    if share is None:
        return ColdKind.UNKNOWN, before.problem or "It is not known where the weights are"
    seen = f"{percent(share)} of the weights were in the page cache"
    if EVICTED < share < RESIDENT:
        return ColdKind.UNKNOWN, f"{seen}: neither cached nor from disk"
    read = None if read_bytes is None else read_bytes / before.total_bytes
    is_cached = share >= RESIDENT
    if read is not None:
        much = f"{percent(read)} of" if read <= 1 else f"{read:.1f} times"
        seen += f", {much} their size was read from disk"
        if is_cached and read > READ_FROM_CACHE:
            return ColdKind.UNKNOWN, f"{seen}: more than a cached start may read"
        if not is_cached and read < READ_FROM_DISK:
            return ColdKind.UNKNOWN, f"{seen}: less than a start from disk must read"
    else:
        seen += ", what was read from disk could not be seen"
    return _with_caches(is_cached, compile_cache, seen)


def _with_caches(is_cached: bool, compile_cache: str, seen: str) -> tuple[ColdKind, str]:
    match compile_cache:
        case "populated":
            seen += ", compile caches were populated"
        case "empty" if is_cached:
            seen += ", but compile caches were empty: no start of every day"
            return ColdKind.UNKNOWN, seen
        case "empty":
            return ColdKind.VIRGIN, f"{seen}, compile caches were empty"
        case _:
            seen += ", compile caches were not looked at"
    return (ColdKind.CACHED if is_cached else ColdKind.DISK), seen
