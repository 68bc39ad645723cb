"""The engine process of a simulated server: its loop, its calls and its transitions.

One of these is one process: after a restart there is a new one. It is carried from one moment
to the next by ``run``, and raises EngineDied where a real one would have crashed.
"""

import random
from collections import deque

from sleeptui.sim.calls import OPERATIONS, Call, CallFailed, Method
from sleeptui.sim.dialect import Dialect
from sleeptui.sim.executor import SCHEDULING, Executor, Transition
from sleeptui.sim.faults import Fault, Faults
from sleeptui.sim.latency import Latency
from sleeptui.sim.log import ServerLog
from sleeptui.sim.memory import EngineMemory
from sleeptui.sim.scheduler import Pause, Scheduler, SimRequest
from sleeptui.sim.spec import EngineSpec
from sleeptui.sim.stats import Stats
from sleeptui.sim.traffic import Traffic

DEAD = "EngineCore encountered an issue. See stack trace above for the root cause."
_MODES = ("abort", "wait", "keep")
_OFF = (0, 0, 0)


class EngineDied(Exception):
    """Requests ran over memory that is not mapped: an illegal access ends the process."""


class EngineCore:
    """Scheduler, executor and the queue of calls, in one loop."""

    def __init__(
        self,
        *,
        spec: EngineSpec,
        dialect: Dialect,
        latency: Latency,
        memory: EngineMemory,
        kv_tokens: int,
        traffic: Traffic,
        faults: Faults,
        log: ServerLog,
        rng: random.Random,
        at_s: float,
    ) -> None:
        self.at_s = at_s
        """The moment it was carried to."""
        self.stats = Stats()
        self.sleep_metric = (1, 0, 0)
        """vllm:engine_sleep_state: awake, weights_offloaded, discard_all."""
        self.scheduler = Scheduler(
            latency=latency,
            stats=self.stats,
            max_num_seqs=spec.max_num_seqs,
            kv_tokens=kv_tokens,
        )
        self.executor = Executor(
            memory=memory,
            latency=latency,
            dialect=dialect,
            faults=faults,
            log=log,
            rng=rng,
            sleep_mode=spec.sleep_mode,
        )
        self.transition: Transition | None = None
        """Keeps the loop busy: nothing else happens meanwhile."""
        self._dialect = dialect
        self._faults = faults
        self._traffic = traffic
        self._log = log
        self._calls: deque[Call] = deque()
        self._drains: list[Call] = []

    @property
    def is_sleeping(self) -> bool:
        """As ``/is_sleeping``: something sleeps, or (0.17 and later) scheduling is paused."""
        paused = self._dialect.pauses and self.scheduler.pause is not Pause.NONE
        return bool(self.executor.asleep) or paused

    @property
    def _halted(self) -> bool:
        """No request moves: the engine is stuck, or mute."""
        return self.executor.stuck or Fault.MUTE in self._faults

    def fall_asleep_at_once(self, level: int) -> None:
        """Begin asleep."""
        self.executor.fall_asleep_at_once(level)
        self.scheduler.pause = Pause.NEW if self._dialect.pauses else Pause.NONE
        self.sleep_metric = (0, 1, 0) if level == 1 else (0, 0, 1)

    def next_event_s(self) -> float | None:
        """When a call that waits may end; None: not before something else happens."""
        if self.transition is not None:
            return self.transition.end_s
        waits = self._drains and not self._halted
        end_s = self.scheduler.next_end_s() if waits else None
        return None if end_s is None else self.at_s + end_s

    def next_token_s(self, request: SimRequest) -> float | None:
        """When the next token of a request may come; None: not before something else happens."""
        if self._halted:
            return None
        if self.transition is not None:
            return self.transition.end_s
        wait_s = self.scheduler.next_token_s(request)
        if wait_s is None:
            wait_s = self.scheduler.next_end_s()
        return None if wait_s is None else self.at_s + wait_s

    def send(self, call: Call) -> None:
        """Put a call in line."""
        if call.method in OPERATIONS:
            self.stats.operation(OPERATIONS[call.method]).in_flight += 1
        self._calls.append(call)
        self.settle()

    def end(self) -> None:
        """The process is gone: all calls fail, all requests end."""
        for request in (*self.scheduler.running, *self.scheduler.waiting):
            request.finish_reason = "error"
        self.scheduler.running.clear()
        self.scheduler.waiting.clear()
        calls = [*self._calls, *self._drains]
        if self.transition is not None:
            calls.append(self.transition.call)
        for call in calls:
            self._fail(call, DEAD)
        self.transition = None
        self._calls.clear()
        self._drains.clear()

    # --- the loop -----------------------------------------------------------------------------

    def run(self, until_s: float) -> None:
        """Go on to a moment, at most; stops early at each event.

        Raises:
            EngineDied: Requests ran while their memory was not there.
        """
        stops = [until_s]
        if self.transition is not None:
            stops.append(self.transition.end_s)
        send_s = self._traffic.next_send_s
        if send_s is not None:
            stops.append(send_s)
        stop_s = max(min(stops), self.at_s)
        if self.transition is None and not self._halted:
            self._check_memory()
            self.scheduler.weights_ok = self.executor.weights_ok
            self.scheduler.weights_empty = self.executor.weights_empty
            stop_s = self.scheduler.run(self.at_s, stop_s)
        self.at_s = stop_s
        self._hand_over()
        self._traffic.send_due(stop_s, self.scheduler)
        self.settle()

    def settle(self) -> None:
        """Do what is due at this moment: end and begin transitions, execute calls."""
        while True:
            if self.transition is not None:
                self._follow(self.transition)
                if self.transition is not None:
                    return
            elif self._drains and not self.scheduler.running:
                self._fall_asleep(self._drains.pop(0))
            elif self._calls:
                self._execute(self._calls.popleft())
            else:
                return

    def _check_memory(self) -> None:
        scheduler = self.scheduler
        if self.executor.runnable or scheduler.pause is Pause.ALL:
            return
        if scheduler.running or (scheduler.waiting and scheduler.pause is Pause.NONE):
            self._log.core("core.py:1301", "CUDA error: an illegal memory access", "ERROR")
            raise EngineDied

    def _hand_over(self) -> None:
        for request in self.scheduler.finished:
            self._traffic.answered(request, self.at_s)
        self.scheduler.finished.clear()

    def _follow(self, transition: Transition) -> None:
        try:
            self.executor.follow(transition, self.at_s)
        except CallFailed as failed:
            self._log.core("core.py:1449", "Invocation of wake_up method failed", "ERROR")
            self._log.core("core.py:1449", str(failed), "ERROR")
            self.transition = None
            self._fail(transition.call, str(failed))
            return
        if self.at_s < transition.end_s:
            return
        self.transition = None
        self.executor.complete(transition)
        all_awake = not self.executor.asleep
        if transition.kind == "wake" and (all_awake or self._dialect.partial_wake_resumes):
            self.scheduler.pause = Pause.NONE
            self.scheduler.cold = True
        self._finish(transition.call)

    # --- calls --------------------------------------------------------------------------------

    def _execute(self, call: Call) -> None:
        try:
            match call.method:
                case Method.SLEEP | Method.PAUSE:
                    self._pause_for(call)
                case Method.WAKE_UP:
                    self._wake(call)
                case Method.COLLECTIVE_RPC:
                    self.transition = self.executor.begin_reload(call, self.at_s)
                case _:
                    call.finish(self._look(call))
        except CallFailed as failed:
            self._log.core("core.py:1449", f"Invocation of {call.method} method failed", "ERROR")
            self._fail(call, str(failed))

    def _look(self, call: Call) -> bool | int:
        match call.method:
            case Method.IS_SLEEPING:
                return self.is_sleeping
            case Method.IS_PAUSED:
                return self.scheduler.pause is not Pause.NONE
            case Method.ABORT:
                return self._abort(call)
            case Method.RESUME:
                self.scheduler.pause = Pause.NONE
        return True

    def _abort(self, call: Call) -> int:
        held = [*self.scheduler.running, *self.scheduler.waiting]
        wanted = [one for one in held if call.request_ids is None or one.id in call.request_ids]
        for request in wanted:
            self.scheduler.abort(request, self.at_s)
        self._hand_over()
        return len(wanted)

    def _pause_for(self, call: Call) -> None:
        """First step of a sleep, and all of a pause: what happens to requests in flight.

        Raises:
            CallFailed: There is no such mode.
        """
        if self._dialect.pauses:
            if call.mode not in _MODES:
                raise CallFailed(f"Invalid pause mode: {call.mode}")
            self.scheduler.pause = Pause.ALL if call.mode == "keep" else Pause.NEW
            if call.mode == "abort":
                self.scheduler.abort_all(self.at_s)
                self._hand_over()
            elif call.mode == "wait" and self.scheduler.running:
                self._drains.append(call)
                return
        self._fall_asleep(call)

    def _fall_asleep(self, call: Call) -> None:
        pause_only = self._dialect.pauses and call.level < 1
        if call.method is Method.PAUSE or pause_only:
            self._finish(call)
            return
        try:
            self.transition = self.executor.begin_sleep(call, self.at_s)
        except CallFailed as failed:
            self._fail(call, str(failed))
            return
        if self.transition is None:
            self._finish(call)
        elif self.transition.frees:
            self.scheduler.recompute()

    def _wake(self, call: Call) -> None:
        only_scheduling = call.tags is not None and set(call.tags) == {SCHEDULING}
        if not (only_scheduling and self.executor.asleep):
            self.transition = self.executor.begin_wake(call, self.at_s)
            if self.transition is not None:
                return
        if not self.executor.asleep and (call.tags is None or only_scheduling):
            self.scheduler.pause = Pause.NONE
        self._finish(call)

    def _finish(self, call: Call) -> None:
        call.finish(self.is_sleeping)
        self._count(call)
        if call.method is Method.SLEEP:
            self.sleep_metric = {1: (0, 1, 0), 2: (0, 0, 1)}.get(call.level, _OFF)
        elif call.method is Method.WAKE_UP and (
            self._dialect.metric_follows_partial_wake or not self.is_sleeping
        ):
            self.sleep_metric = (1, 0, 0)

    def _fail(self, call: Call, reason: str) -> None:
        call.fail(reason)
        self._count(call)

    def _count(self, call: Call) -> None:
        kind = OPERATIONS.get(call.method)
        if kind is None:
            return
        operation = self.stats.operation(kind)
        operation.in_flight = max(operation.in_flight - 1, 0)
        operation.duration.observe(self.at_s - call.sent_s)
