"""The rules of the trace format, checked before a file is written.

Perfetto reads JSON "as far as it can": a slice that overlaps another one, or an end without a
begin, is dropped there without a word. So it is refused here.
"""

from collections.abc import Sequence
from typing import Any

from sleeptui.core.errors import ExportError

Event = dict[str, Any]


def check(events: Sequence[Event]) -> None:
    """Refuse events that a reader would drop or draw wrong.

    Raises:
        ExportError: Which rule is broken, and by what.
    """
    last = 0.0
    slices: dict[tuple[int, int], list[tuple[int, str]]] = {}
    open_requests: dict[str, str] = {}
    closed: set[str] = set()
    for event in events:
        if event["ph"] == "M":
            continue
        if event["ts"] < last:
            _refuse(event, "goes back in time")
        last = event["ts"]
        if event["ph"] == "X":
            _nest(slices.setdefault((event["pid"], event["tid"]), []), event)
        elif event["ph"] in "bne":
            _pair(open_requests, closed, event)
    for name in open_requests.values():
        raise ExportError(f"trace.json was not written: the request {name} never ends", hint=_HINT)


_HINT = "please report it: the other files can be made without it (--format)"


def _nest(around: list[tuple[int, str]], event: Event) -> None:
    """A slice lies within the one around it, or begins after its end. In whole nanoseconds."""
    begin, length = round(event["ts"] * 1000), round(event["dur"] * 1000)
    if length < 0:
        _refuse(event, "ends before it begins")
    while around and around[-1][0] <= begin:
        around.pop()
    if around and begin + length > around[-1][0]:
        _refuse(event, f"overlaps “{around[-1][1]}”")
    around.append((begin + length, str(event["name"])))


def _pair(is_open: dict[str, str], closed: set[str], event: Event) -> None:
    """An id begins once, has its milestones, and ends once."""
    key = event["id"]
    if event["ph"] == "b":
        if key in is_open or key in closed:
            _refuse(event, "has an id that is not its own")
        is_open[key] = str(event["name"])
    elif key not in is_open:
        _refuse(event, "has no begin")
    if event["ph"] == "e":
        closed.add(key)
        del is_open[key]


def _refuse(event: Event, why: str) -> None:
    raise ExportError(f"trace.json was not written: “{event['name']}” {why}", hint=_HINT)
