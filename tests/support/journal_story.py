"""A session that could have been recorded: two servers on an H200, told line by line, seeded.

The figures are those of the design: a 7.2B model that sleeps at level 1, a 1.5B one at level 2.
``Teller`` knows what a line of each kind looks like; ``tests/support/journals.py`` tells with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from sleeptui.core.canary import Grade, Verdict, Verification
from sleeptui.core.operation import Fate, InFlight
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.line import Line
from sleeptui.recorder.line_operations import Standing
from sleeptui.recorder.line_samples import GpuCard, GpuPoint

GIB = 1 << 30
BEGAN_NS = 91_000_000_000_000
"""Monotonic time of the first line: a machine that has been up for a day."""
WALL_NS = 1_795_426_200_000_000_000
"""2026-11-23T09:30:00Z."""
_METRIC = {None: "awake", 1: "weights_offloaded", 2: "discard_all"}


@dataclass(slots=True, kw_only=True)
class Engine:
    """What one server is in, while the story is told."""

    name: str
    model: str
    root: str
    pid: int
    port: int
    awake_b: int
    residual_b: int
    weights_b: int
    started_s: float = 1_795_420_000.0
    level: int | None = None
    """None: awake."""
    held_b: int = 0
    running: int = 0
    tokens: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    sleeps: int = 0
    wakes: int = 0
    slept_s: float = 0.0
    woken_s: float = 0.0
    told: dict[str, float | int | str] = field(default_factory=dict)
    has_pinned: bool = False
    is_up: bool = True
    was_refused: bool = False

    def metrics(self) -> dict[str, float | int | str]:
        """What its /metrics says now."""
        return {
            "running": self.running,
            "waiting": 0,
            "kv_usage": 0.031 * self.running,
            "sleep_metric": _METRIC[self.level],
            "generation_tokens_total": float(self.tokens),
            "prompt_tokens_total": 12.0 * sum(self.ends.values()),
            "preemptions_total": 0.0,
            **{f"requests_total.{why}": float(n) for why, n in self.ends.items()},
            "sleep_operation_s": round(self.slept_s, 6),
            "wake_operation_s": round(self.woken_s, 6),
            "sleep_operations": self.sleeps,
            "wake_operations": self.wakes,
            "operations_in_flight": 0,
            "gpu_memory_utilization": 0.6,
            "kv_cache_tokens": 512_000,
            "process_start_s": self.started_s,
        }

    def standing(self, state: str, used_b: int) -> Standing:
        """As an operation finds or leaves it."""
        if not self.is_up:
            return Standing(state="down", used_b={0: used_b})
        return Standing(
            state=state,
            level=self.level,
            sleeping=self.level is not None,
            sleep_state=_METRIC[self.level],
            running=self.running,
            waiting=0,
            held_b=self.held_b,
            source="measured",
            used_b={0: used_b},
            process_start_s=self.started_s,
        )


class Teller:
    """Collects lines while its clock goes on; samples are taken as it does."""

    def __init__(self, engines: Iterable[Engine], *, seed: int, every_s: float = 0.5) -> None:
        self.random = Random(seed)
        self.engines = {one.name: one for one in engines}
        self.now_ns = BEGAN_NS
        self.every_ns = int(every_s * 1e9)
        self.lines: list[Line] = []
        self.looks = 0
        self._sample_ns = self.now_ns
        self._second = 0
        self._pids: dict[int, int] = {}

    def add(self, line: Line) -> None:
        """One more line; they are put in order of their time at the end."""
        self.lines.append(line)

    def about(self, value: float, spread: float = 0.01) -> float:
        """A value near this one."""
        return value * max(self.random.gauss(1.0, spread), 0.5)

    @property
    def used_b(self) -> int:
        """Used memory of GPU 0."""
        return sum(one.held_b for one in self.engines.values()) + GIB // 2

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        until_ns = self.now_ns + int(seconds * 1e9)
        while self._sample_ns <= until_ns:
            self.now_ns = max(self._sample_ns, self.now_ns)
            self._sample()
            self._sample_ns += self.every_ns
        self.now_ns = until_ns

    def take(self) -> list[Line]:
        """The lines so far, in order of their time; the teller goes on without them."""
        taken, self.lines = sorted(self.lines, key=lambda line: line.t), []
        return taken

    def _sample(self) -> None:
        t = self.now_ns
        for engine in self.engines.values():
            self._look(engine, t + self.random.randrange(4_000_000, 9_000_000))
        held = {one.pid + 1: one.held_b for one in self.engines.values() if one.held_b}
        p = tuple(sorted(held.items())) if held != self._pids else None
        self._pids = held
        busy = sum(one.running for one in self.engines.values())
        util = min(8.0 * busy + self.random.choice((0.0, 0.0, 1.0)), 100.0)
        first = GpuPoint(i=0, used_b=self.used_b, resv_b=629 << 20, util_pct=util, p=p)
        second = GpuPoint(i=1, used_b=GIB // 2, resv_b=629 << 20, util_pct=0.0)
        self.add(kinds.Gpu(t=t + 50_000, gpus=(first, second)))
        second_now = (t - BEGAN_NS) // 1_000_000_000
        if second_now != self._second or t == BEGAN_NS:
            self._second = second_now
            self._each_second(t + 60_000, busy)

    def _look(self, engine: Engine, t: int) -> None:
        if not engine.is_up:
            took_ns = int(self.about(4e5, 0.2))
            reach = "refused" if engine.told or not engine.was_refused else None
            engine.told, engine.was_refused = {}, True
            self.looks += 1
            self.add(kinds.Prom(t=t, s=engine.name, took_ns=took_ns, reach=reach))
            return
        new = engine.metrics()
        changed = {name: value for name, value in new.items() if engine.told.get(name) != value}
        first = not engine.told
        engine.told = new
        self.looks += 1
        self.add(
            kinds.Prom(
                t=t,
                s=engine.name,
                took_ns=int(self.about(6e6, 0.2)),
                reach="answered" if first else None,
                control="available" if first else None,
                sleeping=engine.level is not None if first or "sleep_metric" in changed else None,
                paused=engine.level is not None if first or "sleep_metric" in changed else None,
                m=changed,
            )
        )

    def _each_second(self, t: int, busy: int) -> None:
        cards = tuple(
            GpuCard(
                i=index,
                name="NVIDIA H200",
                uuid=f"GPU-0000000{index}-aaaa-bbbb-cccc-ddddeeeeffff",
                total_b=143_771 << 20,
                power_mw=int(self.about(120_000 + 40_000 * busy * (index == 0))),
                power_limit_mw=700_000,
                temp_c=31.0 + busy,
            )
            for index in range(2)
        )
        self.add(kinds.GpuSlow(t=t, gpus=cards))
        pinned = sum(one.weights_b for one in self.engines.values() if one.has_pinned)
        rss = {one.name: 3 * GIB + one.has_pinned * one.weights_b for one in self.engines.values()}
        self.add(
            kinds.Host(t=t, avail_b=400 * GIB - pinned, total_b=503 * GIB, rss_b=rss, load1=1.25)
        )
        self.add(kinds.Lag(t=t, max_ns=int(self.about(900_000, 0.3))))
        if self._second % 60 == 0:
            self.add(kinds.Clock(t=t, wall_ns=WALL_NS + t - BEGAN_NS))


def request_begin(
    teller: Teller,
    engine: Engine,
    number: int,
    *,
    at_ns: int,
    cohort: str,
    op: int | None,
    max_tokens: int,
    **fields: object,
) -> None:
    """A request is about to be sent."""
    prompt = f"{cohort} {number}"
    teller.add(
        kinds.ReqBegin(
            t=at_ns,
            s=engine.name,
            req=number,
            op=op,
            cohort=cohort,
            prompt_sha=sha256(prompt.encode()).hexdigest(),
            prompt_chars=63,
            max_tokens=max_tokens,
            **fields,
        )
    )


def request_end(
    teller: Teller,
    engine: Engine,
    number: int,
    *,
    sent_ns: int,
    at_ns: list[int],
    fate: Fate = Fate.COMPLETED,
    finish: str | None = "length",
    end_ns: int | None = None,
    **fields: object,
) -> None:
    """A request has ended; ``at_ns``: when each of its tokens came, just before ``end_ns``."""
    before, chunks = sent_ns, []
    for tokens, at in enumerate(at_ns, start=1):
        chunks.append(((at - before) // 1000, tokens))
        before = at
    end_ns = end_ns or at_ns[-1] + 400_000
    teller.add(kinds.ReqMark(t=at_ns[0], s=engine.name, req=number, what="first_token"))
    teller.add(
        kinds.ReqEnd(
            t=end_ns,
            s=engine.name,
            req=number,
            sent_ns=sent_ns,
            headers_ns=sent_ns + 2_500_000,
            first_ns=at_ns[0],
            last_ns=at_ns[-1],
            end_ns=end_ns,
            finish_reason=finish,
            done_seen=finish is not None,
            prompt_tokens=16,
            usage_tokens=len(at_ns),
            fate=fate.value,
            chunks=tuple(chunks),
            text_sha=sha256(f"answer {number}".encode()).hexdigest(),
            **fields,
        )
    )
    engine.tokens += len(at_ns)
    if finish:
        engine.ends[finish] = engine.ends.get(finish, 0) + 1


def verification(at_ns: int, *, grade: Grade = Grade.IDENTICAL) -> Verification:
    """What a canary said after a wake."""
    same = grade in (Grade.IDENTICAL, Grade.WITHIN_NOISE)
    verdict = Verdict(
        grade=grade,
        decodes=True,
        matches=same,
        words="the same 16 tokens as before" if same else "another answer from the first token on",
        first_difference=None if same else 0,
        largest_gap=0.0 if same else 3.5,
    )
    return Verification(
        at_s=at_ns / 1e9,
        verdict=verdict,
        took_s=0.11,
        first_token_s=0.021,
        reference_wall_s=WALL_NS / 1e9,
    )


def in_flight(running: int, fate: Fate | None, finish: str | None) -> InFlight:
    """What was in flight around a sleep, all of it ours."""
    return InFlight(
        running=running,
        waiting=0,
        finished={finish: running} if finish else {},
        ours={fate: running} if fate else {},
    )
