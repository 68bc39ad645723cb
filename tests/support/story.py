"""What happened to a fleet, told to the store a moment at a time."""

from sleeptui.core.events import (
    FactsLearned,
    GpuSampled,
    HomeFound,
    OperationEnded,
    OperationQueued,
    OperationStarted,
    ServerAdded,
    StateObserved,
)
from sleeptui.core.fleet import FleetStore
from sleeptui.core.home import Home
from sleeptui.core.model import (
    Control,
    EngineMetrics,
    GpuProcess,
    GpuReading,
    GpuSample,
    Observation,
    Reach,
    ServerFacts,
    SleepMetric,
)
from sleeptui.core.operation import Operation, OperationRecord, Outcome, Phase
from sleeptui.core.settings import ServerSpec, Settings

GIB = 1 << 30


class Story:
    """Tells the store what happened, a moment at a time."""

    def __init__(self, *names, settings=None):
        self.store = FleetStore(settings or Settings())
        self.now_s = 100.0
        for name in names or ("a",):
            self.store.apply(
                ServerAdded(at_s=self.now_s, spec=ServerSpec(name=name, url="http://127.0.0.1:1"))
            )
            self.store.apply(
                FactsLearned(
                    at_s=self.now_s,
                    server=name,
                    facts=ServerFacts(version="0.25.1", sleep_enabled=True),
                )
            )

    def wait(self, seconds):
        self.now_s += seconds
        return self

    def look(
        self,
        *,
        server="a",
        sleeping=False,
        reach=Reach.ANSWERED,
        load=None,
        problem=None,
        **metrics,
    ):
        default = SleepMetric.OFFLOADED if sleeping else SleepMetric.AWAKE
        page = EngineMetrics(**({"sleep_metric": default} | metrics))
        answered = reach is Reach.ANSWERED
        seen = Observation(
            at_s=self.now_s,
            took_s=0.01,
            reach=reach,
            control=Control.AVAILABLE,
            is_sleeping=sleeping if answered else None,
            metrics=page if answered and problem is None else None,
            load=load,
            problem=problem,
        )
        self.store.apply(StateObserved(at_s=self.now_s, server=server, observation=seen))
        return self.view(server)

    def gpu(self, used, *processes, problem=None, listed=True, taken_s=None):
        sample = GpuSample(
            index=0,
            name="H200",
            total_bytes=140 * GIB,
            used_bytes=int(used * GIB),
            processes=tuple(
                GpuProcess(pid=pid, used_bytes=None if gib is None else int(gib * GIB))
                for pid, gib in processes
            )
            if listed
            else None,
            problem=problem,
        )
        at_s = self.now_s if taken_s is None else taken_s
        self.store.apply(GpuSampled(at_s=at_s, reading=GpuReading(at_s=at_s, gpus=(sample,))))
        return self.store.view

    def at_home(self, *pids, server="a"):
        self.store.apply(HomeFound(at_s=self.now_s, server=server, home=Home(pids=frozenset(pids))))

    def start(self, kind, *, id_=1, server="a", phase=Phase.CALLING, level=None):
        operation = Operation(
            id=id_, kind=kind, server=server, began_s=self.now_s, phase=phase, level=level
        )
        event = OperationQueued if phase is Phase.QUEUED else OperationStarted
        self.store.apply(event(at_s=self.now_s, operation=operation))
        return self.view(server)

    def end(self, kind, outcome=Outcome.DONE, *, id_=1, server="a", **fields):
        record = OperationRecord(
            id=id_,
            kind=kind,
            server=server,
            began_s=self.now_s - 1,
            **({"duration_s": 1.0, "outcome": outcome} | fields),
        )
        self.store.apply(OperationEnded(at_s=self.now_s, record=record))
        return self.view(server)

    def view(self, server="a"):
        return self.store.view.server(server)

    def log(self):
        return [(entry.server, entry.text) for entry in self.store.view.log]
