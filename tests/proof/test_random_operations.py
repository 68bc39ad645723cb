"""Random orders, other people and faults on four servers of two GPUs: what must always hold.

Hypothesis draws the actions; a fleet and the services that watch it live through them in real
time. What must hold is in ``invariants.py``. The run prints what was done and what came of it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from proof.invariants import Invariants
from proof.rig import SOON_STALE, Rig, opened

from sleeptui.core.errors import NotAllowed
from sleeptui.core.lifecycle import refusal
from sleeptui.core.model import SleepLevel, SleepMode
from sleeptui.core.settings import Timeouts
from sleeptui.sim.faults import Fault
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start

EXAMPLES, LENGTH = 8, 60
ORDERED, CARRIED_OUT = 200, 150
"""Orders that are given, and those of them that are not refused, at least."""
SPEED = 40.0
HASTY = Timeouts(
    connect_s=0.5,
    probe_s=0.5,
    sleep_s=1.0,
    wake_s=1.0,
    drain_s=0.4,
    prompt_s=1.0,
    canary_s=0.5,
    settle_s=0.4,
)
LONGEST_S = 15.0
"""Any operation ends by then: more than the sum of its bounds, on a busy machine."""


def _engine(name: str, gpu: int, version: str, start: Start) -> EngineSpec:
    """Two of these do not fit on one card."""
    return EngineSpec(
        name=name,
        root=f"acme/{name}-3b",
        params_b=3.0,
        gpus=(gpu,),
        gpu_memory_utilization=0.55,
        version=version,
        start=start,
        slept_before=True,
    )


SCENARIO = Scenario(
    name="random",
    title="",
    description="",
    gpus=(GpuSpec(), GpuSpec()),
    engines=(
        _engine("a", 0, "0.25.1", Start.AWAKE),
        _engine("b", 0, "0.32.0", Start.LEVEL_1),
        _engine("c", 1, "0.32.0", Start.AWAKE),
        _engine("d", 1, "0.31.0", Start.LEVEL_2),
    ),
)
GPUS = {engine.name: engine.gpus[0] for engine in SCENARIO.engines}
OUTSIDE = (
    "/sleep?level=1",
    "/sleep?level=2",
    "/sleep?level=1&mode=keep",
    "/wake_up",
    "/wake_up",
    "/wake_up?tags=weights",
    "/wake_up?tags=kv_cache",
    "/pause?mode=keep",
    "/resume",
)
FAULTS = (
    (Fault.OOM, {}),
    (Fault.GARBAGE, {}),
    (Fault.GARBAGE, {}),
    (Fault.WEDGE, {}),
    (Fault.MUTE, {}),
    (Fault.KEEPS_MEMORY, {}),
    (Fault.SLOW, {"seconds": 2.0}),
    (Fault.ERROR, {}),
    (Fault.LOSE, {"every": 4}),
    (Fault.DEATH, {}),
    (Fault.RESTART, {"seconds": 4.0}),
)
ORDERS = (
    "sleep",
    "sleep",
    "wake",
    "wake",
    "wake",
    "switch",
    "switch",
    "verify",
    "cancel",
    "prompt",
)
LEVELS = (1, 1, 1, 2, 2, 0)
MODES = (None, *SleepMode)
Action = tuple[str, tuple[object, ...]]
_names = st.sampled_from(sorted(GPUS))


def _action(what: str, *fields: st.SearchStrategy) -> st.SearchStrategy[Action]:
    return st.tuples(st.just(what), st.tuples(*fields))


_order = _action(
    "order",
    *map(st.sampled_from, (ORDERS, range(12), LEVELS, MODES)),
    st.sampled_from((20, 10, 3, 0)),
)
_KINDS = {
    "order": _order,
    "somebody": _action("somebody", _names, st.sampled_from(OUTSIDE)),
    "stream": _action("stream", _names),
    "fault": _action("fault", _names, st.sampled_from(FAULTS)),
    "mend": _action("mend", _names),
    "rest": _action("rest"),
}
_WEIGHTS = {"order": 12, "somebody": 2, "stream": 1, "fault": 1, "mend": 2, "rest": 1}
ACTIONS = st.sampled_from([kind for kind, times in _WEIGHTS.items() for _ in range(times)]).flatmap(
    _KINDS.__getitem__
)


class Play:
    """One fleet, and what is done to it."""

    def __init__(self, rig: Rig, tally: Counter[str]) -> None:
        self._rig = rig
        self._tally = tally
        self.seen = Invariants(rig, GPUS, rig.fleet.machine)

    async def act(self, action: Action) -> None:
        """Do one action; then nothing may be broken."""
        what, fields = action
        await getattr(self, what)(*fields)
        self.seen.hold()

    async def order(
        self, what: str, pick: int, level: int, mode: SleepMode | None, then: int
    ) -> None:
        """An order, mostly for a server that takes it; so many events later comes the next."""
        if pick < 10:
            what, names = self._taken(what)
        else:
            names = sorted(GPUS)
        orders, name = self._rig.services.operations, names[pick % len(names)]
        give: dict[str, Callable[[], object]] = {
            "sleep": lambda: orders.sleep(name, level=SleepLevel(level), mode=mode),
            "wake": lambda: orders.wake(name, force=pick % 3 == 0),
            "switch": lambda: orders.switch(name, force=pick % 4 == 0),
            "verify": lambda: orders.verify(name),
            "cancel": lambda: orders.cancel(name),
            "prompt": lambda: orders.prompt(
                name, "Hello", max_tokens=20 * pick + 1, on_token=lambda _: None
            ),
        }
        try:
            give[what]()
            self._tally[f"order {what}"] += 1
        except NotAllowed as refused:
            assert str(refused)
            self._tally[f"refused {what}"] += 1
        until = len(self._rig.events) + then
        await self._rig.until(lambda: len(self._rig.events) >= until)

    def _taken(self, what: str) -> tuple[str, list[str]]:
        """The order, or the next one in the table that a server takes now, and those servers."""
        first = ORDERS.index(what)
        for each in (*ORDERS[first:], *ORDERS[:first]):
            views = [self._rig.view(name) for name in sorted(GPUS)]
            takes = [
                view.name
                for view in views
                if view.operation is None and refusal(f"server.{each}", view) is None
            ]
            if takes and each != "cancel":
                return each, takes
        return what, sorted(GPUS)

    async def somebody(self, name: str, path: str) -> None:
        """Somebody else acts, and a look sees what came of it.

        A cycle between two looks could not be seen where the version counts no operations.
        """
        self._tally[f"somebody {path.split('?', maxsplit=1)[0]}"] += 1
        self.seen.acting[name] += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._rig.somebody(name, path)
        finally:
            self.seen.acting[name] -= 1
        await self.seen.compare(name)

    async def stream(self, name: str) -> None:
        """Somebody else sends a prompt."""
        self._tally["somebody /v1/completions"] += 1
        self._rig.stream(name, 300)

    async def fault(self, name: str, fault: tuple[Fault, dict[str, object]]) -> None:
        """Something goes wrong."""
        self._tally[f"fault {fault[0].value}"] += 1
        await self._rig.fault(name, fault[0], **fault[1])

    async def mend(self, name: str) -> None:
        """All faults of a server are switched off; a dead one comes back soon."""
        await self._rig.clear(name)
        if (await self._rig.truth(name))["phase"] != "up":
            await self._rig.fault(name, Fault.RESTART, seconds=4.0)

    async def rest(self) -> None:
        """All operations end, each within its bounds; then the pictures are true."""
        busy = self._rig.services.operations
        await self._rig.until(lambda: not busy.busy, "all operations end")
        for name in GPUS:
            await self.seen.compare(name)
        self._tally["compared"] += 1


async def play(actions: list[Action], tally: Counter[str]) -> None:
    """Live through the actions, and close with whatever runs then."""
    async with opened(SCENARIO, speed=SPEED, settings=SOON_STALE, timeouts=HASTY) as rig:
        played = Play(rig, tally)
        for action in actions:
            await played.act(action)
    played.seen.hold()
    played.seen.all_ended()
    left = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(" of " in name or name.startswith("watch ") for name in left), left
    for record in rig.ended():
        assert record.duration_s < LONGEST_S, record
        tally[f"-> {record.kind.value} {record.outcome.value}"] += 1


def test_200_random_operations() -> None:
    tally: Counter[str] = Counter()

    # It runs in real time: the same actions need not fail again, so nothing is shrunk.
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(ACTIONS, min_size=LENGTH, max_size=LENGTH))
    def live_through(actions: list[Action]) -> None:
        asyncio.run(play(actions, tally))

    live_through()
    print(*(f"{count:5} {what}" for what, count in sorted(tally.items())), sep="\n")
    carried_out = sum(count for what, count in tally.items() if what.startswith("order "))
    refused = sum(count for what, count in tally.items() if what.startswith("refused "))
    assert carried_out + refused >= ORDERED
    assert carried_out >= CARRIED_OUT
