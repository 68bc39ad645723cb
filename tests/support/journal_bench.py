"""A benchmark that could have been recorded: what its phases do, told on the clock of a teller."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.journal_story import BEGAN_NS, GIB, WALL_NS, Engine
from support.journal_trials import Requests

from sleeptui.core.bench import BenchPhase, PhaseKind
from sleeptui.core.canary import Grade
from sleeptui.core.cold import ColdKind, ColdStart
from sleeptui.recorder import lines as kinds

COLD_S = {"summarize": 41.0, "code": 26.0}
PHASES_S = {"weights": 0.22, "compile": 0.31, "graphs": 0.18, "engine": 0.74}
"""Steps that the log of a starting server tells of, as shares of the start."""


@dataclass(slots=True)
class Step:
    """A phase under way."""

    id: int
    cls: str = "ok"
    note: str = ""


class BenchActs(Requests):
    """Does what the phases of a benchmark do."""

    def __init__(self, *args: object, steps: int, garbage_every: int = 0, **fields: object) -> None:
        super().__init__(*args, **fields)
        self.steps, self.done = steps, 0
        self._garbage_every, self._woken = garbage_every, 0
        self._open: list[int] = []
        self._phases = 0

    @contextmanager
    def phase(self, kind: PhaseKind, title: str, **fields: object) -> Iterator[Step]:
        """All that begins within it is of it."""
        teller = self.teller
        self._phases += 1
        step = Step(self._phases)
        parent = self._open[-1] if self._open else None
        one = BenchPhase(id=step.id, kind=kind, title=title, parent=parent, **fields)
        left_s = max(self.steps - self.done, 0) * 6.0
        teller.add(kinds.PhaseLine(t=teller.now_ns, phase=one, done=self.done, left_s=left_s))
        self._open.append(step.id)
        teller.wait(0.001)
        yield step
        self._open.pop()
        self.done += kind is not PhaseKind.BLOCK
        end = kinds.PhaseEndLine(t=teller.now_ns, id=step.id, cls=step.cls, note=step.note)
        teller.add(end)
        teller.wait(0.001)

    def prepare(self, name: str, block: dict[str, object]) -> None:
        """The others sleep, so that there is room."""
        with self.phase(PhaseKind.PREPARE, f"{name}: room for it", **block):
            for other, engine in self.teller.engines.items():
                if other != name and engine.is_up and engine.level is None:
                    self.sleep(other, 1)

    def cold(self, name: str, kind: ColdKind, where: str, block: dict[str, object]) -> None:
        """Stop and start, with the proof of what it started from."""
        how = {**block, "arm": kind.value, "cold": kind}
        with self.phase(PhaseKind.COLD, f"{name}: cold start, {where}", **how):
            if self.teller.engines[name].is_up:
                self.stop(name)
            self.start_up(name, kind)

    def stop(self, name: str) -> None:
        """Its process ends."""
        engine = self.teller.engines[name]
        with self._doing(engine, "stop", None, None) as doing:
            self._phase(engine, doing, "stopping")
            doing.sent_ns = self.teller.now_ns
            self._end(engine)
            self.teller.wait(self.teller.about(1.4))
            doing.done_ns = self.teller.now_ns
            doing.parts += [("exit", 1.2), ("memory", 0.2)]
            doing.end |= {"message": "ended"}
        self._state(engine, "down", by="sleeptui", reason="stopped")

    def lose(self, name: str) -> None:
        """Its engine dies within a wake."""
        engine = self.teller.engines[name]
        with self._doing(engine, "wake", engine.level, None) as doing:
            self.teller.wait(0.002)
            doing.sent_ns = self.teller.now_ns
            self.teller.wait(0.4)
            self._end(engine)
            doing.end |= {
                "outcome": "failed",
                "cause": "engine lost",
                "cls": "engine_dead",
                "message": "the engine is lost",
                "hint": "start it again",
                "duration_s": 0.4,
            }
        self._state(engine, "down", by="server", reason="connection refused")

    def start_up(self, name: str, kind: ColdKind) -> None:
        """Its process begins, until the canary's first token."""
        engine, teller = self.teller.engines[name], self.teller
        cold_s = teller.about(COLD_S[name], 0.02) * (1.0 if kind is ColdKind.CACHED else 1.8)
        with self._doing(engine, "start", None, None) as doing:
            self._phase(engine, doing, "starting")
            doing.sent_ns = teller.now_ns
            engine.pid += 50
            engine.started_s = (WALL_NS + teller.now_ns - BEGAN_NS) / 1e9
            teller.wait(cold_s)
            engine.is_up, engine.held_b = True, engine.awake_b
            doing.done_ns = teller.now_ns
            doing.parts += [("process", 0.02), ("health", cold_s)]
            self._ask(engine, doing)
            doing.parts.append(("first token", cold_s + 0.02))
            doing.end |= {"cold": _cold(engine, kind, doing.began_ns / 1e9 + cold_s - 0.05, cold_s)}
            doing.end |= {"duration_s": cold_s, "message": "started, verified"}
        self.start(name)
        self._state(engine, "awake", by="sleeptui", check="verified")
        teller.wait(1.0)

    def steady(self, name: str, level: int, *, is_measured: bool = True) -> Step:
        """Sleep, dwell, wake, requests; what became of it."""
        self._woken += 1
        is_garbage = bool(self._garbage_every) and self._woken % self._garbage_every == 0
        self.teller.wait(2.0)
        self.sleep(name, level)
        self.teller.wait(1.0)
        self.wake(name, Grade.GARBAGE if is_garbage else Grade.IDENTICAL)
        for nth in range(3 if is_measured else 0):
            self.ask(name, "steady", slow=1.1 if nth == 0 else 1.0)
        return Step(0, "wrong_output", "another answer than before") if is_garbage else Step(0)

    def _end(self, engine: Engine) -> None:
        engine.is_up, engine.level, engine.held_b, engine.has_pinned = False, None, 0, False
        engine.sleeps = engine.wakes = engine.tokens = 0
        engine.slept_s = engine.woken_s = 0.0
        engine.ends.clear()


def _cold(engine: Engine, kind: ColdKind, bad_s: float, cold_s: float) -> ColdStart:
    is_cached = kind is ColdKind.CACHED
    return ColdStart(
        asked=kind,
        kind=kind,
        proof="98 % of the weights were in the page cache, 0.1 GiB were read"
        if is_cached
        else "none of the weights was in the page cache, all were read",
        weight_bytes=engine.weights_b,
        resident_before=0.98 if is_cached else 0.0,
        read_bytes=GIB // 10 if is_cached else engine.weights_b,
        compile_cache="populated",
        last_bad_s=bad_s,
        poll_s=0.05,
        phases={name: round(share * cold_s, 2) for name, share in PHASES_S.items()},
    )
