"""A benchmark as events: a small plan of two models, from its begin to its verdicts."""

from collections.abc import Iterator

from support.builders import GIB, record

from sleeptui.core.bench import (
    BenchPhase,
    BenchPlanned,
    PhaseBegan,
    PhaseEnded,
    PhaseKind,
    Question,
    VerdictReached,
)
from sleeptui.core.cold import ColdKind
from sleeptui.core.events import (
    Event,
    OperationAdvanced,
    OperationEnded,
    OperationStarted,
    RequestBegan,
    RequestEnded,
)
from sleeptui.core.operation import Fate, Kind, Operation, Outcome, Phase
from sleeptui.core.verdict import Expectation, Verdict, Word

BEGAN_S = 1000.0
ESTIMATE_S = 600.0
SERVERS = ("summarize", "code")


class Story:
    """Makes the events; time passes as they are made."""

    def __init__(self) -> None:
        self.now_s = BEGAN_S
        self._phases = 0
        self._operations = 0
        self._requests = 0
        self._done = 0

    def planned(self, steps: int = 40) -> BenchPlanned:
        return BenchPlanned(
            at_s=self.now_s,
            plan="quick",
            plan_toml="version = 1",
            expectations_toml="version = 1",
            seed=7,
            steps=steps,
            estimate_s=ESTIMATE_S,
            notes=("no GPU is read",),
        )

    def begin(self, kind: PhaseKind, server: str = "code", **fields) -> PhaseBegan:
        self._phases += 1
        title = fields.pop("title", f"{server}: {kind.value} {self._phases}")
        phase = BenchPhase(id=self._phases, kind=kind, server=server, title=title, **fields)
        left_s = ESTIMATE_S - (self.now_s - BEGAN_S)
        return PhaseBegan(at_s=self.now_s, phase=phase, done=self._done, left_s=left_s)

    def end(self, begun: PhaseBegan, cls: str = "ok", note: str = "", *, step: bool = True):
        self._done += step
        return PhaseEnded(at_s=self.now_s, id=begun.phase.id, cls=cls, note=note)

    def operation(self, kind: Kind, server: str, seconds: float, **fields) -> Iterator[Event]:
        self._operations += 1
        operation = Operation(
            id=self._operations, kind=kind, server=server, began_s=self.now_s, phase=Phase.CALLING
        )
        yield OperationStarted(at_s=self.now_s, operation=operation)
        self.now_s += seconds
        yield OperationAdvanced(
            at_s=self.now_s, id=operation.id, server=server, phase=Phase.VERIFYING
        )
        self.now_s += 0.2
        told = {"outcome": Outcome.DONE, "duration_s": seconds, **fields}
        ended = record(kind, server, id=operation.id, began_s=operation.began_s, **told)
        yield OperationEnded(at_s=self.now_s, record=ended)

    def cold(self, server: str, seconds: float, cls: str = "ok") -> Iterator[Event]:
        begun = self.begin(PhaseKind.COLD, server, cold=ColdKind.CACHED, arm="cold_cached", block=1)
        yield begun
        yield from self.operation(Kind.START, server, seconds, first_token_s=seconds)
        yield self.end(begun, cls, "its log has an error" if cls != "ok" else "")

    def cycle(
        self,
        server: str,
        seconds: float,
        *,
        level: int = 1,
        question: Question = Question.LATENCY,
        cls: str = "ok",
        note: str = "",
    ) -> Iterator[Event]:
        begun = self.begin(
            PhaseKind.CYCLE,
            server,
            question=question,
            level=level,
            arm=f"L{level}",
            nth=1,
            title=f"{server}: cycle 1 of 3 at level {level}, block 1 of 3",
        )
        yield begun
        yield from self.operation(
            Kind.SLEEP, server, 1.2, freed_bytes=56 * GIB, residual_bytes=2 * GIB
        )
        yield from self.operation(Kind.WAKE, server, seconds, first_token_s=seconds + 0.1)
        yield self.end(begun, cls, note)

    def trial(self, server: str, fates: tuple[Fate, ...], mode: str = "abort") -> Iterator[Event]:
        begun = self.begin(
            PhaseKind.TRIAL,
            server,
            question=Question.IN_FLIGHT,
            level=1,
            mode=mode,
            streams=len(fates),
        )
        yield begun
        first = self._requests + 1
        for cohort in (*("inflight" for _ in fates), "probe"):
            self._requests += 1
            yield RequestBegan(
                at_s=self.now_s, id=self._requests, server=server, cohort=cohort,
                operation=None, prompt="", max_tokens=64,
            )  # fmt: skip
        yield from self.operation(Kind.SLEEP, server, 0.8)
        for number, fate in enumerate((*fates, Fate.COMPLETED), start=first):
            yield RequestEnded(at_s=self.now_s, id=number, server=server, fate=fate)
        yield self.end(begun)


def verdict(word: Word = Word.PASS, server: str = "code", **fields) -> Verdict:
    """A verdict with all its figures."""
    told = {
        "id": "q1.wake-l1",
        "question": "latency",
        "title": "A wake from level 1 is much faster than a cold start",
        "metric": "cold.ttft/wake.ttft",
        "op": ">=",
        "threshold": 5.0,
        "unit": "x",
    }
    figures = {"value": 93.1, "low": 88.2, "high": 97.4, "confidence": 0.95, "n": 9, "blocks": 3}
    return Verdict(
        expectation=Expectation(**told), server=server, word=word, **{**figures, **fields}
    )


def verdicts(at_s: float) -> list[Event]:
    """One of each word."""
    missing = {"value": None, "low": None, "high": None, "n": 0, "blocks": 0}
    every = (
        verdict(),
        verdict(Word.FAIL, "summarize", value=3.2, low=2.9, high=3.6),
        verdict(Word.INCONCLUSIVE, reason="3 restarts more are needed"),
        verdict(Word.INVALID, reason="the page cache could not be proven", **missing),
        verdict(Word.NOT_RUN, "", reason="the plan has no part for it", **missing),
    )
    return [VerdictReached(at_s=at_s, verdict=one) for one in every]


def running() -> list[Event]:
    """Half way: some of everything, a failure, a wake that runs."""
    story = Story()
    events: list[Event] = [story.planned()]
    for number, server in enumerate(SERVERS):
        block = story.begin(PhaseKind.BLOCK, server, block=1, title=f"{server}: block 1 of 3")
        events.append(block)
        events += story.cold(server, 38.0 + number)
        for level, seconds in ((1, 0.4), (1, 0.5), (2, 4.1)):
            events += story.cycle(server, seconds + number / 10, level=level)
        events.append(story.end(block, step=False))
    events += story.cycle("code", 9.0, cls="wrong_output", note="it answers with something else")
    events += story.cycle("code", 0.4, question=Question.STABILITY)
    events += story.trial("code", (Fate.ABORTED, Fate.ABORTED, Fate.COMPLETED))
    events += list(story.cycle("summarize", 0.4))[:5]
    return events


def whole() -> list[Event]:
    """To the end: all phases are closed, five verdicts."""
    story = Story()
    events: list[Event] = [story.planned(steps=3)]
    events += story.cold("code", 38.0)
    events += story.cycle("code", 0.4)
    restore = story.begin(PhaseKind.RESTORE, "", title="every server is brought back")
    events += [restore, story.end(restore)]
    return [*events, *verdicts(story.now_s)]
