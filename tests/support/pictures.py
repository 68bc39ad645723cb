"""Pictures of whole fleets for tests, snapshots and the performance measurement.

All are of one moment, ``NOW_S``, and the same on every run.
"""

import math
from dataclasses import replace

from support.builders import (
    answer,
    facts,
    fleet,
    gpu,
    home,
    metrics,
    reference,
    server,
    spec,
    verification,
)

from sleeptui.core.canary import Check, Verification, judge
from sleeptui.core.drift import drifts
from sleeptui.core.learned import Cycle, Learned
from sleeptui.core.model import (
    FleetView,
    GpuMemory,
    GpuSample,
    GpuView,
    HostMemory,
    LogEntry,
    MemorySource,
    ServerView,
    State,
)
from sleeptui.core.operation import (
    Cause,
    Fate,
    InFlight,
    Kind,
    Operation,
    OperationRecord,
    Outcome,
    Part,
    Phase,
)
from sleeptui.core.series import Series
from sleeptui.core.units import GIB, MIB

NOW_S = 5_000.0
WALL_S = 1_790_000_000.0
"""Time of day at ``NOW_S``: a Monday in September 2026."""
_TOTAL = 140 * GIB
HOST = HostMemory(total_bytes=512 * GIB, available_bytes=391 * GIB)


def series(*stretches: tuple[float, float | None], step_s: float = 0.5) -> Series:
    """Values that end now; a stretch is how long, and the value meanwhile (None: unknown)."""
    points = Series()
    at_s = NOW_S - sum(length_s for length_s, _ in stretches)
    for length_s, value in stretches:
        for _ in range(round(length_s / step_s)):
            at_s += step_s
            points.append(at_s, value)
    return points


def wave(low: float, high: float, period_s: float = 60.0, span_s: float = 300.0) -> Series:
    """Whole numbers that go up and down."""
    points = Series()
    for number in range(round(span_s * 2)):
        at_s = NOW_S - span_s + (number + 1) / 2
        share = (1 - math.cos(at_s / period_s * 2 * math.pi)) / 2
        points.append(at_s, round(low + (high - low) * share))
    return points


def _done(kind: Kind, ago_s: float, duration_s: float, **fields: object) -> OperationRecord:
    values = {"outcome": Outcome.DONE, "parts": (Part(name="call", duration_s=duration_s),)}
    return OperationRecord(
        id=round(ago_s),
        kind=kind,
        server=str(fields.pop("server", "qwen")),
        began_s=NOW_S - ago_s,
        duration_s=duration_s,
        **{**values, **fields},  # type: ignore[arg-type]
    )


def _held(used_bytes: float, gpu_index: int = 0, *, measured: bool = True) -> GpuMemory:
    source = MemorySource.MEASURED if measured else MemorySource.ESTIMATED
    return GpuMemory(by_gpu={gpu_index: round(used_bytes)}, source=source)


def asked(*numbers: int, ago_s: float = 94.0, with_reference: bool = True) -> Verification:
    """A canary that was answered with these tokens, or with those of the reference."""
    before = reference(taken_wall_s=WALL_S - 4_000.0) if with_reference else None
    return Verification(
        at_s=NOW_S - ago_s,
        verdict=judge(answer(*numbers), before),
        took_s=0.11,
        first_token_s=0.052,
        reference_wall_s=before.taken_wall_s if before else None,
    )


def slept(*residuals_gib: float, level: int = 1) -> Learned:
    """A server that slept so often in this life, and kept so much each time."""
    return Learned(
        awake_by_gpu={0: round(85.3 * GIB)},
        cycles=tuple(
            Cycle(process_start_s=1_000.0, level=level, residual_bytes=round(each * GIB))
            for each in residuals_gib
        ),
        reference=reference(taken_wall_s=WALL_S - 86_400.0),
    )


def qwen() -> ServerView:
    """Awake and busy, just woken."""
    return server(
        "qwen",
        spec=spec("qwen", container="vllm-qwen"),
        since_s=NOW_S - 95,
        verification=asked(),
        facts=facts("0.25.1", models=("Qwen/Qwen2.5-7B-Instruct",)),
        home=home(4711, 4712, 4713, container="vllm-qwen", container_state="running",
                  host_bytes=19 * GIB),
        seen_at_s=NOW_S,
        metrics=metrics(running=6, waiting=2, kv_usage=0.43, generation_tokens_total=81_200.0),
        tokens_per_s=412.0,
        last_ttft_s=0.041,
        memory=_held(85.3 * GIB),
        residual_bytes=round(2.3 * GIB),
        history=(
            _done(Kind.PROMPT, 60, 0.82, first_token_s=0.041, tokens_per_s=108.0),
            _done(Kind.WAKE, 95, 0.53, level=1, first_token_s=0.61, verification=asked(),
                  residual_bytes=round(2.3 * GIB), message="qwen is awake and verified",
                  known=("/is_sleeping: false, engine_sleep_state: awake",
                         "GPU memory 2.3 GiB → 85.3 GiB, settled after 0.05 s",
                         "canary: the same 16 tokens as before")),
            _done(Kind.SLEEP, 200, 0.33, level=1, freed_bytes=round(83 * GIB),
                  residual_bytes=round(2.3 * GIB)),
        ),
        evidence=(
            "/is_sleeping says false",
            "vllm:engine_sleep_state says awake",
            "holds 85.3 GiB of GPU memory (NVML, 3 processes)",
        ),
        cycles=4,
        learned=slept(2.3, 2.3, 2.31, 2.3),
        memory_series=series((100, 85.3 * GIB), (105, 2.3 * GIB), (95, 85.3 * GIB)),
        running_series=wave(2, 8),
        waiting_series=wave(0, 3, 45),
    )  # fmt: skip


def llama() -> ServerView:
    """Asleep at level 1, with parked requests."""
    return server(
        "llama",
        State.ASLEEP,
        spec=spec("llama", url="http://127.0.0.1:8002"),
        level=1,
        since_s=NOW_S - 96,
        facts=facts("0.25.1", models=("meta-llama/Llama-3.1-8B-Instruct",)),
        home=home(4811),
        seen_at_s=NOW_S,
        metrics=metrics(running=8, waiting=0, kv_usage=0.12, sleep="weights_offloaded"),
        queue_frozen=True,
        parked=3,
        memory=_held(1.6 * GIB),
        residual_bytes=round(1.6 * GIB),
        history=(
            _done(Kind.SLEEP, 96, 0.31, server="llama", level=1, freed_bytes=round(84 * GIB),
                  residual_bytes=round(1.6 * GIB), mode="keep",
                  in_flight=InFlight(running=6, waiting=2, ours={Fate.FROZEN: 2}),
                  message="llama is asleep at level 1, freed 84.0 GiB",
                  known=("/is_sleeping: true, the metric confirms level 1",
                         "GPU memory 85.6 GiB → 1.6 GiB, settled after 0.05 s")),
        ),
        evidence=("/is_sleeping says true", "vllm:engine_sleep_state says weights_offloaded"),
        cycles=3,
        learned=slept(1.6, 1.6, 1.6),
        memory_series=series((204, 85.6 * GIB), (96, 1.6 * GIB)),
        running_series=series((204, 5), (96, 8)),
        waiting_series=series((300, 0)),
    )  # fmt: skip


def coder() -> ServerView:
    """Asleep at level 2; its memory is an estimate."""
    return server(
        "coder",
        State.ASLEEP,
        spec=spec("coder", url="http://127.0.0.1:8003", level=2),
        level=2,
        since_s=NOW_S - 700,
        facts=facts("0.25.1", models=("Qwen/Qwen2.5-Coder-1.5B-Instruct",)),
        seen_at_s=NOW_S,
        metrics=metrics(sleep="discard_all"),
        memory=_held(0.9 * GIB, measured=False),
        history=(_done(Kind.SLEEP, 700, 0.09, server="coder", level=2),),
        cycles=1,
        memory_series=series((300, 0.9 * GIB)),
        running_series=series((300, 0)),
        waiting_series=series((300, 0)),
    )


def one_gpu(holders: tuple[ServerView, ...], index: int = 0, other: int = 600 * MIB) -> GpuView:
    """A GPU with the memory that those servers hold on it, and others'."""
    held = [(each.name, each.memory.by_gpu.get(index, 0), each.memory.source)
            for each in holders if each.memory is not None]  # fmt: skip
    used = sum(size for _, size, _ in held) + other
    return GpuView(
        sample=gpu(index, used, utilization=0.86, power_w=412.0, temperature_c=54.0),
        holders=tuple(item for item in held if item[1]),
        other_bytes=other,
        used_series=series((60, 87 * GIB), (5, 4 * GIB), (55, used)),
    )


def _log() -> tuple[LogEntry, ...]:
    said = (
        (720, "coder", "good", "asleep at level 2 in 90 ms, freed 41.2 GiB"),
        (300, "qwen", "info", "watched at http://127.0.0.1:8001, vLLM 0.25.1"),
        (200, "qwen", "good", "asleep at level 1 in 0.33 s, freed 83.0 GiB, holds 2.3 GiB"),
        (150, None, "warning", "no Docker: permission denied on /var/run/docker.sock"),
        (96, "llama", "good", "asleep at level 1 in 0.31 s, freed 84.0 GiB, holds 1.6 GiB"),
        (95, "qwen", "good", "awake in 0.53 s, 85.3 GiB"),
        (60, "qwen", "info", "first token after 41 ms, 108 tokens/s, stop"),
    )
    return tuple(
        LogEntry(at_s=NOW_S - ago_s, server=name, severity=severity, text=text)
        for ago_s, name, severity, text in said
    )


def calm() -> FleetView:
    """Three models on one GPU: one awake, two asleep."""
    servers = (qwen(), llama(), coder())
    return fleet(servers, (one_gpu(servers),), at_s=NOW_S, log=_log(), host=HOST)


def busy() -> FleetView:
    """A switch is under way: one falls asleep, one waits for it, eight models on two GPUs."""
    falling = replace(
        qwen(),
        state=State.FALLING_ASLEEP,
        operation=Operation(
            id=9, kind=Kind.SLEEP, server="qwen", began_s=NOW_S - 0.4, phase=Phase.CALLING, level=1
        ),
        expected_s=0.33,
        since_s=NOW_S - 0.4,
    )
    queued = replace(
        llama(),
        operation=Operation(
            id=10,
            kind=Kind.WAKE,
            server="llama",
            began_s=NOW_S - 0.2,
            note="waits for the sleep of qwen on GPU 0",
        ),
    )
    waking = server(
        "mistral",
        State.WAKING,
        facts=facts(models=("mistralai/Mistral-7B-Instruct-v0.3",)),
        operation=Operation(id=11, kind=Kind.WAKE, server="mistral", began_s=NOW_S - 12.4,
                            phase=Phase.RELOADING),
        memory=_held(17 * GIB, 1),
        memory_series=series((112, 1.1 * GIB), (8, 17 * GIB)),
    )  # fmt: skip
    starting = server("gemma", State.STARTING, metrics=None, since_s=NOW_S - 74)
    others = tuple(
        server(
            name,
            state,
            level=1,
            memory=_held(size * GIB, 1),
            tokens_per_s=rate,
            cycles=2,
            memory_series=series((120, size * GIB)),
        )
        for name, state, size, rate in (
            ("phi", State.AWAKE, 31.0, 1_840.0),
            ("granite", State.ASLEEP, 1.2, None),
            (
                "olmo-with-a-name-that-is-too-long-for-any-column-2024-11-07",
                State.ASLEEP,
                0.8,
                None,
            ),
        )
    )
    servers = (falling, queued, coder(), waking, starting, *others)
    gpus = (one_gpu(servers[:3]), one_gpu(servers[3:], 1, 2 * GIB))
    return fleet(servers, gpus, at_s=NOW_S, log=_log(), host=HOST)


def proof() -> FleetView:
    """What the canary and many cycles tell: garbage, silence, a stranger's wake, a leak."""
    garbage = server(
        "garbage",
        State.SUSPECT,
        spec=spec("garbage", level=2),
        since_s=NOW_S - 12,
        verification=asked(99, 98, 97, ago_s=12),
        reason="it decodes, but another answer from the first token on: garbage",
        advice="w reads its weights again; if that does not help, restart it",
        memory=_held(41 * GIB),
        learned=slept(0.9, level=2),
        history=(
            _done(Kind.WAKE, 13, 0.34, server="garbage", level=2, outcome=Outcome.SUSPECT,
                  cause=Cause.GARBAGE, first_token_s=0.4, verification=asked(99, 98, 97, ago_s=12),
                  message="garbage says that it is awake, and answers garbage",
                  known=("/is_sleeping: false", "canary, asked twice: another answer"),
                  hint="w reads its weights again; if that does not help, restart it",
                  is_forced=True),
            _done(Kind.SLEEP, 80, 0.09, server="garbage", level=2, outcome=Outcome.FAILED,
                  message="the request was refused", hint="try again"),
        ),
    )  # fmt: skip
    outside = server(
        "outside",
        since_s=NOW_S - 30,
        check_due=True,
        reason="somebody else woke it from level 2: its answers are garbage unless its weights"
        " were read again",
        advice="v verifies it",
        memory=_held(20 * GIB),
    )
    leaking = server(
        "leaking",
        State.ASLEEP,
        level=1,
        since_s=NOW_S - 9,
        memory=_held(3.9 * GIB),
        residual_bytes=round(3.9 * GIB),
        cycles=12,
        learned=(told := slept(*(1.9 + 0.18 * number for number in range(12)))),
        drift=drifts(told.cycles),
    )
    locked = server(
        "locked",
        State.NO_CONTROL,
        reason="/is_sleeping answers 404",
        advice="start it with VLLM_SERVER_DEV_MODE=1",
        verification=asked(with_reference=False, ago_s=40),
    )
    servers = (garbage, outside, leaking, locked)
    return fleet(servers, (one_gpu(servers),), at_s=NOW_S, log=_log(), host=HOST)


def waiting() -> FleetView:
    """A queue: three wait behind a sleep on one GPU."""
    notes = ("waits for sleep of qwen on GPU 0", "waits for wake of llama on GPU 0",
             "waits for wake of coder on GPU 0")  # fmt: skip
    kinds = (Kind.WAKE, Kind.WAKE, Kind.SLEEP)
    falling = replace(
        qwen(),
        state=State.DRAINING,
        since_s=NOW_S - 4.2,
        operation=Operation(id=9, kind=Kind.SLEEP, server="qwen", began_s=NOW_S - 4.2,
                            phase=Phase.DRAINING, level=1),
    )  # fmt: skip
    phi = server("phi", memory=_held(31 * GIB), tokens_per_s=90.0)
    queue = [
        replace(each, operation=Operation(id=10 + number, kind=kind, server=each.name,
                                          began_s=NOW_S - 4 + number, note=note))
        for number, (each, kind, note) in enumerate(
            zip((llama(), coder(), phi), kinds, notes, strict=True))
    ]  # fmt: skip
    servers = (falling, *queue)
    return fleet(servers, (one_gpu(servers),), at_s=NOW_S, log=_log(), host=HOST)


_WHY = {
    State.SUSPECT: ("said asleep, freed 0 MiB of 41.2 GiB", "start it with --enable-sleep-mode"),
    State.WEDGED: ("the wake failed: CUDA error: invalid argument", "restart the server"),
    State.NO_CONTROL: ("/is_sleeping answers 404", "start it with VLLM_SERVER_DEV_MODE=1"),
    State.DOWN: ("nothing listens on 127.0.0.1:8001", "is its container up?"),
    State.STALE: ("no answer in 2 s", "it may be busy, wait"),
    State.PARTIAL: ("weights are back, the KV cache is not", "wake it again"),
}


def all_states() -> FleetView:
    """A server in each state, and each kind of end of an operation."""
    servers = []
    ends = list(Outcome)
    for number, state in enumerate(State):
        reason, advice = _WHY.get(state, ("", ""))
        outcome = ends[number % len(ends)]
        servers.append(
            server(
                state.value.replace(" ", "-"),
                state,
                since_s=NOW_S - 7.25 * (number + 1),
                level=1 if state is State.ASLEEP else None,
                verification=verification(list(Check)[number % 3]),
                reason=reason,
                advice=advice,
                before_stale=State.AWAKE if state is State.STALE else None,
                seen_at_s=NOW_S - 12,
                memory=_held(number * GIB) if number % 4 else None,
                history=(
                    _done(Kind.WAKE, 40, 0.5, outcome=outcome, message="What is true now.",
                          hint="What to do next."),
                ),
            )
        )  # fmt: skip
    lost = GpuView(sample=GpuSample(index=1, name="NVIDIA H200", problem="GPU is lost"))
    return fleet(servers, (one_gpu(tuple(servers[:6])), lost), at_s=NOW_S, log=_log())


def many(count: int = 64, gpus: int = 8, *, at_s: float = NOW_S) -> FleetView:
    """Many models on many GPUs: one in eight awake."""
    servers = tuple(
        server(
            f"model-{number:02}",
            State.AWAKE if number % 8 == 0 else State.ASLEEP,
            level=None if number % 8 == 0 else 1,
            since_s=at_s - 30 - number,
            metrics=metrics(running=number % 7, waiting=number % 3, kv_usage=number / 70),
            queue_frozen=number % 8 != 0,
            tokens_per_s=40.0 * (number % 9) if number % 8 == 0 else None,
            memory=_held((70 if number % 8 == 0 else 1.5) * GIB, number // 8 % gpus),
            memory_series=series((120, (70 if number % 8 == 0 else 1.5) * GIB)),
            cycles=number,
        )
        for number in range(count)
    )
    views = tuple(
        one_gpu(servers[index * count // gpus : (index + 1) * count // gpus], index)
        for index in range(gpus)
    )
    return fleet(servers, views, at_s=at_s, log=_log())


def empty(*, looking: bool = False) -> FleetView:
    """Nothing is watched; discovery has looked around."""
    notes = (
        "no Docker: nothing listens on /var/run/docker.sock",
        "process 4711 (python) listens on port 8001 and answers, but is not vLLM: HTML",
        "ports 8000 to 8010: nothing else listens",
    )
    return fleet(at_s=NOW_S, gpu_problem="No NVML: libnvidia-ml.so.1 is not installed",
                 notes=() if looking else notes, looking=looking)  # fmt: skip


def hostile() -> FleetView:
    """Names with escape sequences, markup, wide characters and no end."""
    names = (
        "\x1b[31mred\x1b[0m",
        "[bold]not bold[/bold]",
        "模型-千问-二点五-七十亿-指令微调-版本",
        "x" * 200,
        "tab\tand\nline\x07",
    )
    servers = tuple(
        server(
            name,
            reason="\x1b]0;title\x07because [red]",
            state=State.SUSPECT,
            facts=facts(models=(name,)),
            memory=_held(20 * GIB),
        )
        for name in names
    )
    return fleet(servers, (one_gpu(servers),), at_s=NOW_S, log=_log())
