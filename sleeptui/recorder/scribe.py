"""Turns events into lines, on the event loop: no look or reading may cost it more than 12 us."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from hashlib import sha256
from math import isfinite
from typing import Protocol

from sleeptui.core.canary import Reference
from sleeptui.core.environment import env_id
from sleeptui.core.events import (
    BenchEvent,
    Described,
    Discovered,
    Event,
    FactsLearned,
    GpuSampled,
    HomeFound,
    LagMeasured,
    Marked,
    Noted,
    OperationAdvanced,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    Recalled,
    ReferenceTaken,
    RequestAdvanced,
    RequestBegan,
    RequestEnded,
    ServerAdded,
    ServerRemoved,
    StateObserved,
    Verified,
)
from sleeptui.core.model import ServerView
from sleeptui.core.operation import STOOD_STILL_S, Fate, Kind, Operation
from sleeptui.core.ports import Clock
from sleeptui.recorder import bench_lines, lines, op_lines, request_lines
from sleeptui.recorder.gpu_lines import ReadingLines
from sleeptui.recorder.header import target_of
from sleeptui.recorder.line import Line, ns
from sleeptui.recorder.line_operations import Standing
from sleeptui.recorder.server_lines import ServerLines

CLOCK_EVERY_S = 60.0
JUMP_S = 0.5
"""By so much the two clocks may disagree between two of their lines."""
WRITTEN_LIMIT_S = 1.0
"""A disk that is stuck must not hold up an operation for longer."""


class Sink(Protocol):
    """Takes the lines; ``recorder.writer.Writer`` is one."""

    @property
    def problem(self) -> str:
        """What it cannot take, in one sentence; empty: all is well."""

    def put(self, line: Line) -> None:
        """Queue a line; never blocks, never raises."""

    def written(self) -> "Future[bool]":
        """Done when all that was put before is with the operating system."""

    def close(self, *, aborted: bool) -> None:
        """Write the end and wait for it; blocks, never raises."""


class Scribe:
    """Implements the port Journal over a writer."""

    def __init__(
        self,
        sink: Sink,
        *,
        path: str,
        clock: Clock,
        view: Callable[[str], ServerView | None],
        text: bool = False,
        hide: Callable[[str], None] = lambda _: None,
    ) -> None:
        """The header is written already.

        Args:
            sink: Takes the lines.
            path: The session's folder.
            clock: The two clocks of this program.
            view: The picture of a server after the event that is heard.
            text: Write prompts and answers in full.
            hide: Told each prompt otherwise: an error may repeat it.
        """
        self.path = path
        self._sink = sink
        self._clock = clock
        self._view = view
        self._text = text
        self._hide = hide
        self._servers: dict[str, ServerLines] = {}
        self._readings = ReadingLines()
        self._operations: dict[int, Operation] = {}
        self._requests: dict[int, RequestBegan] = {}
        self._fates: dict[int, Fate] = {}
        self._began_s = self._clock_s = clock.now_s()
        self._apart_s = clock.wall_s() - self._began_s

    @property
    def problem(self) -> str:
        """What it cannot take, in one sentence; empty: all is well."""
        return self._sink.problem

    def heard(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case StateObserved():
                server = self._server(event.server)
                server.looked(event.observation, self._view(event.server))
            case GpuSampled():
                self._sampled(event)
            case OperationQueued() | OperationStarted() | OperationAdvanced() | OperationEnded():
                self._operated(event)
            case RequestBegan() | RequestAdvanced() | RequestEnded():
                self._requested(event)
            case _:
                self._learned(event)
        if event.at_s - self._clock_s >= CLOCK_EVERY_S:
            self._tell_time()
            self._refresh()

    async def written(self) -> None:
        """Wait until all that was heard is with the operating system, at most for a second."""
        done = asyncio.wrap_future(self._sink.written())
        await asyncio.wait({done}, timeout=WRITTEN_LIMIT_S)
        if not done.done():
            done.cancel()
            detail = f"the disk took longer than {WRITTEN_LIMIT_S:g} s: an operation went on"
            self._sink.put(lines.Anomaly(t=self._now_ns(), code="late_line", detail=detail))

    async def close(self, *, aborted: bool) -> None:
        """Write the end, and wait until the disk has it."""
        for server in self._servers.values():
            server.looks.flush()
        self._tell_time()
        await asyncio.to_thread(self._sink.close, aborted=aborted)

    # --- events --------------------------------------------------------------------------------

    def _learned(self, event: Event) -> None:
        match event:
            case ServerAdded():
                target = target_of(event.spec)
                self._sink.put(lines.Server(t=ns(event.at_s), s=target.name, target=target))
                self._state(target.name, event.at_s)
            case ServerRemoved():
                self._server(event.server).looks.flush()
                self._servers.pop(event.server)
                self._readings.rss_b.pop(event.server, None)
                self._sink.put(lines.Server(t=ns(event.at_s), s=event.server, gone=True))
            case FactsLearned():
                self._sink.put(lines.Facts(t=ns(event.at_s), s=event.server, facts=event.facts))
                self._state(event.server, event.at_s)
            case HomeFound():
                self._lives(event)
            case Recalled() | ReferenceTaken() | Verified():
                self._proved(event)
            case _:
                self._told(event)

    def _told(self, event: Event) -> None:
        t = ns(event.at_s)
        match event:
            case Noted():
                note = lines.Note(t=t, s=event.server, severity=event.severity, text=event.text)
                self._sink.put(note)
            case Discovered():
                self._sink.put(lines.Found(t=t, notes=event.notes, done=event.done))
            case Marked():
                self._sink.put(lines.Mark(t=t, text=event.text))
            case Described():
                name = env_id(event.machine)
                self._sink.put(lines.Env(t=t, env_id=name, machine=event.machine))
            case LagMeasured():
                self._sink.put(lines.Lag(t=t, max_ns=ns(event.worst_s)))
                self._stood_still(event)
            case BenchEvent():
                self._sink.put(bench_lines.line_of(event))
            case _:
                pass  # of the recording itself: the writer tells what becomes of it

    def _sampled(self, event: GpuSampled) -> None:
        found = tuple(self._readings.take(event.reading))
        if not self._readings.has_moved:
            self._put(found)
            return
        every = [(server, self._view(name)) for name, server in self._servers.items()]
        for server, view in every:
            server.weighed(view, event.at_s)
        self._put(found)
        for server, view in every:
            server.state(view, event.at_s)

    def _lives(self, event: HomeFound) -> None:
        bytes_held = event.home.host_bytes if event.home else None
        if bytes_held is None:
            self._readings.rss_b.pop(event.server, None)
        else:
            self._readings.rss_b[event.server] = bytes_held
        self._sink.put(lines.HomeLine(t=ns(event.at_s), s=event.server, home=event.home))
        self._state(event.server, event.at_s)

    def _proved(self, event: Recalled | ReferenceTaken | Verified) -> None:
        t, name = ns(event.at_s), event.server
        match event:
            case Recalled():
                self._recalled(event, self._view(name))
            case ReferenceTaken():
                self._sink.put(_reference(event.reference, t, name, recalled=False))
            case _:
                said = event.verification
                canary = lines.Canary(
                    t=t,
                    s=name,
                    op=self._operation_on(name),
                    recalled=said.at_s < self._began_s,
                    verification=said,
                )
                self._sink.put(canary)
        self._state(name, event.at_s, is_proof=isinstance(event, Verified))

    def _recalled(self, event: Recalled, view: ServerView | None) -> None:
        t, learned = ns(event.at_s), event.learned
        plain = replace(learned, reference=None)
        self._sink.put(lines.Recalled(t=t, s=event.server, learned=plain))
        reference = learned.reference
        if reference is not None and view is not None and view.learned.reference is reference:
            self._sink.put(_reference(reference, t, event.server, recalled=True))

    def _operated(
        self, event: OperationQueued | OperationStarted | OperationAdvanced | OperationEnded
    ) -> None:
        match event:
            case OperationQueued():
                operation = event.operation
                self._sink.put(op_lines.queued_line(operation, event.at_s))
                self._state(operation.server, event.at_s)
            case OperationStarted():
                operation = event.operation
                self._operations[operation.id] = operation
                server = self._server(operation.server)
                server.begun(event.at_s)
                state = server.states.state
                pre = self._standing(operation.server, state.value if state else None)
                self._sink.put(op_lines.begin_line(operation, event.at_s, pre))
                self._state(operation.server, event.at_s)
            case OperationAdvanced():
                phase = event.phase.value
                line = lines.OpPhase(t=ns(event.at_s), s=event.server, op=event.id, phase=phase)
                self._sink.put(line)
                self._state(event.server, event.at_s)
            case _:
                self._ended(event)

    def _ended(self, event: OperationEnded) -> None:
        record = event.record
        self._operations.pop(record.id, None)
        server = self._server(record.server)
        server.ended(record, event.at_s)
        cls = op_lines.class_of(record, self._fates.pop(record.id, None))
        post = self._standing(record.server)
        self._sink.put(op_lines.end_line(record, event.at_s, cls, post))
        self._state(record.server, event.at_s)

    def _requested(self, event: RequestBegan | RequestAdvanced | RequestEnded) -> None:
        match event:
            case RequestBegan():
                if not self._text:
                    self._hide(event.prompt)
                self._requests[event.id] = event
                self._sink.put(request_lines.begin_line(event, text=self._text))
            case RequestAdvanced():
                self._sink.put(request_lines.mark_line(event))
            case _:
                began = self._requests.pop(event.id, None)
                began_ns = ns(began.at_s if began else event.at_s)
                if began is not None and began.operation is not None:
                    self._fates[began.operation] = event.fate
                line = request_lines.end_line(event, began_ns=began_ns, text=self._text)
                self._sink.put(line)

    # --- parts ---------------------------------------------------------------------------------

    def _put(self, found: Iterable[Line]) -> None:
        for line in found:
            self._sink.put(line)

    def _server(self, name: str) -> ServerLines:
        found = self._servers.get(name)
        if found is None:
            found = self._servers[name] = ServerLines(name, self._sink.put)
        return found

    def _state(self, name: str, at_s: float, *, is_proof: bool = False) -> None:
        self._server(name).state(self._view(name), at_s, is_proof=is_proof)

    def _standing(self, name: str, state: str | None = None) -> Standing | None:
        view, seen = self._view(name), self._server(name).looks.seen
        if view is None:
            return None
        sleeping = seen.is_sleeping if seen is not None else None
        used_b = self._readings.used_b
        return op_lines.standing(view, sleeping=sleeping, used_b=used_b, state=state)

    def _operation_on(self, name: str) -> int | None:
        """Which of our operations asks a server just now."""
        running = self._operations.values()
        found = [one.id for one in running if one.server == name and one.kind is not Kind.PROMPT]
        return found[-1] if found else None

    def _tell_time(self) -> None:
        now_s, wall_s = self._clock.now_s(), self._clock.wall_s()
        self._clock_s = now_s
        self._sink.put(lines.Clock(t=ns(now_s), wall_ns=ns(wall_s)))
        jumped_s, self._apart_s = wall_s - now_s - self._apart_s, wall_s - now_s
        if abs(jumped_s) > JUMP_S:
            detail = f"the wall clock jumped by {jumped_s:+.3f} s against the monotonic clock"
            self._sink.put(lines.Anomaly(t=ns(now_s), code="clock_jump", detail=detail))

    def _stood_still(self, event: LagMeasured) -> None:
        if event.worst_s > STOOD_STILL_S:
            whole = (
                f"nothing was seen for {event.worst_s:.1f} s: sleeptui or its machine was stopped"
            )
            self._sink.put(lines.Anomaly(t=ns(event.at_s), code="stood_still", detail=whole))

    def _refresh(self) -> None:
        """Let the next lines tell all, for readers who begin there or have missed something."""
        self._readings.refresh()
        for server in self._servers.values():
            server.looks.refresh()

    def _now_ns(self) -> int:
        return ns(self._clock.now_s())


def _reference(reference: Reference, t: int, server: str, *, recalled: bool) -> Line:
    ids = sha256()
    for answer in reference.answers:
        for token in answer:
            ids.update(f"{token.text if token.id is None else token.id},".encode())
        ids.update(b";")
    return lines.ReferenceLine(
        t=t,
        s=server,
        recalled=recalled,
        model=reference.model,
        answers=len(reference.answers),
        tokens=len(reference.answers[0]),
        spread_nats=reference.spread if isfinite(reference.spread) else None,
        ids_sha=ids.hexdigest(),
        taken_wall_s=reference.taken_wall_s,
    )
