"""The named fleets that ``sleeptui sim`` and the demo offer."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sleeptui.core.errors import SimError
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.spec import EngineSpec, GpuSpec, Scenario, Start
from sleeptui.sim.titles import TITLES

_H200 = GpuSpec()
_MODELS = (
    ("chat", "acme/chat-7b-instruct", 7.0),
    ("code", "acme/coder-1.5b", 1.5),
    ("summarize", "acme/summarizer-7.2b", 7.2),
    ("translate", "acme/translate-3b", 3.1),
    ("extract", "acme/extract-4b", 4.0),
    ("classify", "acme/classify-0.6b", 0.6),
    ("rewrite", "acme/rewrite-8b", 8.0),
    ("plan", "acme/planner-14b", 14.2),
)
_PER_GPU = 8


def _default() -> Scenario:
    return Scenario(
        name="default",
        title=TITLES["default"],
        description="summarize is awake with traffic, code sleeps at level 1, chat at level 2.",
        gpus=(_H200,),
        engines=(
            EngineSpec(
                name="summarize",
                root="acme/summarizer-7.2b",
                params_b=7.2,
                max_num_seqs=8,
                slept_before=True,
                clients=10,
            ),
            EngineSpec(
                name="code",
                root="acme/coder-1.5b",
                params_b=1.5,
                kv_token_bytes=114_688,
                start=Start.LEVEL_1,
                clients=4,
            ),
            EngineSpec(
                name="chat",
                root="acme/chat-7b-instruct",
                params_b=7.0,
                version="0.32.0",
                start=Start.LEVEL_2,
                clients=6,
            ),
        ),
    )


def _two_gpus() -> Scenario:
    levels = (Start.AWAKE, Start.LEVEL_1, Start.LEVEL_2, Start.LEVEL_1)
    engines = tuple(
        EngineSpec(
            name=name,
            root=root,
            params_b=params_b,
            version="0.25.1" if index % 2 == 0 else "0.32.0",
            gpus=(index % 2,),
            gpu_memory_utilization=0.6,
            max_num_seqs=8,
            start=levels[index // 2],
            clients=10 if index < len(levels) // 2 else 4,
        )
        for index, (name, root, params_b) in enumerate(_MODELS)
    )
    return Scenario(
        name="two-gpus",
        title=TITLES["two-gpus"],
        description="On each GPU one model is awake with traffic and three sleep. The first sleep "
        "of those that are awake takes seconds: it allocates their copy in host memory.",
        gpus=(_H200, _H200),
        engines=engines,
    )


def _sixty_four() -> Scenario:
    gpus = tuple(GpuSpec() for _ in range(_PER_GPU))
    engines = []
    for gpu in range(_PER_GPU):
        for slot, (name, root, params_b) in enumerate(_MODELS):
            level = Start.LEVEL_1 if slot % 2 else Start.LEVEL_2
            engines.append(
                EngineSpec(
                    name=f"{name}-{gpu}",
                    root=root,
                    params_b=params_b,
                    version="0.32.0" if (gpu + slot) % 2 else "0.25.1",
                    gpus=(gpu,),
                    start=Start.AWAKE if slot == gpu else level,
                    max_num_seqs=8,
                    clients=8 if slot == gpu else 2,
                )
            )
    return Scenario(
        name="sixty-four",
        title=TITLES["sixty-four"],
        description="One model a GPU is awake; made to see how the panel carries a large fleet.",
        gpus=gpus,
        engines=tuple(engines),
    )


def _faulty(
    name: str, *settings: FaultSetting, start: Start = Start.LEVEL_1, gpu: int = 0
) -> EngineSpec:
    return EngineSpec(
        name=name,
        root="acme/classify-0.6b",
        params_b=0.6,
        gpus=(gpu,),
        gpu_memory_utilization=0.12,
        start=start,
        faults=settings,
    )


def _faults() -> Scenario:
    return Scenario(
        name="faults",
        title=TITLES["faults"],
        description="Sleep and wake them to see what a status code hides.",
        gpus=(_H200, _H200),
        engines=(
            _faulty("healthy", start=Start.AWAKE),
            _faulty("hangs", FaultSetting(fault=Fault.HANG)),
            _faulty("slow", FaultSetting(fault=Fault.SLOW, seconds=1.5)),
            # On a GPU of their own: nothing is sent to others while a server starts on theirs.
            _faulty("refuses", FaultSetting(fault=Fault.REFUSE), gpu=1),
            _faulty("errors", FaultSetting(fault=Fault.ERROR)),
            _faulty("oom", FaultSetting(fault=Fault.OOM)),
            _faulty("wedged", FaultSetting(fault=Fault.WEDGE)),
            _faulty("garbage", FaultSetting(fault=Fault.GARBAGE), start=Start.AWAKE),
            _faulty("mute", FaultSetting(fault=Fault.MUTE), start=Start.AWAKE),
            _faulty("loses", FaultSetting(fault=Fault.LOSE)),
            _faulty("leaks", FaultSetting(fault=Fault.LEAK)),
            _faulty("keeps-memory", FaultSetting(fault=Fault.KEEPS_MEMORY), start=Start.AWAKE),
            _faulty("dies", FaultSetting(fault=Fault.DEATH), start=Start.AWAKE),
            _faulty("starting", start=Start.COLD, gpu=1),
            _faulty("bad-metrics", FaultSetting(fault=Fault.BROKEN_METRICS)),
            _faulty("huge-metrics", FaultSetting(fault=Fault.HUGE_METRICS)),
            _faulty("web-page", FaultSetting(fault=Fault.HTML)),
            _faulty("half-json", FaultSetting(fault=Fault.HALF_JSON)),
            EngineSpec(
                name="escapes",
                root="acme/classify-0.6b",
                params_b=0.6,
                gpu_memory_utilization=0.12,
                gpus=(1,),
                served_name="\x1b[31mescapes\x1b[0m[bold]",
                answer_prefix="\x1b]0;owned\x07\x1b[2J",
            ),
        ),
    )


def _of_version(name: str, version: str, gpu: int, start: Start = Start.LEVEL_1) -> EngineSpec:
    return EngineSpec(
        name=name,
        root="acme/coder-1.5b",
        params_b=1.5,
        version=version,
        gpus=(gpu,),
        gpu_memory_utilization=0.2,
        start=start,
        clients=2,
    )


def _versions() -> Scenario:
    usual = replace(_of_version("usual", "0.25.1", 1, Start.AWAKE), clients=0)
    return Scenario(
        name="versions",
        title=TITLES["versions"],
        description="0.10 to 0.32, dev mode off, sleep mode off, an API key.",
        gpus=(_H200, _H200),
        engines=(
            _of_version("v0-10", "0.10.2", 0, Start.AWAKE),
            _of_version("v0-17", "0.17.1", 0),
            _of_version("v0-25", "0.25.1", 0),
            _of_version("v0-31", "0.31.0", 0),
            _of_version("v0-32", "0.32.0", 1),
            replace(usual, name="no-dev-mode", dev_mode=False),
            replace(usual, name="no-sleep-mode", sleep_mode=False),
            replace(usual, name="keyed", keyed=True, start=Start.LEVEL_1),
        ),
    )


def _exp1() -> Scenario:
    return Scenario(
        name="exp1",
        title=TITLES["exp1"],
        description="summarize is awake, code sleeps at level 1; nobody else asks them anything.",
        gpus=(_H200,),
        engines=(
            EngineSpec(name="summarize", root="acme/summarizer-7.2b", params_b=7.2),
            EngineSpec(
                name="code",
                root="acme/coder-1.5b",
                params_b=1.5,
                kv_token_bytes=114_688,
                start=Start.LEVEL_1,
            ),
        ),
    )


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (
            _default(),
            _two_gpus(),
            _sixty_four(),
            _faults(),
            _versions(),
            _exp1(),
        )
    }
)
"""By name."""


def scenario_named(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        SimError: There is none; the hint lists them.
    """
    found = SCENARIOS.get(name)
    if found is None:
        raise SimError(
            f"There is no simulated fleet {name!r}", hint=f"Choose one of {', '.join(SCENARIOS)}."
        )
    return found
