"""Starts a server, and finds out when it answers, whether it is true, and what it started from."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from sleeptui.core.cold import ColdKind, ColdStart
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.events import Event, FactsLearned
from sleeptui.core.model import Observation, Reach
from sleeptui.core.operation import Cause, Outcome, Phase
from sleeptui.core.runtime import Running, Runtime, WeightFiles
from sleeptui.core.startup_log import failure
from sleeptui.core.text import one_line
from sleeptui.core.units import duration, memory
from sleeptui.services.asking import Asked, ask
from sleeptui.services.deadline import end, within
from sleeptui.services.health import RUNTIME_ERRORS, Health, until_healthy
from sleeptui.services.known import memory_lines, state_lines
from sleeptui.services.origin import Origin
from sleeptui.services.run import Ended, Result, Run
from sleeptui.services.send import confirm
from sleeptui.services.settle import Weight, drop, weigh, weigh_settled
from sleeptui.services.ticket import Stopped
from sleeptui.services.verify import Examined, examine, fault, remedy, told

_LOG = "in the panel l shows its log"


async def start_up(
    run: Run,
    *,
    runtime: Runtime,
    weights: WeightFiles | None = None,
    cold: ColdKind | None = None,
) -> Result:
    """The work of a start.

    Args:
        run: The start.
        runtime: Starts it.
        weights: Its weights as files of this machine; None: nothing is known of them.
        cold: What is prepared before; None: nothing.

    Raises:
        Ended: It cannot be started, has ended before it answered, or is lost.
        Stopped: The user stopped it while it was prepared. Later only the wait can be stopped:
            its process goes on.
    """
    starting = _Starting(run, runtime, Origin(run.view, weights, cold))
    try:
        with _named(run, starting.named):
            for stage in starting.stages:
                await stage()
        await starting.tell()
        return starting.result()
    finally:
        await starting.close()


class _Starting:
    """One start. What must be true before it counts as done is a list of stages.

    Attributes:
        named: Its version and models have been read since it answers.
    """

    def __init__(self, run: Run, runtime: Runtime, origin: Origin) -> None:
        self._run = run
        self._runtime = runtime
        self._origin = origin
        self._spec = run.view.spec
        self._before = self._after = Weight(gpus=None, used_bytes=None, held_bytes=None)
        self._running: Running | None = None
        self._health = Health()
        self._began_s = self._began_wall_s = self._good_s = 0.0
        self._canary: asyncio.Task[Asked] | None = None
        self._seen: Observation | None = None
        self._found: Examined | None = None
        self._first_token_s: float | None = None
        self._quiet = ExitStack()
        self.named = asyncio.Event()
        self.stages = (
            self._prepare,
            self._launch,
            self._wait,
            self._confirm,
            self._verify,
            self._weigh,
        )

    async def close(self) -> None:
        """Take the canary back if it is still with the server."""
        self._quiet.close()
        if self._canary is not None:
            await end(self._canary)

    async def _prepare(self) -> None:
        """Nothing may answer yet; its files are made as was asked."""
        run = self._run
        seen = await run.look()
        if seen.reach is not Reach.REFUSED:
            raise Ended(_answered_already(seen))
        if problem := await run.ticket.stoppable(self._origin.prepare()):
            run.know(f"cold start: {one_line(problem)}")
        self._before = replace(await weigh(run), held_bytes=0)  # it has no process
        self._quiet.enter_context(run.desk.supervisor.undisturbed(run.server))

    async def _launch(self) -> None:
        """Start it; the clock runs from just before that."""
        run = self._run
        self._began_s, self._began_wall_s = run.now_s(), run.desk.clock.wall_s()
        run.sent_s = self._began_s
        try:
            self._running = await self._runtime.start(self._spec)
        except RUNTIME_ERRORS as error:
            raise Ended(_unstarted(error)) from error
        run.part("process", run.now_s() - self._began_s)
        run.know(f"started: {one_line(self._running.what)}")

    async def _wait(self) -> None:
        """Ask /health until it is well; its process may end before."""
        run, health, limit_s = self._run, self._health, self._spec.timeouts.start_s
        left_s = limit_s - (run.now_s() - self._began_s)
        try:
            waiting = until_healthy(run, self._runtime, health, max(left_s, 0.0))
            await run.ticket.stoppable(waiting)
        except Stopped:
            await self.tell()
            await run.desk.supervisor.look_for_homes()
            raise Ended(_left(run.now_s() - self._began_s)) from None
        except TimeoutError:
            await self.tell()
            raise Ended(_late(limit_s, health.problem)) from None
        if health.good is None:
            lines = await self.tell()
            raise Ended(_over(health.ended, lines, run.now_s() - self._began_s))
        self._canary = self._ask()
        self._good_s = run.done_s = health.good.done_s
        run.stamped(health.good.late_s)
        run.part("health", self._good_s - self._began_s)
        run.know(_health_line(health, self._began_s))

    def _ask(self) -> asyncio.Task[Asked] | None:
        """Send the canary at once; its first token is the end of a cold start."""
        if not self._spec.canary.enabled:
            return None
        return asyncio.create_task(ask(self._run), name=f"canary of {self._run.server}")

    async def _confirm(self) -> None:
        """Its state must say awake; how much its processes have read is asked before."""
        run = self._run
        run.advance(Phase.SETTLING)
        with suppress(*RUNTIME_ERRORS):
            self._running = await self._runtime.state(self._spec)
            await self._origin.count(self._running)
        began_s = run.now_s()
        self._seen, is_told = await confirm(run, _is_up)
        run.know(*state_lines(self._seen, confirmed_s=run.now_s() - began_s))
        if not is_told:
            await self.tell()
            raise Ended(_denied(self._seen, self._good_s - self._began_s))

    async def _verify(self) -> None:
        """Wait for the canary, and judge it."""
        run, canary, seen = self._run, self._canary, self._seen
        if canary is None or seen is None:
            run.know("canary: it is off for this server")
            return
        run.advance(Phase.VERIFYING)
        self._found = await examine(run, seen, self._answered(canary))

    async def _answered(self, canary: "asyncio.Task[Asked]") -> Asked:
        """The canary; what it is compared with depends on its model, whose name is read after it.

        A first reading of the facts may keep the server busy for seconds.
        """
        run, asked = self._run, await canary
        completion = asked.completion
        if completion is not None and completion.first_token_s is not None:
            self._first_token_s = completion.first_token_s - self._began_s
            run.part("first token", completion.first_token_s - self._good_s)
        self._quiet.close()
        with suppress(TimeoutError):
            limit_s = self._spec.timeouts.settle_s
            await within(run.desk.clock, limit_s, _until(self.named))
        return asked

    async def _weigh(self) -> None:
        """Wait until its memory stands still; its processes are others than before."""
        run = self._run
        await run.desk.supervisor.look_for_homes()
        self._after = await weigh_settled(run, self._before)
        run.know(*memory_lines(self._before, self._after))

    async def tell(self) -> Sequence[str]:
        """What it started from, for the record; of one that did not come up too.

        Returns:
            Its log.
        """
        lines: Sequence[str] = ()
        with suppress(*RUNTIME_ERRORS):
            lines = await self._runtime.output(self._spec)
        stamp_s = self._running.started_wall_s if self._running is not None else None
        runtime_s = None if stamp_s is None else stamp_s - self._began_wall_s
        cold = self._run.cold = self._origin.told(self._health, runtime_s=runtime_s, lines=lines)
        self._run.know(_cold_line(cold))
        return lines

    def result(self) -> Result:
        """The end, once all stages are through."""
        run = self._run
        took_s = self._good_s - self._began_s
        held = drop(self._after.used_bytes, self._before.used_bytes)
        message = f"answers after {duration(took_s)}"
        if held is not None:
            message = f"{message}, took {memory(max(held, 0))}"
        cause, hint = None, ""
        if self._found is None:
            message = f"{message}; its answers were not checked"
        elif self._found.is_reference:
            message = f"{message}; its answers are kept as the reference"
        else:
            verification = self._found.verification
            message = f"{message}; {told(verification)}"
            cause, hint = fault(verification), remedy(run.view, verification)
        return Result(
            outcome=Outcome.DONE if cause is None else Outcome.SUSPECT,
            cause=cause,
            message=message,
            hint=hint,
            duration_s=took_s,
            first_token_s=self._first_token_s,
        )


@contextmanager
def _named(run: Run, named: asyncio.Event) -> Iterator[None]:
    """Set ``named`` when the facts of the server are read."""

    def follow(event: Event) -> None:
        """Version and models are known."""
        if isinstance(event, FactsLearned) and event.server == run.server:
            named.set()

    unsubscribe = run.desk.bus.subscribe(follow)
    try:
        yield
    finally:
        unsubscribe()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


def _is_up(seen: Observation) -> bool:
    """It answers; without dev mode it does not tell whether it sleeps."""
    return seen.reach is Reach.ANSWERED and not seen.is_sleeping and not seen.is_sleeping_slow


def _health_line(health: Health, began_s: float) -> str:
    good_s = health.good.done_s if health.good is not None else began_s
    if health.last_bad_s is None:
        return "/health: 200 at the first look"
    return f"/health: 200, and {duration(good_s - health.last_bad_s)} before that not yet"


def _cold_line(cold: ColdStart) -> str:
    if not cold.is_invalid or cold.asked is None:
        return f"cold start: {cold.proof}"
    return f"cold start: not {cold.asked.value} as was asked: {cold.proof}"


def _answered_already(seen: Observation) -> Result:
    """Something is at its address: its answers would be taken for those of the new server."""
    if seen.reach is Reach.ANSWERED:
        return Result(
            outcome=Outcome.CANCELLED,
            cause=Cause.ALREADY_SO,
            message="it was found running; nothing was started",
        )
    problem = one_line(seen.problem or seen.reach.value)
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.REJECTED,
        message=f"something is at its address: {problem}; nothing was started",
        hint="stop what is there first",
    )


def _unstarted(error: SleeptuiError) -> Result:
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.NOT_STARTED,
        message=error.message,
        hint=error.hint,
    )


def _late(limit_s: float, problem: str) -> Result:
    why = f": {one_line(problem)}" if problem else ""
    return Result(
        outcome=Outcome.UNKNOWN,
        cause=Cause.NO_ANSWER,
        message=f"takes longer than {duration(limit_s)}{why}; it runs and may still come",
        hint=f"{_LOG}; timeouts.start_s in the configuration gives it longer",
        duration_s=limit_s,
    )


def _left(took_s: float) -> Result:
    return Result(
        outcome=Outcome.CANCELLED,
        message=f"not waited for any longer, after {duration(took_s)}; its process goes on",
        duration_s=took_s,
    )


def _over(ended: Running | None, lines: Sequence[str], took_s: float) -> Result:
    """Its process has ended before it answered."""
    code = ended.exit_code if ended is not None else None
    why = failure(lines) or (ended.problem if ended is not None else "")
    message = f"ended after {duration(took_s)}, before it answered"
    if code is not None:
        message = f"{message}, with exit code {code}"
    if why:
        message = f"{message}: {one_line(why)}"
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.NOT_STARTED,
        message=message,
        hint=_LOG,
        duration_s=took_s,
    )


def _denied(seen: Observation, took_s: float) -> Result:
    """/health is well, and its state is not."""
    if seen.is_sleeping:
        message = "answers, and says that it sleeps"
    else:
        message = f"/health answers, its state cannot be read: {seen.problem or 'no answer'}"
    return Result(outcome=Outcome.SUSPECT, message=one_line(message), hint=_LOG, duration_s=took_s)
