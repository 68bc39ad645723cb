"""A row of a fault table: how a fault is made, what is said of it, and what follows.

Every row runs on a fleet of two GPUs. ``subject`` is on GPU 0; ``neighbour``, on GPU 1, streams an
answer to somebody all the time: whatever happens to the subject must not show there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from proof.rig import SETTINGS, TIMEOUTS, Rig, opened

from sleeptui.core.model import IN_TRANSITION, SleepLevel, SleepMode, State
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.settings import Settings, Timeouts
from sleeptui.services import as_json
from sleeptui.sim.faults import Fault
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario

SUBJECT, NEIGHBOUR = "subject", "neighbour"
Step = Callable[[Rig], Awaitable[None]]
SPEC = EngineSpec(
    name=SUBJECT,
    root="acme/subject-3b",
    params_b=3.0,
    gpu_memory_utilization=0.3,
    slept_before=True,
)
SLOW = {"params_b": 20.0, "gpu_memory_utilization": 0.5}
"""At speed 2, a subject whose streams last for seconds without being too much for Python."""
_PASSES = IN_TRANSITION | {State.PAUSED}
"""Nothing need be done: it ends by itself, or whoever did it ends it."""
_BESIDE = EngineSpec(
    name=NEIGHBOUR, root="acme/neighbour-30b", params_b=30.0, gpus=(1,), gpu_memory_utilization=0.8
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault."""

    name: str
    make: tuple[Step, ...]
    """How it is made, from a subject that is as ``engine`` begins."""
    state: State
    """What is shown then."""
    badge: str
    says: tuple[str, ...] = ()
    """What the panel says beside it: why, what helps, how it is known."""
    json: Mapping[str, object] = field(default_factory=dict)
    """Fields of the server's JSON beside ``state``."""
    record: tuple[Kind, Outcome, Cause | None] | None = None
    """The newest operation of ours; None: there was none."""
    mend: tuple[Step, ...] = ()
    """The fault is cleared, or the advised step is taken."""
    becomes: State = State.AWAKE
    """What follows then."""
    then: Mapping[str, object] = field(default_factory=dict)
    """Fields of the server's JSON after that."""
    never: tuple[State, ...] = ()
    """States that are not shown at any moment before it is mended."""
    engine: Mapping[str, object] = field(default_factory=dict)
    """The subject, where it is another one."""
    rivals: tuple[EngineSpec, ...] = ()
    """Others on its GPU."""
    settings: Settings = SETTINGS
    timeouts: Timeouts = TIMEOUTS
    speed: float = 10.0


# --- steps ------------------------------------------------------------------------------------


def on(fault: Fault, server: str = SUBJECT, **parameters: object) -> Step:
    """The fault is switched on."""
    return lambda rig: rig.fault(server, fault, **parameters)


def off(fault: Fault | None = None, server: str = SUBJECT) -> Step:
    """The fault is switched off, or all; a dead server starts again."""
    return lambda rig: rig.clear(server, fault)


def restarted(rig: Rig) -> Awaitable[None]:
    """Somebody restarts it."""
    return rig.fault(SUBJECT, Fault.RESTART, seconds=3.0)


def outside(path: str) -> Step:
    """Somebody else asks the server, past the panel, and has an answer."""

    async def step(rig: Rig) -> None:
        await rig.somebody(SUBJECT, path)

    return step


def outside_answers(status: int, path: str) -> Step:
    """The same, and this is the status."""

    async def step(rig: Rig) -> None:
        assert await rig.somebody(SUBJECT, path) == status

    return step


def shown(*states: State) -> Step:
    """The panel shows it."""
    return lambda rig: rig.until_state(SUBJECT, *states)


def told(path: str, value: object) -> Step:
    """JSON says it of the subject; ``path`` with dots."""
    return lambda rig: rig.until(lambda: _at(rig.json(SUBJECT), path) == value, f"{path} = {value}")


def sleep(level: int = 1, mode: str | None = None) -> Step:
    """``s`` of the panel, to its end."""

    async def step(rig: Rig) -> None:
        how = None if mode is None else SleepMode(mode)
        order = rig.services.operations.sleep(SUBJECT, level=SleepLevel(level), mode=how)
        await rig.do(order)

    return step


def wake(**options: object) -> Step:
    """``w`` of the panel, to its end."""

    async def step(rig: Rig) -> None:
        await rig.do(rig.services.operations.wake(SUBJECT, **options))

    return step


async def switch(rig: Rig) -> None:
    """``x`` of the panel, to its end."""
    await rig.do(rig.services.operations.switch(SUBJECT))


async def verify(rig: Rig) -> None:
    """``v`` of the panel, to its end."""
    await rig.do(rig.services.operations.verify(SUBJECT))


def cycles(count: int, level: int = 1) -> Step:
    """So many sleeps and wakes by the panel."""

    async def step(rig: Rig) -> None:
        for _ in range(count):
            await sleep(level)(rig)
            await wake()(rig)

    return step


def streams(count: int, max_tokens: int = 4000) -> Step:
    """So many streams of somebody else run."""

    async def step(rig: Rig) -> None:
        mine = [rig.stream(SUBJECT, max_tokens) for _ in range(count)]
        await rig.until(lambda: all(one.tokens for one in mine), "streams run")

    return step


async def truth_is_garbage(rig: Rig) -> None:
    """No step of anybody: the simulation says that its weights are lost indeed."""
    assert not (await rig.truth(SUBJECT))["weights_ok"]


# --- the run of a row -------------------------------------------------------------------------


def scenario_of(engine: Mapping[str, object], rivals: tuple[EngineSpec, ...] = ()) -> Scenario:
    """The subject, with these fields, others on its GPU, and the neighbour."""
    return Scenario(
        name="row",
        title="",
        description="",
        gpus=(GpuSpec(), GpuSpec()),
        engines=(replace(SPEC, **engine), *rivals, _BESIDE),  # type: ignore[arg-type]
    )


async def run(row: Row) -> None:
    """Make the fault, compare what is said, mend it, and see that nobody else noticed."""
    scenario = scenario_of(row.engine, row.rivals)
    how = {"speed": row.speed, "settings": row.settings, "timeouts": row.timeouts}
    async with opened(scenario, **how) as rig:  # type: ignore[arg-type]
        beside = _Beside(rig)
        states = rig.follow(SUBJECT)
        for step in row.make:
            await step(rig)
        await rig.until_state(SUBJECT, row.state)
        _compare_panel(rig, row)
        _compare_json(rig, row)
        assert not set(row.never) & set(states), states
        for step in row.mend:
            await step(rig)
        await rig.until_state(SUBJECT, row.becomes)
        for path, value in row.then.items():
            await told(path, value)(rig)
        await beside.compare()


def _compare_panel(rig: Rig, row: Row) -> None:
    text = rig.says(SUBJECT)
    assert row.badge in rig.badge(SUBJECT), text
    for words in row.says:
        assert words in text, f"{words!r} is not in:\n{text}"
    if row.state not in (State.AWAKE, State.ASLEEP):
        view = rig.view(SUBJECT)
        assert view.reason, text
        assert view.advice or row.state in _PASSES, text


def _compare_json(rig: Rig, row: Row) -> None:
    said = rig.json(SUBJECT)
    assert said["state"] == row.state.value
    for path, value in row.json.items():
        assert _at(said, path) == value, f"{path}: {_at(said, path)!r}, expected {value!r}"
    if row.record is None:
        assert said["last_operations"] == []
        return
    kind, outcome, cause = row.record
    newest = said["last_operations"][0]
    got = newest["kind"], newest["outcome"], newest["cause"]
    assert got == (kind.value, outcome.value, None if cause is None else cause.value), newest
    assert newest["message"], newest
    assert newest["known"], newest
    assert newest["hint"] or outcome in (Outcome.DONE, Outcome.CANCELLED), newest
    alone = as_json.record(rig.records(SUBJECT)[0])
    assert newest == {key: newest[key] for key in alone}


def _at(data: object, path: str) -> object:
    for name in path.split("."):
        data = data[int(name)] if isinstance(data, list) else data[name]  # type: ignore[index]
    return data


class _Beside:
    """Sees that the neighbour keeps its state, its log and its running stream."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._states = rig.follow(NEIGHBOUR)
        self._lines = len(rig.log_of(NEIGHBOUR))
        self._ends: list[str | None] = []
        self._talk = rig.keep(self._streaming())

    async def compare(self) -> None:
        ends = len(self._ends)
        await self._rig.until(lambda: len(self._ends) > ends + 1, "the neighbour answers")
        self._talk.cancel()
        await asyncio.gather(self._talk, return_exceptions=True)
        assert set(self._ends) <= {"stop", "length"}, self._ends
        assert set(self._states) == {State.AWAKE}, self._states
        said = [entry.text for entry in self._rig.log_of(NEIGHBOUR)[self._lines :]]
        assert said == []

    async def _streaming(self) -> None:
        while True:
            stream = self._rig.stream(NEIGHBOUR)
            await stream.task
            self._ends.append(stream.finish)
            self._rig.streams.remove(stream)
