"""Events through a scribe into lines, and back: are the pictures the same?"""

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import msgspec

from sleeptui.core.canary import Reference
from sleeptui.core.events import Event
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.operation import Operation, Phase
from sleeptui.core.settings import Settings
from sleeptui.recorder.header import header_of
from sleeptui.recorder.line import Line
from sleeptui.recorder.lines import AnyLine
from sleeptui.recorder.playback import Playback
from sleeptui.recorder.scribe import Scribe

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyLine).decode
_NOT_COMPARED = frozenset(
    {
        "spec",
        "idle_since_s",
        "was_busy",
        "tokens_per_s",
        "seen_at_s",
        "memory_series",
        "running_series",
        "waiting_series",
    }
)
"""Secrets and texts are not recorded; of looks that found nothing new only the number is."""


class ListSink:
    """Implements Sink: keeps the lines, as a reader would have them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.problem = ""
        self.closed: bool | None = None
        self.is_stuck = False

    def put(self, line: Line) -> None:
        self.lines.append(_decode(_encode(line)))

    def written(self) -> "Future[bool]":
        done: Future[bool] = Future()
        if not self.is_stuck:
            done.set_result(True)
        return done

    def close(self, *, aborted: bool) -> None:
        self.closed = aborted

    def of(self, *wanted: type[Line]) -> list[Line]:
        """The lines of these kinds."""
        return [line for line in self.lines if isinstance(line, wanted)]

    @property
    def kinds(self) -> list[str]:
        """The kind of each line."""
        return [str(type(line).__struct_config__.tag) for line in self.lines]


class EventClock:
    """Implements Clock: it is as late as the newest event."""

    def __init__(self, wall_s: float = 1_790_000_000.0) -> None:
        self.at_s = 0.0
        self.offset_s = wall_s

    def now_s(self) -> float:
        return self.at_s

    def wall_s(self) -> float:
        return self.at_s + self.offset_s

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Twin:
    """A fleet store that hears events, and another that hears what the journal says of them."""

    def __init__(self, settings: Settings | None = None, **scribe: object) -> None:
        self.settings = settings or Settings()
        self.clock, self.sink = EventClock(), ListSink()
        self.live = FleetStore(self.settings)
        self.scribe = Scribe(
            self.sink,
            path="twin",
            clock=self.clock,
            view=self.live.server,
            **scribe,  # type: ignore[arg-type]
        )
        header = header_of(self.settings, run_id="twin", now_ns=0, wall_ns=0)
        self._playback = Playback([_decode(_encode(header))])
        list(self._playback)
        self.played = FleetStore(self._playback.settings)
        self._passed = 0

    def hear(self, *events: Event) -> "Twin":
        """Both take in these events."""
        for event in events:
            self.clock.at_s = max(self.clock.at_s, event.at_s)
            self.live.apply(event)
            self.scribe.heard(event)
        return self

    def play(self) -> None:
        """The second store takes in what was written since."""
        for line in self.sink.lines[self._passed :]:
            for event in self._playback._events(line):
                self.played.apply(event)
        self._passed = len(self.sink.lines)

    def differences(self) -> list[str]:
        """How the two pictures differ now, each as a line."""
        self.play()
        return list(_differences(self.live.view, self.played.view))


def _differences(live: FleetView, played: FleetView) -> Iterator[str]:
    names = [view.name for view in live.servers]
    if names != [view.name for view in played.servers]:
        yield f"servers: {names}"
        return
    for one, other in zip(live.servers, played.servers, strict=True):
        for field in fields(ServerView):
            if field.name not in _NOT_COMPARED:
                now, then = getattr(one, field.name), getattr(other, field.name)
                yield from _compared(f"{one.name}.{field.name}", now, then)
    yield from _compared("gpus", _gpus(live), _gpus(played))
    yield from _compared("log", _log(live), _log(played))
    for name in ("gpu_problem", "notes", "looking"):
        yield from _compared(name, getattr(live, name), getattr(played, name))


def _compared(what: str, now: object, then: object) -> Iterator[str]:
    one, other = _plain(now), _plain(then)
    if one != other:
        yield f"{what}: {one} is played as {other}"


def _gpus(view: FleetView) -> list[object]:
    """Without what is written only once a second."""
    slow = {"power_w": None, "temperature_c": None, "power_limit_w": None}
    return [
        (replace(gpu.sample, **slow), gpu.holders, gpu.other_bytes)  # type: ignore[arg-type]
        for gpu in view.gpus
    ]


def _log(view: FleetView) -> list[tuple[str | None, str, str]]:
    entries = [(entry.server, entry.severity, entry.text) for entry in view.log]
    return [entry for entry in entries if not entry[2].startswith("record")]


def _plain(value: object) -> object:
    """As lists and dicts, with times to the microsecond; of a reference only that there is one."""
    match value:
        case Reference():
            return "a reference", value.model, value.max_tokens, len(value.answers)
        case Operation() if value.phase is Phase.QUEUED:
            return value.id, value.kind, value.level, value.mode, value.parent, value.note
        case Enum():
            return value.value
        case float():
            return round(value, 6) if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case tuple() | list():
            return [_plain(one) for one in value]
        case frozenset():
            return sorted(value)
        case _ if is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value
