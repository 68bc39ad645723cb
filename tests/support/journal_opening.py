"""How the sample journals begin: two servers, their machine, what was read of both."""

from collections.abc import Iterable
from dataclasses import dataclass

from support.journal_story import GIB, WALL_NS, Engine, Teller

from sleeptui.core.environment import Card, Machine
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import Target

RUN_ID = "20261123T093000Z-summarize-code-7f3c"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a sample is like."""

    seed: int = 7
    run_id: str = RUN_ID
    demo: str | None = None
    wakes: float = 1.0
    """Every wake takes that much longer: something to compare with."""
    driver: str = "570.86.15"
    has_env: bool = True
    has_facts: bool = True
    has_gpus: bool = True


def numbered(every: Iterable[Line], first: int = 0) -> list[Line]:
    """The lines with their numbers."""
    taken = list(every)
    for number, line in enumerate(taken, start=first):
        line.n = number
    return taken


def engines() -> tuple[Engine, Engine]:
    """A 7.2B model and one of 1.5B."""
    summarize = Engine(
        name="summarize",
        model="mistral-7b",
        root="mistralai/Mistral-7B-Instruct-v0.3",
        pid=4100,
        port=8001,
        awake_b=84 * GIB,
        residual_b=2_400 << 20,
        weights_b=13_825 << 20,
    )
    code = Engine(
        name="code",
        model="qwen-coder-1.5b",
        root="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        pid=4200,
        port=8002,
        awake_b=42 * GIB,
        residual_b=1_540 << 20,
        weights_b=2_948 << 20,
    )
    return summarize, code


def opening(teller: Teller, sample: Sample, **header: object) -> None:
    """The header, and what is read at first; ``header``: more of its fields."""
    t = teller.now_ns
    targets = tuple(
        Target(name=one.name, url=f"http://127.0.0.1:{one.port}", gpus=(0,), level=level)
        for one, level in zip(teller.engines.values(), (1, 2), strict=True)
    )
    teller.add(
        kinds.Header(
            t=t,
            run_id=sample.run_id,
            wall_ns=WALL_NS,
            boot_id="1f6a4c1e-5f0b-4c36-9d4f-3a3b0f6a7c11",
            tool="sleeptui 0.3.0",
            python="3.11.9",
            demo=sample.demo,
            settings={
                "sampling.interval_s": 0.5,
                "sampling.fast_interval_s": 0.05,
                "recording.gpu_interval_s": 0.1,
                "thresholds.freed_fraction": 0.5,
                "thresholds.residual_bytes": None,
                "timeouts.wake_s": 120.0,
            },
            targets=targets,
            **header,
        )
    )
    machine = Machine(
        host="gpu-7",
        kernel="6.8.0-45-generic",
        cpu="INTEL(R) XEON(R) PLATINUM 8480+",
        cpus=32,
        ram_bytes=503 * GIB,
        huge_pages="madvise",
        boot_id="1f6a4c1e-5f0b-4c36-9d4f-3a3b0f6a7c11",
        driver=sample.driver,
        cuda="12.8",
        cards=tuple(_card(index) for index in range(2)),
        simulated=sample.demo,
    )
    teller.add(kinds.Env(t=t + 200_000_000, env_id="5f7c01d2a9be", machine=machine))
    for one, target in zip(teller.engines.values(), targets, strict=True):
        teller.add(kinds.Server(t=t + 1000, s=one.name, target=target))
    teller.add(kinds.Found(t=t + 300_000_000, notes=("2 servers from the configuration",)))


def _card(index: int) -> Card:
    return Card(
        index=index,
        name="NVIDIA H200",
        uuid=f"GPU-0000000{index}-aaaa-bbbb-cccc-ddddeeeeffff",
        total_bytes=143_771 << 20,
        pcie_gen=5,
        pcie_gen_max=5,
        pcie_width=16,
        pcie_width_max=16,
        power_limit_w=700.0,
        persistence=True,
        ecc=True,
        mig=False,
        numa_node=index,
    )
