"""One cycle: sleep, dwell, wake, and requests until it is as fast as before."""

from sleeptui.core.bench import BenchPhase, Question
from sleeptui.core.events import Event, StateObserved
from sleeptui.core.model import Observation, State
from sleeptui.core.restart import life_of
from sleeptui.core.steady import Pace, pace_of, steady_from
from sleeptui.services.bench.desk import BenchDesk, StepFailed

WORDS = "Write a short story about a lighthouse keeper who finds a map in a bottle."
MAX_TOKENS = 24
"""Of a measured request: enough for a time per token, few enough to be soon over."""
MORE = 3
"""Requests beyond the plan's, where a server is slow to become steady."""
_IDLE_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.2
DISTURBED = "disturbed"


async def run_cycle(desk: BenchDesk, phase: BenchPhase) -> None:
    """The work of a cycle.

    Raises:
        StepFailed: A part of it did not end well, or somebody else was there.
    """
    server, level = phase.server, phase.level or 1
    latency = desk.plan.latency if phase.question is Question.LATENCY else None
    await desk.pause(latency.settle_s if latency else 0.0)
    others = await _others(desk, server)
    life = life_of(desk.view(server))
    await desk.sleep(server, level)
    await dwell(desk, server, level, phase.dwell_s or 0.0)
    await desk.wake(server)
    if life is not None and life_of(desk.view(server)) not in (None, life):
        raise StepFailed("invalid:restarted", f"{server} was restarted between sleep and wake")
    if latency is not None:
        await _until_steady(desk, server, latency.steady + MORE)
    if others:
        raise StepFailed(DISTURBED, f"{others} requests of others were in flight before the sleep")


async def measured(desk: BenchDesk, server: str, cohort: str) -> Pace | None:
    """Send one new prompt; None: it was not answered as it should."""
    completion = await desk.request(
        server, cohort=cohort, prompt=desk.prompt(WORDS), max_tokens=MAX_TOKENS
    )
    return pace_of(completion) if completion is not None else None


async def _until_steady(desk: BenchDesk, server: str, most: int) -> None:
    """Ask until it is as fast as before the sleeps; what was seen is in the journal."""
    before, after = desk.paces.get(server, ()), list[Pace | None]()
    while len(after) < most and steady_from(before, after) is None:
        after.append(await measured(desk, server, "steady"))


async def _others(desk: BenchDesk, server: str) -> int:
    """Wait until nothing is in flight. Returns how many requests there are all the same."""
    began_s = desk.now_s()
    while True:
        metrics = (await desk.services.supervisor.look(server)).metrics
        busy = (metrics.running or 0) + (metrics.waiting or 0) if metrics else 0
        if not busy or desk.now_s() - began_s > _IDLE_WITHIN_S:
            return busy
        await desk.pause(_LOOK_AGAIN_S)


async def dwell(desk: BenchDesk, server: str, level: int, seconds: float) -> None:
    """Let it sleep, and see that nobody else moves it meanwhile.

    Raises:
        StepFailed: It was woken, also if it sleeps again, or sleeps at another level now.
    """
    seen: list[Observation] = []

    def follow(event: Event) -> None:
        """Keep each look at it."""
        if isinstance(event, StateObserved) and event.server == server:
            seen.append(event.observation)

    unsubscribe = desk.bus.subscribe(follow)
    try:
        await desk.pause(seconds)
        seen.append(await desk.services.supervisor.look(server))
    finally:
        unsubscribe()
    view = desk.view(server)
    if not (seen[-1].is_sleeping or view.state is State.ASLEEP):
        raise StepFailed("invalid:woke", f"{server} was not asleep any more before its wake")
    if any(one.is_sleeping is False for one in seen):
        raise StepFailed("invalid:woke", f"{server} was awake in between: somebody else moved it")
    if view.level not in {None, level}:
        note = f"{server} slept at level {view.level}, not {level}: somebody else moved it"
        raise StepFailed("invalid:level", note)
