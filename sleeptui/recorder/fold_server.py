"""One server over a session: its lives, its queue, what it said of itself."""

from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import Reach, ServerFacts, State
from sleeptui.recorder import lines
from sleeptui.recorder.fold_curves import Steps
from sleeptui.recorder.state_lines import OURS


class ServerFold:
    """One server over the session."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = ""
        self.facts: ServerFacts | None = None
        self.home: Home | None = None
        self.life = 1
        self.starts: dict[int, float] = {}
        """When the process of each life began, as it says."""
        self.slept: int | None = None
        self.learned: list[Learned] = []
        self.running, self.waiting = Steps(), Steps()
        self._queue: tuple[float | None, float | None] = (None, None)
        self._reach = Reach.ANSWERED.value
        self._has_answered = self._was_gone = self._was_started = False
        self._before_start: tuple[int, int | None, bool] = (1, None, False)

    @property
    def model(self) -> str | None:
        """The first served name; None: not known yet."""
        return self.facts.models[0] if self.facts and self.facts.models else None

    def look(self, line: lines.Prom) -> None:
        """Take in what looks have found."""
        if line.reach is not None:
            self._reach = line.reach
        if line.m or line.gone:
            self._figures(line)
        if self._reach == Reach.ANSWERED.value:
            self._answered()
            running, waiting = self._queue
        else:
            self._was_gone = self._was_gone or self._reach == Reach.REFUSED.value
            running = waiting = None
        self.running.put(line.t, running)
        self.waiting.put(line.t, waiting)

    def _answered(self) -> None:
        """A process that tells nothing of its start is another one if it was gone between."""
        if self._was_gone and self._has_answered and self.life not in self.starts:
            self.life += 1
        self._has_answered, self._was_gone = True, False

    def _figures(self, line: lines.Prom) -> None:
        running, waiting = self._queue
        if "running" in line.gone or "waiting" in line.gone:
            running = None if "running" in line.gone else running
            waiting = None if "waiting" in line.gone else waiting
        told = line.m
        self._queue = _number(told, "running", running), _number(told, "waiting", waiting)
        slept = _number(told, "sleep_operations", None)
        if slept is not None:
            self.slept = int(slept)
        start_s = _number(told, "process_start_s", None)
        if start_s is not None:
            self.began(start_s)

    def began(self, start_s: float) -> None:
        """Its process says when it began."""
        before_s = self.starts.get(self.life)
        if before_s is None and start_s in self.starts.values():
            return  # nothing was heard of the process that is being started
        if before_s is not None and before_s != start_s:
            self.life += 1
            self.slept = None
        self.starts[self.life] = start_s

    def started(self) -> None:
        """We start it: what answers from now on is another process."""
        self._before_start = (self.life, self.slept, self._has_answered)
        if self._was_started or self._has_answered or self.life in self.starts:
            self.life += 1
        self.slept = None
        self._was_started = True
        self._has_answered = self._was_gone = False

    def was_not_started(self) -> None:
        """It was found running, or nothing came of it: the process is the one from before."""
        if self.life not in self.starts:
            self.life, self.slept, self._has_answered = self._before_start

    def became(self, line: lines.StateLine) -> None:
        """Its state changed; a sleep by somebody else is told by no counter before 0.32."""
        if line.state == State.ASLEEP and line.level == 1 and line.by != OURS:
            self.slept = self.slept or 1

    def earlier(self) -> dict[tuple[str, int], int]:
        """Level 1 sleeps of each life that earlier runs have seen."""
        found = {}
        for life, start_s in self.starts.items():
            those = [learned.cycles_of(start_s) for learned in self.learned]
            slept = max((sum(one.level == 1 for one in cycles) for cycles in those), default=0)
            if slept:
                found[self.name, life] = slept
        return found


def _number(told: dict[str, float | int | str], name: str, other: float | None) -> float | None:
    value = told.get(name, other)
    return None if isinstance(value, str) else value
