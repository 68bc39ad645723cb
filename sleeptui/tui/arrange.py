"""Which servers the table shows and in what order, and how the screen is shared out. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from sleeptui.core.model import IN_TRANSITION, FleetView, ServerView, State
from sleeptui.core.units import GIB

LEAST_WIDTH = 60
LEAST_HEIGHT = 16
BESIDE_FROM = 140
"""From this width on the detail stands beside the table."""
ROOMY_FROM = 32
"""From this height on there is room for the detail without being asked."""
_HEADER_AND_FOOTER = 2
_RULE = 1
_TABLE_HEAD = 2
"""Its rule and its headings."""
_LEAST_DETAIL = 9
_MOST_DETAIL = 20
_MOST_EMPTY = 26
"""Rows of the words of an empty panel, with some notes."""
_LEAST_TABLE = 5


class Sort(StrEnum):
    """Orders of the fleet table."""

    FLEET = "fleet order"
    NAME = "name"
    STATE = "state"
    MEMORY = "memory"
    QUEUE = "queue"

    def next(self) -> "Sort":
        """The order after this one, in turn."""
        orders = list(Sort)
        return orders[(orders.index(self) + 1) % len(orders)]


URGENCY = (
    State.WEDGED,
    State.SUSPECT,
    State.PARTIAL,
    State.DOWN,
    State.STALE,
    *(state for state in State if state in IN_TRANSITION),
    State.AWAKE,
    State.PAUSED,
    State.ASLEEP,
    State.NO_CONTROL,
    State.UNKNOWN,
)
"""States from the one to look at first."""


def shown(view: FleetView, text: str, sort: Sort) -> tuple[ServerView, ...]:
    """The servers whose name, model or state contains the text, in that order.

    Equal ones keep the fleet's order. Memory counts in whole GiB, so that rows do not change
    places for a flicker.
    """
    wanted = text.casefold().strip()
    kept = [server for server in view.servers if not wanted or wanted in _words(server)]
    match sort:
        case Sort.NAME:
            kept.sort(key=lambda server: server.name.casefold())
        case Sort.STATE:
            kept.sort(key=lambda server: URGENCY.index(server.state))
        case Sort.MEMORY:
            kept.sort(key=_memory, reverse=True)
        case Sort.QUEUE:
            kept.sort(key=_queue, reverse=True)
        case Sort.FLEET:
            pass
    return tuple(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Rows of each part of the screen, its rule included; 0: not shown."""

    gpus: int
    table: int
    detail: int
    """Below the table; 0 where it stands beside it."""
    log: int
    beside: bool
    """The detail stands at the right."""


def too_small(width: int, height: int) -> str:
    """What a screen of that size is told instead of a picture; empty: it is large enough."""
    if width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
        return ""
    needs = f"{LEAST_WIDTH}x{LEAST_HEIGHT}"
    return f"{width}x{height} is too small, sleeptui needs {needs}"


def share(
    width: int, height: int, *, gpus: int, servers: int, detail: bool, empty: bool = False
) -> Share:
    """How the rows between header and footer are given out.

    The table gets what its servers need, the log what is left; where rows are short the log
    goes first, then the detail and the GPU lines shrink.
    """
    room = max(height - _HEADER_AND_FOOTER, 0)
    roomy = height >= ROOMY_FROM
    gpu_rows = min(max(gpus, 1), 8 if roomy else 3) + _RULE
    room -= gpu_rows
    beside = detail and width >= BESIDE_FROM and not empty
    below = detail and not beside and not empty
    wanted = max(servers + _TABLE_HEAD, _LEAST_TABLE)
    log = 6 if roomy else 4
    if empty:
        log = log if room >= _MOST_EMPTY else 0
        return Share(gpus=gpu_rows, table=room - log, detail=0, log=log, beside=False)
    if not below:
        table = min(wanted, room - log) if not beside else room - log
        return Share(gpus=gpu_rows, table=table, detail=0, log=room - table, beside=beside)
    if room - log < wanted + _LEAST_DETAIL:
        log = 0 if not roomy else 4
    rows = max(room - log - wanted, _LEAST_DETAIL)
    rows = min(rows, _MOST_DETAIL, room - log - _LEAST_TABLE)
    table = min(wanted, room - log - rows)
    return Share(gpus=gpu_rows, table=table, detail=rows, log=room - table - rows, beside=False)


def _words(server: ServerView) -> str:
    return " ".join((server.name, server.state.value, *server.facts.models)).casefold()


def _memory(server: ServerView) -> int:
    return server.memory.total_bytes // GIB if server.memory is not None else -1


def _queue(server: ServerView) -> int:
    metrics = server.metrics
    live = metrics is not None and not server.queue_frozen
    counted = (metrics.waiting or 0) + (metrics.running or 0) if metrics is not None and live else 0
    return counted + (server.parked or 0)
