"""The sample journal: one session with everything in it, the same in every run.

Two servers share GPU 0. ``summarize`` (7.2B) lives twice and sleeps at level 1: a slow first sleep
in each life, twelve steady ones, one that frees nothing. ``code`` (1.5B) sleeps at level 2 nine
times, three of them for a switch; a wake finds no room, and somebody else moves it once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from support.journal_acts import Acts
from support.journal_story import BEGAN_NS, GIB, WALL_NS, Engine, Teller

from sleeptui.core.canary import Grade
from sleeptui.core.environment import Card, Machine
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_session import Target

RUN_ID = "20261123T093000Z-summarize-code-7f3c"
_encoder = msgspec.json.Encoder()


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


def lines(sample: Sample | None = None) -> list[Line]:
    """The lines of the session, numbered, without its end."""
    sample = sample or Sample()
    teller = Teller(_engines(), seed=sample.seed)
    _open(teller, sample)
    _story(Acts(teller, slower=sample.wakes))
    return numbered(line for line in teller.take() if _is_kept(line, sample))


def dump(every: Iterable[Line], *, end: bool = True, aborted: bool = False) -> bytes:
    """The journal's bytes; ``end``: with its last line."""
    every = list(every)
    body = b"".join(_encoder.encode(line) + b"\n" for line in every)
    if not end:
        return body
    counts: dict[str, int] = {}
    for line in every:
        counts[tag(line)] = counts.get(tag(line), 0) + 1
    last = kinds.End(
        n=len(every),
        t=every[-1].t + 1_000_000,
        lines=len(every),
        sha256=sha256(body).hexdigest(),
        aborted=aborted,
        counts=dict(sorted(counts.items())),
    )
    return body + _encoder.encode(last) + b"\n"


def torn(every: Iterable[Line], keep: int = 40) -> bytes:
    """Without an end, and with only ``keep`` bytes of its last line: power was lost."""
    body = dump(every, end=False)
    last = body.rindex(b"\n", 0, -1) + 1
    return body[: last + keep]


def folder(parent: Path, sample: Sample | None = None, data: bytes | None = None) -> Path:
    """A session's folder with its journal; ``data``: other bytes than those of the sample."""
    path = parent / (sample or Sample()).run_id
    path.mkdir(mode=0o700, parents=True)
    journal = path / "journal.jsonl"
    journal.write_bytes(dump(lines(sample)) if data is None else data)
    journal.chmod(0o600)
    return path


def large(path: Path, count: int, *, every_s: float = 0.1) -> int:
    """A journal of at least ``count`` lines, of a long day at 10 Hz; how many it has.

    Written piece by piece: a million lines as values would be 600 MB.
    """
    teller = Teller(_engines(), seed=1, every_s=every_s)
    acts = Acts(teller)
    _open(teller, Sample())
    _awake(acts)
    number, digest = 0, sha256()
    with path.open("wb") as file:
        while number < count:
            acts.cycle("summarize", 1, rest_s=60.0)
            taken = numbered(teller.take(), number)
            number += len(taken)
            piece = dump(taken, end=False)
            digest.update(piece)
            file.write(piece)
        last = kinds.End(n=number, t=teller.now_ns, lines=number, sha256=digest.hexdigest())
        file.write(_encoder.encode(last) + b"\n")
    return number + 1


def numbered(every: Iterable[Line], first: int = 0) -> list[Line]:
    """The lines with their numbers."""
    taken = list(every)
    for number, line in enumerate(taken, start=first):
        line.n = number
    return taken


def tag(line: Line) -> str:
    """The kind of a line as it is written."""
    return str(type(line).__struct_config__.tag)


def _engines() -> tuple[Engine, Engine]:
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


def _open(teller: Teller, sample: Sample) -> None:
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


def _is_kept(line: Line, sample: Sample) -> bool:
    if isinstance(line, kinds.Env):
        return sample.has_env
    if isinstance(line, kinds.Facts):
        return sample.has_facts
    if isinstance(line, kinds.Gpu | kinds.GpuSlow):
        return sample.has_gpus
    return True


def _awake(acts: Acts) -> None:
    for name in ("summarize", "code"):
        acts.start(name)
    acts.teller.wait(5.0)


def _story(acts: Acts) -> None:
    teller = acts.teller
    _awake(acts)
    for _ in range(5):
        acts.cycle("summarize", 1)
    teller.add(kinds.Mark(t=teller.now_ns, text="before the level 2 cycles"))
    for _ in range(4):
        acts.cycle("code", 2)
    acts.prompt("code", tokens=48)
    acts.aborted("summarize")
    acts.restart("summarize")
    for _ in range(5):
        acts.cycle("summarize", 1)
    acts.frozen("summarize")
    acts.note("code", "good", "8 requests were answered while it was watched")
    acts.sleep("code", 2)
    acts.failed_wake("code")
    acts.wake("code")
    acts.suspect_sleep("summarize")
    acts.wake("summarize")
    acts.sleep("code", 2)
    for _ in range(3):
        acts.switch("summarize", "code")
        acts.switch("code", "summarize")
    acts.wake("code")
    acts.external("code", 1)
    acts.prompt("code", tokens=32)
    acts.verify("code", Grade.WITHIN_NOISE)
    teller.add(
        kinds.Anomaly(
            t=teller.now_ns,
            code="clock_jump",
            detail="the wall clock went 1.2 s ahead of the monotonic clock",
        )
    )
    teller.wait(3.0)
    teller.add(kinds.Mark(t=teller.now_ns, text="the end"))


__all__ = ["BEGAN_NS", "WALL_NS", "Sample", "dump", "folder", "large", "lines", "numbered", "torn"]
