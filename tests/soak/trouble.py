"""What goes wrong during a soak: all faults of the simulation, drawn from a seed."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from support.sim_process import SimProcess

from sleeptui.sim.faults import Fault
from tests.soak.fleet import GPUS, PLACES

Setting = tuple[str, dict[str, Any]]
_GIB = 1 << 30
_FAULTS: tuple[Setting, ...] = (
    (Fault.HANG, {}),
    (Fault.HANG, {"paths": ["/sleep", "/wake_up"]}),
    (Fault.SLOW, {"seconds": 1.5}),
    (Fault.REFUSE, {}),
    (Fault.ERROR, {"status": 500}),
    (Fault.ERROR, {"status": 404, "paths": ["/metrics"]}),
    (Fault.OOM, {}),
    (Fault.WEDGE, {}),
    (Fault.GARBAGE, {}),
    (Fault.MUTE, {}),
    (Fault.LOSE, {"every": 3}),
    (Fault.SLOWER, {"factor": 3.0}),
    (Fault.LEAK, {"bytes": 200 << 20}),
    (Fault.KEEPS_MEMORY, {}),
    (Fault.DEATH, {}),
    (Fault.BROKEN_METRICS, {}),
    (Fault.HUGE_METRICS, {"bytes": 20_000_000}),
    *[(Fault.RESTART, {"seconds": 2.0})] * 3,
    (Fault.HTML, {}),
    (Fault.HALF_JSON, {}),
)
_SHARED: tuple[Setting, ...] = (
    ("gpu lost", {"problem": "GPU is lost"}),
    ("gpu taken", {"other_bytes": 40 * _GIB}),
    ("nvml lost", {"problem": "Driver/library version mismatch"}),
)
"""Troubles of a GPU or of all of them."""
_SHARED_SHARE = 0.1
_PAUSE_S = (1.0, 4.0)
_LASTS_S = (3.0, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A trouble that begins or ends."""

    at_s: float
    """After the begin of the soak."""
    what: str
    where: str
    """Name of a server, or index of a GPU."""
    setting: dict[str, Any] | None
    """None: it ends."""

    def __str__(self) -> str:
        what = f"{self.what} {self.setting}" if self.setting is not None else f"no {self.what}"
        return f"{self.at_s:8.2f} {self.where} {what}"


def turns(seed: str, seconds: float) -> list[Turn]:
    """All troubles of a soak in the order of their time; the same for a seed."""
    return sorted(_drawn(random.Random(f"trouble-{seed}"), seconds), key=lambda turn: turn.at_s)


def _drawn(rng: random.Random, seconds: float) -> Iterator[Turn]:
    at_s = 0.0
    while (at_s := at_s + rng.uniform(*_PAUSE_S)) < seconds:
        if rng.random() < _SHARED_SHARE:
            (what, setting), where = rng.choice(_SHARED), str(rng.randrange(GPUS))
        else:
            (what, setting), where = rng.choice(_FAULTS), rng.choice(sorted(PLACES))
        yield Turn(at_s=at_s, what=what, where=where, setting=setting)
        yield Turn(at_s=at_s + rng.uniform(*_LASTS_S), what=what, where=where, setting=None)


class Troubles:
    """Lets the troubles of one fleet happen when they are due."""

    def __init__(self, simulation: SimProcess, planned: Sequence[Turn]) -> None:
        self._simulation = simulation
        self._planned = list(reversed(planned))
        self.switched: Counter[str] = Counter()
        """How often each has begun."""

    def follow(self, now_s: float) -> None:
        """All that is due by now."""
        while self._planned and self._planned[-1].at_s <= now_s:
            self._make(self._planned.pop())

    def end(self) -> None:
        """Nothing is wrong any more."""
        self._planned.clear()
        for name in PLACES:
            self._simulation.clear(name)
        for index in range(GPUS):
            self._simulation.gpu(index, problem=None, other_bytes=0)
        self._simulation.nvml(None)

    def _make(self, turn: Turn) -> None:
        is_on = turn.setting is not None
        if is_on:
            self.switched[turn.what] += 1
        match turn.what:
            case "gpu lost":
                self._simulation.gpu(int(turn.where), **(turn.setting or {"problem": None}))
            case "gpu taken":
                self._simulation.gpu(int(turn.where), **(turn.setting or {"other_bytes": 0}))
            case "nvml lost":
                self._simulation.nvml(turn.setting["problem"] if turn.setting else None)
            case fault if turn.setting is not None:
                self._simulation.fault(turn.where, fault=fault, **turn.setting)
            case fault:
                # What is dead starts again where all faults are switched off.
                one = None if fault in (Fault.DEATH, Fault.RESTART) else fault
                self._simulation.clear(turn.where, one)
