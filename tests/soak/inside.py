"""A look inside a program that is soaked, from its own process: what it did, what it leaves."""

import asyncio
import ctypes
import functools
import gc
import json
import logging
import sys
import threading
import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sleeptui.adapters.allocator import TRIM_EVERY_S
from sleeptui.core import fleet, learned, track
from sleeptui.core.events import (
    Event,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    RecordingEnded,
)
from sleeptui.core.lifecycle import TRANSITIONS
from sleeptui.core.operation import Operation
from sleeptui.core.settings import ServerSpec, Timeouts
from sleeptui.services.panel import Services
from tests.soak.fleet import PLACES

log = logging.getLogger(__name__)
_HASTY = Timeouts(
    connect_s=0.5,
    probe_s=0.5,
    sleep_s=3.0,
    wake_s=3.0,
    drain_s=2.0,
    prompt_s=4.0,
    canary_s=1.0,
    settle_s=2.0,
    start_s=12.0,
    stop_s=4.0,
)
"""Bounds that suit a fleet that is ten times as fast as a real one."""
_MOST_SAID = 50
_MOST_OPERATIONS = 1 << 16
_NEVER_S = -1.0
_OPERATIONS, _LINES, _CYCLES = 10, 200, 20
"""Kept of each server, of all servers, of each server."""
_COLLECT_EVERY_S = TRIM_EVERY_S / 2
"""Twice before each time that free memory is given back."""
_CACHED = 256
"""Kept of what a cached function has returned: some of Textual keep up to 16,384 results, and had
2,474 after half an hour of the soak."""


class _Heard(logging.Handler):
    """Keeps what is said of errors, and how often."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.said: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with its traceback."""
        text = self.format(record)
        if text in self.said or len(self.said) < _MOST_SAID:
            self.said[text] += 1


def _unraisable(told: "sys.UnraisableHookArgs") -> None:
    log.error("in %r", told.object, exc_info=told.exc_value)


def _in_a_thread(told: threading.ExceptHookArgs) -> None:
    log.error("in thread %s", told.thread and told.thread.name, exc_info=told.exc_value)


class Inside:
    """Follows the services of this process from their begin to their end."""

    def __init__(self) -> None:
        # By the number of the operation, as large as it becomes from the begin: what grows here
        # grows in the program that is watched.
        self._begun = bytearray(_MOST_OPERATIONS)
        self._ended_s = array("d", [_NEVER_S]) * _MOST_OPERATIONS
        self.tally: Counter[str] = Counter()
        self.broken: list[str] = []
        self.closed: dict[str, float] = {}
        """When each recording was closed, by its folder."""
        self.tasks: list[str] = []
        """Left when the services were closed."""
        self.full: dict[str, int] = {}
        """How many operations are kept of each server."""
        self.in_use: list[tuple[float, int, int]] = []
        """With all garbage collected: when, how many blocks of memory Python has in use, and how
        many bytes are in use of all that is too large for such blocks, or no Python object."""
        self._collector: asyncio.TimerHandle | None = None
        self._running: dict[int, Operation] = {}
        self._heard = (_Heard(logging.WARNING), _Heard(logging.ERROR))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Follow all services that begin meanwhile; nothing takes them longer than it must."""
        begin, leave = Services.begin, Services.__aexit__

        def begun(services: Services) -> None:
            services.bus.subscribe(self._follow)
            self._collect(asyncio.get_running_loop())
            _hurry(services)
            begin(services)

        async def left_(services: Services, *error: Any) -> bool | None:
            try:
                return await leave(services, *error)
            finally:
                if self._collector is not None:
                    self._collector.cancel()
                own = asyncio.current_task()
                self.tasks += [one.get_name() for one in asyncio.all_tasks() if one is not own]
                self.full = {view.name: len(view.history) for view in services.store.view.servers}

        Services.begin, Services.__aexit__ = begun, left_  # type: ignore[assignment, method-assign]
        try:
            yield
        finally:
            Services.begin, Services.__aexit__ = begin, leave  # type: ignore[method-assign]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear of errors that nobody handles, and of what is not closed."""
        everything, ours = self._heard
        root, own = logging.getLogger(), logging.getLogger("sleeptui")
        hooks = sys.unraisablehook, threading.excepthook
        with warnings.catch_warnings():
            warnings.simplefilter("always", ResourceWarning)
            logging.captureWarnings(capture=True)
            root.addHandler(everything)
            own.addHandler(ours)
            sys.unraisablehook, threading.excepthook = _unraisable, _in_a_thread
            try:
                yield
            finally:
                gc.collect()
                sys.unraisablehook, threading.excepthook = hooks
                root.removeHandler(everything)
                own.removeHandler(ours)
                logging.captureWarnings(capture=False)

    @property
    def begun(self) -> set[int]:
        """The operations that have begun, or wait."""
        return {number for number, begun in enumerate(self._begun) if begun}

    @property
    def ended(self) -> dict[int, float]:
        """When each operation ended."""
        return {number: at_s for number, at_s in enumerate(self._ended_s) if at_s != _NEVER_S}

    def said(self) -> dict[str, int]:
        """What was heard, and how often."""
        return {text: times for heard in self._heard for text, times in heard.said.items()}

    def report(self, before: dict[str, list[str]], after: dict[str, list[str]]) -> str:
        """All of it as JSON."""
        return json.dumps(
            {
                "before": before,
                "after": after,
                "tasks": self.tasks,
                "begun": sorted(self.begun),
                "ended": self.ended,
                "tally": self.tally,
                "broken": self.broken,
                "closed": self.closed,
                "full": self.full,
                "in_use": self.in_use,
                "said": self.said(),
            }
        )

    def _collect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Collect all garbage now, and again and again.

        Python does so by itself only when a quarter more has piled up; until then it looks like
        growth, in a second half that ends before.
        """
        gc.collect()
        self.in_use.append((loop.time(), sys.getallocatedblocks(), _large_bytes()))
        self._collector = loop.call_later(_COLLECT_EVERY_S, self._collect, loop)

    def _follow(self, event: Event) -> None:
        match event:
            case OperationQueued(operation=operation):
                self._begun[operation.id] = True
            case OperationStarted(operation=operation):
                self._begun[operation.id] = True
                self._starts(operation)
            case OperationEnded(record=record):
                self._running.pop(record.id, None)
                if self._ended_s[record.id] != _NEVER_S:
                    self.broken.append(f"ended twice: {record}")
                if not record.message or not record.known:
                    self.broken.append(f"does not say what or how it is known: {record}")
                self._ended_s[record.id] = event.at_s
                self.tally[f"{record.kind.value} {record.outcome.value}"] += 1
            case RecordingEnded(path=path):
                self.closed[path] = event.at_s
            case _:
                pass

    def _starts(self, operation: Operation) -> None:
        """No other transition runs on its GPUs, but the switch that it belongs to."""
        if operation.kind not in TRANSITIONS:
            return
        for other in self._running.values():
            if PLACES[operation.server] & PLACES[other.server] and other.id != operation.parent:
                self.broken.append(f"{operation} began while this ran: {other}")
        self._running[operation.id] = operation


class _Mallinfo(ctypes.Structure):
    """glibc's figures (mallinfo2(3))."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _large_bytes() -> int:
    """In use of what malloc has given, in the heap and mapped by itself; 0: not known."""
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return 0
    mallinfo.restype = _Mallinfo
    found = mallinfo()
    return int(found.uordblks + found.hblkhd)


def reach_bounds() -> None:
    """Let all that the program keeps reach its bounds within minutes.

    What grows up to its bound is no leak, and a soak is too short to wait for it: of operations,
    of lines of the event log, of cycles and by cached functions fewer are kept. Of cached functions
    those are meant that are imported from now on.
    """
    track.HISTORY, fleet.LOG_LENGTH, learned.CYCLES_KEPT = _OPERATIONS, _LINES, _CYCLES
    functools.lru_cache = _bounded(functools.lru_cache)  # type: ignore[assignment]


def _bounded(plain: Callable[..., Any]) -> Callable[..., Any]:
    def lru_cache(maxsize: Any = 128, typed: bool = False) -> Any:
        """As functools.lru_cache; one without a bound stays so, and what grows in it is seen."""
        if isinstance(maxsize, int):
            return plain(min(maxsize, _CACHED), typed)
        return plain(maxsize, typed)

    return lru_cache


def _hurry(services: Services) -> None:
    """Give the servers bounds that suit their speed."""
    plain = services._prepare
    assert plain is not None

    async def prepared() -> list[ServerSpec]:
        return [replace(spec, timeouts=_HASTY) for spec in await plain()]

    services._prepare = prepared
