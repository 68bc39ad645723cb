"""What a vLLM version can do, as read in its released sources and seen in captures.

The boundaries are those of the first release that was looked at with the behaviour; between
two looked-at releases the later one is taken, so that nothing is sent that might do harm.
"""

import re
from dataclasses import dataclass

Version = tuple[int, int, int]
_NUMBER = re.compile(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What may be sent to a server, and what its answers mean."""

    sleep_mode: bool
    """``/sleep`` knows ``mode``, and level 0 pauses; before, level 0 would drop the weights."""
    wake_tags: bool
    """``/wake_up`` takes ``tags``."""
    cache_salt: bool
    """A request can carry a salt for the prefix cache (0.9)."""
    reload_weights: bool
    """``/collective_rpc`` exists: level 2 can be woken over HTTP."""
    partial_wake_resumes: bool
    """A wake of the weights alone resumes scheduling: traffic must be held (0.17 to 0.23)."""
    sleep_state_metric: bool
    """``vllm:engine_sleep_state`` is exported."""
    reports_status: bool
    """``/sleep`` and ``/wake_up`` answer with a JSON body; before, with an empty one."""
    is_paused: bool
    """``/is_paused`` exists."""
    failed_wake_recovers: bool
    """A wake that found no room can be tried again (allocator idempotent since 0.28)."""
    safe_with_requests: bool
    """Sleeping with requests in flight pauses them first; before, it kills the engine."""


def parse(text: str | None) -> Version | None:
    """The first three numbers of, say, ``0.29.1rc1.dev422+gabc``; None if unreadable."""
    found = _NUMBER.match(text.strip()) if text else None
    if found is None:
        return None
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch or 0)


def features_of(text: str | None) -> Features:
    """The features of a version; an unreadable version gets the careful answer."""
    version = parse(text)
    careful = version is None
    known = version or (0, 17, 0)
    return Features(
        sleep_mode=known >= (0, 17, 0) and not careful,
        wake_tags=known >= (0, 8, 5),
        cache_salt=known >= (0, 9, 0),
        reload_weights=known >= (0, 11, 0),
        partial_wake_resumes=(0, 17, 0) <= known < (0, 24, 0),
        sleep_state_metric=known >= (0, 12, 0),
        reports_status=known >= (0, 32, 0),
        is_paused=known >= (0, 12, 0),
        failed_wake_recovers=known >= (0, 28, 0),
        safe_with_requests=known >= (0, 17, 0) and not careful,
    )
