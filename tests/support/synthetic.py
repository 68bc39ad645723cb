"""Benchmarks that never were: sessions with known truth, to count how often verdicts are wrong.

A process has its own speed (a block effect), each value its own noise; memory settles to within
a few MiB, and the host's memory moves by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp
from random import Random

from support.benches import asked, phase, start
from support.builders import verification
from support.sessions import S, attempt, session, standing

from sleeptui.core.canary import Check
from sleeptui.core.session import Attempt, Curve, GpuSeen, PhaseSeen, RequestSeen, Session

MIB = 1 << 20
GIB = 1 << 30
COLD_S = 40.0
WAKE_S = {1: 0.5, 2: 1.0}
HELD_B, RESIDUAL_B = 80 * GIB, 2 * GIB
GOOD, CHANGED = verification(), verification(Check.CHANGED)
MODES = ("abort", "wait", "keep")


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a fleet is like."""

    slower: float = 1.0
    """Every wake takes that much longer."""
    leak_b: int = 0
    """Left more by each sleep of a process."""
    lost_every: int = 0
    """Of so many requests in flight one is lost; 0: none."""
    garbage: float = 0.0
    """Share of wakes that answer garbage."""
    between: float = 0.03
    """Standard deviation from process to process, of logarithms."""
    within: float = 0.01
    """From value to value."""


class Maker:
    """Makes one session after the order of the standard plan, for one server."""

    def __init__(self, truth: Truth, seed: int) -> None:
        self._truth, self._dice = truth, Random(seed)
        self._phases: list[PhaseSeen] = []
        self._attempts: list[Attempt] = []
        self._requests: list[RequestSeen] = []
        self._host = Curve()
        self._now_s, self._life, self._speed, self._sleeps = 0.0, 0, 0.0, 0
        self._host_b = 500 * GIB
        self._flown = self._dice.randrange(truth.lost_every) if truth.lost_every else 0

    def session(self, *, blocks: int, cycles: int, stability: int, repeats: int) -> Session:
        """All of it."""
        for _ in range(blocks):
            self._block(cycles)
        for number in range(4):
            self._proof(1 + number % 2)
        for _ in range(repeats):
            for mode in MODES:
                for streams in (1, 8):
                    self._trial(mode, streams)
        around = self._phase("block", question="stability")
        for nth in range(1, stability + 1):
            self._cycle(around, 1, nth)
        return session(
            *self._attempts,
            phases=tuple(self._phases),
            requests=tuple(self._requests),
            host_available=self._host,
            gpus=(GpuSeen(index=0, name="H200", total_bytes=140 * GIB),),
            ended_ns=int(self._now_s * S),
        )

    def _block(self, cycles: int) -> None:
        self._life, self._sleeps = self._life + 1, 0
        self._speed = self._dice.gauss(0, self._truth.between)
        around = self._phase("block", question="latency", block=self._life)
        cold_s = COLD_S * exp(self._dice.gauss(0, self._truth.between))
        self._attempts.append(
            start(cold_s, life=self._life, phase=self._phase("cold", parent=around))
        )
        for nth in range(cycles + 1):
            for level in self._dice.sample((1, 2), 2):
                self._cycle(around, level, nth)

    def _cycle(self, around: int, level: int, nth: int) -> None:
        number = self._phase("cycle", parent=around, level=level, nth=nth)
        self._sleep(number, level)
        self._wake(number, level)

    def _sleep(self, number: int, level: int, **fields: object) -> Attempt:
        self._now_s += 3
        self._host_b += round(self._dice.gauss(0, 8 * MIB))
        self._host.add(int(self._now_s * S), float(self._host_b))
        self._sleeps += 1
        residual = RESIDUAL_B + self._truth.leak_b * self._sleeps
        residual += round(self._dice.gauss(0, 4 * MIB))
        told = {"freed_bytes": HELD_B - residual, "residual_bytes": residual, "host_bytes": 0}
        return self._add("sleep", number, 0.3, level=level, record=told, **fields)

    def _wake(self, number: int, level: int, **fields: object) -> Attempt:
        self._now_s += 3
        noise = self._speed + self._dice.gauss(0, self._truth.within)
        seconds = WAKE_S[level] * self._truth.slower * exp(noise)
        is_wrong = self._dice.random() < self._truth.garbage
        told = {"first_token_s": seconds + 0.02, "verification": CHANGED if is_wrong else GOOD}
        values = {"level": level, "cls": "wrong_output" if is_wrong else "ok", **fields}
        return self._add("wake", number, seconds, record=told, **values)

    def _proof(self, level: int) -> None:
        number = self._phase("proof", question="memory", level=level)
        self._sleep(number, level)
        asleep = standing(held_bytes=RESIDUAL_B, used_bytes={0: 90 * GIB})
        awake = standing(held_bytes=HELD_B)
        how = {"server": "code", "pre": asleep, "post": awake, "cls": "ok"}
        wake = self._wake(number, level, **how)
        told = replace(wake.record, verification=GOOD) if wake.record else None
        self._attempts[-1] = replace(wake, record=told)
        self._wake(number, level)

    def _trial(self, mode: str, streams: int) -> None:
        how = {"question": "in_flight", "level": 1, "mode": mode, "streams": streams}
        number = self._phase("trial", **how)
        began_s = self._now_s + 1
        sleep = self._sleep(number, 1, mode=mode)
        wake = self._wake(number, 1)
        for _ in range(streams):
            one = asked(began_s, cohort="inflight", phase=number)
            self._requests.append(replace(one, **_end(mode, sleep, wake)))
            self._flown += 1
            if self._truth.lost_every and self._flown % self._truth.lost_every == 0:
                lost = {"ended_ns": None, "finish_reason": None, "fate": "lost"}
                self._requests[-1] = replace(self._requests[-1], **lost)

    def _phase(self, kind: str, **fields: object) -> int:
        number = len(self._phases) + 1
        self._phases.append(phase(number, kind, self._now_s, **fields))
        return number

    def _add(self, kind: str, number: int, seconds: float, **fields: object) -> Attempt:
        where = {"at_s": self._now_s, "life": self._life, "nth": self._sleeps, "phase": number}
        pre = standing(held_bytes=HELD_B, used_bytes={0: 90 * GIB})
        values = {"pre": pre, "cycle": len(self._attempts), **where, **fields}
        self._attempts.append(attempt(kind, seconds, **values))
        return self._attempts[-1]


def _end(mode: str, sleep: Attempt, wake: Attempt) -> dict[str, object]:
    """How a request ends that the mode takes care of."""
    s0, s1 = sleep.sent_ns or 0, sleep.done_ns or 0
    before = (s0 - S // 2, 4)
    if mode == "keep":
        after = (wake.done_ns or 0) + S
        return {"ended_ns": after, "chunks": (before, (after, 11)), "equal": True}
    finish = {"finish_reason": "abort", "fate": "aborted"} if mode == "abort" else {}
    return {"ended_ns": s1 - S // 100, "chunks": (before,), **finish}


def sessions(truth: Truth, count: int, *, first: int = 0, **plan: int) -> Iterator[Session]:
    """So many benchmarks of one fleet; ``plan``: blocks, cycles, stability, repeats."""
    wanted = {"blocks": 6, "cycles": 4, "stability": 59, "repeats": 5, **plan}
    for seed in range(first, first + count):
        yield Maker(truth, seed).session(**wanted)
