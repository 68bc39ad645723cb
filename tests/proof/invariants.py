"""What must hold whatever is done to a fleet: checked on every event, and against the simulation.

The picture cannot be younger than the last look. So it is compared with the simulation only after
a full look that began after the truth was read, and only if the truth is still the same after it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from proof.rig import Rig

from sleeptui.core.canary import Check
from sleeptui.core.events import Event, OperationEnded, OperationQueued, OperationStarted
from sleeptui.core.lifecycle import TRANSITIONS
from sleeptui.core.model import State
from sleeptui.core.operation import Cause, Kind, Operation, OperationRecord, Outcome

_SLEEPS = {State.AWAKE: [], State.ASLEEP: ["kv_cache", "weights"]}
"""What sleeps in a server that is shown so."""
_ROUNDS = 4
_MOVES = frozenset({Kind.SLEEP, Kind.WAKE})


class Invariants:
    """Follows one rig from its beginning."""

    def __init__(self, rig: Rig, gpus: Mapping[str, int], machine: Any) -> None:
        self._rig = rig
        self._gpus = gpus
        self._machine = machine
        self._running: dict[int, Operation] = {}
        self._begun: set[int] = set()
        self._ended: Counter[int] = Counter()
        self.acting: Counter[str] = Counter()
        """Requests of somebody else that are with a server."""
        self.broken: list[str] = []
        rig.services.bus.subscribe(self._follow)

    # --- on every event -----------------------------------------------------------------------

    def _follow(self, event: Event) -> None:
        match event:
            case OperationQueued(operation=operation):
                self._begun.add(operation.id)
            case OperationStarted(operation=operation):
                self._begun.add(operation.id)
                self._starts(operation)
            case OperationEnded(record=record):
                self._running.pop(record.id, None)
                self._ended[record.id] += 1
                self.broken += _flaws(record)
            case _:
                pass
        self._see_transitions()

    def _starts(self, operation: Operation) -> None:
        """No other transition runs on its GPU, but the switch that it belongs to."""
        if operation.kind in TRANSITIONS:
            mine = self._gpus[operation.server]
            for other in self._running.values():
                if self._gpus[other.server] == mine and other.id != operation.parent:
                    self.broken.append(f"{operation} began while this ran: {other}")
            self._running[operation.id] = operation

    def _see_transitions(self) -> None:
        """The simulated engines of one GPU do not move at once, but where somebody else acts."""
        moving = [
            state["name"]
            for host in self._machine.hosts.values()
            if (state := host.state())["busy"]
        ]
        ours = [name for name in moving if not self.acting[name] and not self._is_left(name)]
        for name in ours:
            for other in ours:
                if name < other and self._gpus[name] == self._gpus[other]:
                    self.broken.append(f"the engines of {name} and {other} move at once")

    def _is_left(self, name: str) -> bool:
        """A request of ours got no answer: it may take effect at any time."""
        history = self._rig.view(name).history
        return any(
            record.cause in (Cause.NO_ANSWER, Cause.NO_WEIGHTS, Cause.STOPPED_MIDWAY)
            for record in history
            if record.kind in _MOVES
        )

    # --- between two actions --------------------------------------------------------------------

    async def compare(self, name: str) -> None:
        """The picture of a server against what it is really in.

        What its memory tells is known after a reading between two looks: up to three are made.
        """
        for _ in range(_ROUNDS):
            before = self._machine.host(name).state()
            await self._rig.look(name)
            view, after = self._rig.view(name), self._machine.host(name).state()
            if before != after or after["phase"] != "up" or view.operation is not None:
                return
            if not after["weights_ok"] and view.state is State.AWAKE:
                said = f"{name} is shown awake and verified, its weights are garbage"
                assert view.check is not Check.VERIFIED, f"{said}\n{self._rig.says(name)}"
            if after["faults"] or self.acting[name] or _is_true(view.state, after["asleep"]):
                return
            await self._rig.services.supervisor.sample_gpus()
        raise AssertionError(f"{after}\n{self._rig.says(name)}")

    def hold(self) -> None:
        """Nothing has been broken so far."""
        assert not self.broken, "\n".join(self.broken)

    def all_ended(self) -> None:
        """Each operation has ended, once; nobody holds a place in the queue."""
        missing = self._begun - set(self._ended)
        assert not missing, f"without an end: {missing}"
        assert set(self._ended.values()) <= {1}, f"ended twice: {self._ended}"
        assert not self._rig.services.operations.busy
        assert not self._rig.services.operations._lanes._claims
        assert all(view.operation is None for view in self._rig.services.store.view.servers)


def _is_true(state: State, asleep: list[str]) -> bool:
    return state not in _SLEEPS or asleep == _SLEEPS[state]


def _flaws(record: OperationRecord) -> list[str]:
    """What a record fails to say."""
    flaws = []
    if not record.message:
        flaws.append(f"no message: {record}")
    if not record.known:
        flaws.append(f"does not say how it is known: {record}")
    if not record.hint and record.outcome not in (Outcome.DONE, Outcome.CANCELLED):
        flaws.append(f"no next step: {record}")
    if record.outcome is Outcome.SUSPECT and record.cause is None and record.kind is Kind.VERIFY:
        flaws.append(f"suspect without a cause: {record}")
    return flaws
