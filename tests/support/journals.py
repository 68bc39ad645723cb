"""The sample journal: one session with everything in it, the same in every run.

Two servers share GPU 0. ``summarize`` (7.2B) lives twice and sleeps at level 1: a slow first sleep
in each life, twelve steady ones, one that frees nothing. ``code`` (1.5B) sleeps at level 2 nine
times, three of them for a switch; a wake finds no room, and somebody else moves it once.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec
from support.journal_acts import Acts
from support.journal_bench_story import BENCH_RUN_ID, BenchSample, bench_lines
from support.journal_opening import RUN_ID, Sample, engines, numbered, opening
from support.journal_story import BEGAN_NS, WALL_NS, Teller

from sleeptui.core.canary import Grade
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.line import Line

_encoder = msgspec.json.Encoder()


def lines(sample: Sample | None = None) -> list[Line]:
    """The lines of the session, numbered, without its end."""
    sample = sample or Sample()
    teller = Teller(engines(), seed=sample.seed)
    opening(teller, sample)
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
    teller = Teller(engines(), seed=1, every_s=every_s)
    acts = Acts(teller)
    opening(teller, Sample())
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


def tag(line: Line) -> str:
    """The kind of a line as it is written."""
    return str(type(line).__struct_config__.tag)


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


__all__ = [
    "BEGAN_NS",
    "BENCH_RUN_ID",
    "RUN_ID",
    "WALL_NS",
    "BenchSample",
    "Sample",
    "bench_lines",
    "dump",
    "folder",
    "large",
    "lines",
    "numbered",
    "torn",
]
