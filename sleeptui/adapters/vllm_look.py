"""One look at a vLLM server: what the answers of its routes mean together."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from sleeptui.adapters.http_errors import NOT_VLLM_HINT, is_markup, refused, timed_out
from sleeptui.adapters.promtext import BrokenPageError, parse_metrics
from sleeptui.adapters.vllm_json import IsPaused, IsSleeping, Load, Version, read
from sleeptui.adapters.vllm_wire import MIB, Wire
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.model import Control, EngineMetrics, Observation, Reach, ServerFacts
from sleeptui.core.settings import ServerSpec

METRICS_BYTES = 8 * MIB
"""A real page has 80 KiB, that of a server with 64 engines 5 MiB."""
_T = TypeVar("_T")
_ROUTE_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}


@dataclass(frozen=True, slots=True)
class _Verdict:
    reach: Reach
    problem: EngineError | None = None
    control: Control = Control.UNKNOWN
    slow: bool = False


class Looker:
    """Looks at one server; remembers that it is a vLLM, and whether it counts its load."""

    def __init__(self, spec: ServerSpec, wire: Wire) -> None:
        self._spec = spec
        self._wire = wire
        self._is_vllm = False
        self.load_tracked: bool | None = None
        """/load was above zero once, so it counts; None: not known. No route tells the switch."""

    async def look(self, facts: ServerFacts, *, full: bool) -> Observation:
        """Look once; what goes wrong is in the observation.

        Args:
            facts: What is known of the server.
            full: Also /metrics, and /is_paused and /load where they can tell something.
        """
        began_s = time.monotonic()
        deadline = asyncio.get_running_loop().time() + self._spec.timeouts.probe_s
        page: EngineMetrics | EngineError | None = None
        if full:
            # At once: while a transition runs /is_sleeping waits for its end, /metrics does not.
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(self._within(deadline, self._is_sleeping()))
                page = await self._within(deadline, self._metrics())
                sleeping = await asked
        else:
            sleeping = await self._within(deadline, self._is_sleeping())
        metrics = page if isinstance(page, EngineMetrics) else None
        verdict = await self._verdict(sleeping, page, facts, deadline)
        self._is_vllm = verdict.reach is Reach.ANSWERED
        paused = load = None
        if full and verdict.reach is Reach.ANSWERED:
            if sleeping is True and facts.features.is_paused:
                paused = await self._is_paused(deadline)
            load = await self._load(sleeping, metrics, deadline)
        ended_s = time.monotonic()
        return Observation(
            at_s=ended_s,
            took_s=ended_s - began_s,
            reach=verdict.reach,
            problem=self._sentence(verdict.problem),
            control=verdict.control,
            is_sleeping=sleeping if isinstance(sleeping, bool) else None,
            is_paused=paused,
            is_sleeping_slow=verdict.slow,
            is_broken_off=isinstance(verdict.problem, Unreachable) and verdict.problem.sent,
            metrics=metrics,
            load=load,
        )

    async def _within(self, deadline: float, asked: Awaitable[_T]) -> _T | EngineError:
        """The answer, or the error; the deadline is that of the whole look."""
        try:
            async with asyncio.timeout_at(deadline):
                return await asked
        except EngineError as error:
            return error
        except TimeoutError:
            return timed_out(server=self._spec.name, address=self._wire.address)

    async def _verdict(
        self,
        sleeping: bool | EngineError,
        page: EngineMetrics | EngineError | None,
        facts: ServerFacts,
        deadline: float,
    ) -> _Verdict:
        has_page = isinstance(page, EngineMetrics)
        no_sleep_mode = facts.sleep_enabled is False
        control = Control.NO_SLEEP_MODE if no_sleep_mode else Control.AVAILABLE
        match sleeping:
            case bool():
                problem = page if isinstance(page, EngineError) else None
                return _Verdict(Reach.ANSWERED, problem, control)
            case TimedOut() if has_page:
                return _Verdict(Reach.ANSWERED, control=control, slow=True)
            case TimedOut():
                return _Verdict(Reach.TIMED_OUT, sleeping)
            case Refused():
                return await self._after_refusal(sleeping, deadline, has_page=has_page)
            case _ if has_page:
                return _Verdict(Reach.ANSWERED, sleeping)
            case Unreachable():
                return _Verdict(Reach.REFUSED, sleeping)
            case _:
                return _Verdict(Reach.NOT_VLLM, sleeping)

    async def _after_refusal(
        self, refusal: Refused, deadline: float, *, has_page: bool
    ) -> _Verdict:
        """/is_sleeping answered with an error status: no dev mode, a dead engine, or no vLLM."""
        if refusal.status in _ROUTE_MISSING:
            if has_page or self._is_vllm or await self._has_version(deadline):
                return _Verdict(Reach.ANSWERED, control=Control.NO_DEV_MODE)
            return _Verdict(Reach.NOT_VLLM, self._not_vllm(refusal))
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            health = await self._within(deadline, self._wire.get("/health"))
            if isinstance(health, Unreachable):
                return _Verdict(Reach.REFUSED, health)
            if not isinstance(health, EngineError):
                if health.status == HTTPStatus.OK:
                    return _Verdict(Reach.ANSWERED, refusal)
                # A proxy without its server says 503 too, with a page of its own.
                if health.status == HTTPStatus.SERVICE_UNAVAILABLE and not is_markup(health.body):
                    return _Verdict(Reach.UNHEALTHY, refusal)
        if has_page:
            return _Verdict(Reach.ANSWERED, refusal)
        return _Verdict(Reach.NOT_VLLM, self._not_vllm(refusal))

    def _not_vllm(self, refusal: Refused) -> BadReply:
        said = f"/is_sleeping answered {refusal.status}"
        if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:  # 502 to 504 are a proxy's
            return BadReply(
                f"{self._spec.name}: {self._wire.address} answers with errors only, {said}",
                server=self._spec.name,
                hint="its log says more",
            )
        return BadReply(
            f"{self._spec.name}: what answers on {self._wire.address} is not vLLM, {said}",
            server=self._spec.name,
            hint=NOT_VLLM_HINT,
        )

    async def _is_sleeping(self) -> bool:
        return (await self._ask("/is_sleeping", IsSleeping)).is_sleeping

    async def _metrics(self) -> EngineMetrics:
        name = self._spec.name
        reply = await self._wire.get("/metrics", limit=METRICS_BYTES, what="of metrics")
        if reply.status != HTTPStatus.OK:
            raise refused(reply.status, reply.body, server=name, path="/metrics")
        try:
            return parse_metrics(reply.body)
        except BrokenPageError as error:
            raise BadReply(f"{name}: /metrics {error}", server=name, hint=NOT_VLLM_HINT) from error

    async def _has_version(self, deadline: float) -> bool:
        answer = await self._within(deadline, self._ask("/version", Version))
        return isinstance(answer, Version)

    async def _is_paused(self, deadline: float) -> bool | None:
        answer = await self._within(deadline, self._ask("/is_paused", IsPaused))
        return answer.is_paused if isinstance(answer, IsPaused) else None

    async def _load(
        self, sleeping: bool | EngineError, metrics: EngineMetrics | None, deadline: float
    ) -> int | None:
        """Asked of a sleeper, whose parked requests nothing else tells.

        And of a busy one until it has proven to count: then 0 is a figure, before it is not.
        """
        busy = metrics is not None and bool(metrics.running)
        if sleeping is not True and (self.load_tracked or not busy):
            return None
        answer = await self._within(deadline, self._ask("/load", Load))
        if not isinstance(answer, Load):
            return None
        if answer.server_load > 0:
            self.load_tracked = True
        return answer.server_load if self.load_tracked else None

    async def _ask(self, path: str, shape: type[_T]) -> _T:
        reply = await self._wire.get(path)
        if reply.status != HTTPStatus.OK:
            raise refused(reply.status, reply.body, server=self._spec.name, path=path)
        return read(reply.body, shape, server=self._spec.name, path=path)

    def _sentence(self, problem: EngineError | None) -> str | None:
        """Without the name of the server: the observation is about no other."""
        return problem.message.removeprefix(f"{self._spec.name}: ") if problem else None
