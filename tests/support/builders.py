"""Values for tests, made quickly: what is not said has a sensible default.

Every function takes the fields of the value as keywords, so that a test names what it is about
and nothing else.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

from sleeptui.core.canary import Answer, Check, Reference, Token, Verification, judge
from sleeptui.core.home import Home
from sleeptui.core.model import (
    Control,
    EngineMetrics,
    FleetView,
    GpuMemory,
    GpuProcess,
    GpuReading,
    GpuSample,
    GpuView,
    LogEntry,
    MemorySource,
    Observation,
    Reach,
    ServerFacts,
    ServerView,
    SleepMetric,
    State,
)
from sleeptui.core.operation import Kind, Operation, OperationRecord, Outcome, Part, Phase
from sleeptui.core.settings import Canary, ServerSpec

MIB = 1 << 20
GIB = 1 << 30
_ids = count(1)


def spec(name: str = "qwen", **fields: Any) -> ServerSpec:
    """A server to watch on port 8001 of this machine."""
    return ServerSpec(**{"name": name, "url": "http://127.0.0.1:8001", **fields})


def metrics(
    *, running: int | None = 0, waiting: int | None = 0, sleep: str = "awake", **fields: Any
) -> EngineMetrics:
    """A metrics page; ``sleep``: a value of SleepMetric."""
    values = {"kv_usage": 0.0, "process_start_s": 1_000.0, **fields}
    return EngineMetrics(
        running=running, waiting=waiting, sleep_metric=SleepMetric(sleep), **values
    )


def facts(version: str | None = "0.32.0", **fields: Any) -> ServerFacts:
    """Facts of a server that can do everything."""
    values = {"models": ("qwen",), "sleep_enabled": True, "load_tracking": False, **fields}
    return ServerFacts(version=version, **values)


def seen(
    at_s: float = 0.0, *, sleeping: bool | None = False, sleep: str | None = None, **fields: Any
) -> Observation:
    """A look that was answered: awake, or asleep with the metric ``sleep`` (level 1)."""
    shown = sleep or ("weights_offloaded" if sleeping else "awake")
    values = {
        "reach": Reach.ANSWERED,
        "control": Control.AVAILABLE,
        "took_s": 0.004,
        "is_sleeping": sleeping,
        "is_paused": sleeping,
        "metrics": metrics(sleep=shown),
        **fields,
    }
    return Observation(at_s=at_s, **values)


def unseen(at_s: float = 0.0, reach: Reach = Reach.REFUSED, **fields: Any) -> Observation:
    """A look that got no answer."""
    return Observation(at_s=at_s, took_s=0.001, reach=reach, **fields)


def memory(used_bytes: int = 40 * GIB, *, gpu: int = 0, measured: bool = True) -> GpuMemory:
    """Memory held on one GPU."""
    source = MemorySource.MEASURED if measured else MemorySource.ESTIMATED
    return GpuMemory(by_gpu={gpu: used_bytes}, source=source)


def home(*pids: int, **fields: Any) -> Home:
    """Processes on this machine."""
    return Home(pids=frozenset(pids or (4711,)), **fields)


def server(name: str = "qwen", state: State = State.AWAKE, **fields: Any) -> ServerView:
    """The picture of one server, awake and idle."""
    values = {
        "spec": spec(name),
        "facts": facts(models=(name,)),
        "metrics": metrics(),
        "seen_at_s": 0.0,
        **fields,
    }
    return ServerView(state=state, **values)


def gpu(index: int = 0, used_bytes: int | None = 60 * GIB, **fields: Any) -> GpuSample:
    """One GPU of 140 GiB."""
    values = {
        "name": "NVIDIA H200",
        "total_bytes": 140 * GIB,
        "utilization": 0.0,
        "power_w": 120.0,
        "power_limit_w": 700.0,
        "temperature_c": 41.0,
        **fields,
    }
    return GpuSample(index=index, used_bytes=used_bytes, **values)


def process(pid: int = 4711, used_bytes: int | None = 40 * GIB) -> GpuProcess:
    """A process on a GPU."""
    return GpuProcess(pid=pid, used_bytes=used_bytes)


def reading(*gpus: GpuSample, at_s: float = 0.0, **fields: Any) -> GpuReading:
    """All GPUs at one moment; one, if none is said."""
    return GpuReading(at_s=at_s, gpus=gpus or (gpu(),), **fields)


def gpu_view(index: int = 0, used_bytes: int | None = 60 * GIB, **fields: Any) -> GpuView:
    """One GPU in the picture; ``holders`` and ``other_bytes`` as in GpuView."""
    holders = fields.pop("holders", ())
    other_bytes = fields.pop("other_bytes", None)
    return GpuView(
        sample=gpu(index, used_bytes, **fields), holders=holders, other_bytes=other_bytes
    )


def operation(kind: Kind = Kind.SLEEP, server: str = "qwen", **fields: Any) -> Operation:
    """An operation that runs."""
    values = {"id": next(_ids), "began_s": 0.0, "phase": Phase.CALLING, **fields}
    return Operation(kind=kind, server=server, **values)


def record(kind: Kind = Kind.SLEEP, server: str = "qwen", **fields: Any) -> OperationRecord:
    """An operation that ended well."""
    values = {
        "id": next(_ids),
        "began_s": 0.0,
        "duration_s": 0.3,
        "outcome": Outcome.DONE,
        "parts": (Part(name="call", duration_s=0.3),),
        **fields,
    }
    return OperationRecord(kind=kind, server=server, **values)


def token(number: int, logprob: float | None = -1.0, **fields: Any) -> Token:
    """A token of a canary; its runner-up is far behind."""
    behind = None if logprob is None else logprob - 3
    return Token(
        id=number, **{"text": f" t{number}", "logprob": logprob, "runner_up": behind, **fields}
    )


def answer(*numbers: int, logprob: float | None = -1.0) -> Answer:
    """The tokens of a canary; 1 to 16, if none are said."""
    return tuple(token(number, logprob) for number in numbers or range(1, 17))


def reference(*answers: Answer, **fields: Any) -> Reference:
    """A reference of three equal answers, if none are said."""
    values = {
        "model": "qwen",
        "prompt": Canary().prompt,
        "max_tokens": 16,
        "taken_wall_s": 1_700_000_000.0,
        **fields,
    }
    return Reference(answers=answers or (answer(),) * 3, **values)


def verification(check: Check = Check.VERIFIED, **fields: Any) -> Verification | None:
    """A canary that leads to this badge; None where there was none."""
    if check is Check.UNVERIFIED:
        return None
    good = check is Check.VERIFIED
    verdict = judge(answer() if good else answer(99, 98), reference())
    return Verification(**{"at_s": 0.0, "verdict": verdict, "took_s": 0.08, **fields})


def entry(text: str, *, severity: str = "info", server: str | None = "qwen") -> LogEntry:
    """A line of the event log."""
    return LogEntry(at_s=0.0, server=server, severity=severity, text=text)


def fleet(
    servers: Iterable[ServerView] = (), gpus: Iterable[GpuView] = (), **fields: Any
) -> FleetView:
    """The whole picture, discovery done."""
    return FleetView(servers=tuple(servers), gpus=tuple(gpus), **{"looking": False, **fields})
