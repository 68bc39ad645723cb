"""A trial: requests are in flight, their server is put to sleep and woken. What becomes of them?

Moments as in ``core.fates``: S0 the sleep is sent, S1 it is answered, W0 the wake is sent. A trial
decides nothing: what it saw is in the journal, and classified from there.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from sleeptui.core.bench import BenchPhase, Counted, PhaseKind
from sleeptui.core.errors import NotAllowed
from sleeptui.core.model import SleepLevel, SleepMode
from sleeptui.core.operation import Fate, OperationRecord
from sleeptui.core.plan import InFlight
from sleeptui.core.step import Step
from sleeptui.services.bench.desk import DEAD, BenchDesk, StepFailed
from sleeptui.services.bench.load import Answered, Ask, Control, Load
from sleeptui.services.deadline import within
from sleeptui.services.ticket import Ticket

WORDS = "Write a long story about a machine that falls asleep and forgets nothing. Chapter"
SHORT = "Name a colour, a river and a bird, number"
STREAM, LATE, PARKED, PROBE = "inflight", "late", "parked", "probe"
LATE_TOKENS = 16
PROBE_TOKENS = 4
UNDER_WAY_TOKENS = 16
UNDER_WAY_SHARE = 0.1
"""A sleep finds each stream with so many tokens, or so much of its answer."""
TOO_FAR = 0.5
"""No stream is further than that: the sleep has to find it under way."""
QUIET_S = 0.25
"""No other stream has begun for so long: those without a token are in the queue."""
LATE_AFTER_S = 0.005
"""Each connection takes a millisecond: so much later it is written after the sleep is."""
PARKED_AFTER_S = 1.0
_LOOK_S = 0.01
_HELD_UP_S = 0.1
"""A look that is later than this was held up by our own loop, or by the machine."""
_COUNTED_AFTER_S = 0.3
"""The server's counters follow its answers."""
_COUNT_TRIES = 10
_FRESH_LIMIT_S = 30.0
_TIMES_CONTROL = 3.0
"""A request is hung no sooner than after so many times what it takes without a sleep."""
_UNDER_WAY_LIMIT_S = 120.0


async def run_trial(desk: BenchDesk, step: Step) -> None:
    """The work of a control, or of a trial.

    Raises:
        StepFailed: The server did not sleep or wake as asked, or the sleep found no streams.
    """
    if step.phase.kind is PhaseKind.CONTROL:
        await _control(desk, step.phase)
        return
    trial = _Trial(desk, step.phase)
    async with trial.load.opened():
        await trial.run()


async def _control(desk: BenchDesk, phase: BenchPhase) -> None:
    """Ask the streams without a sleep, twice: whether a server repeats itself is not certain."""
    settings, server = _settings(desk), phase.server
    began_s = desk.now_s()
    asks = tuple(
        Ask(
            cohort="control",
            prompt=desk.prompt(f"{WORDS} {number}."),
            max_tokens=settings.max_tokens,
            is_detailed=True,
        )
        for number in range(1, (phase.streams or 1) + 1)
    )
    first = await _answered(desk, server, asks)
    took_s = desk.now_s() - began_s
    await _answered(desk, server, first)
    desk.controls[server, phase.streams or 1] = Control(asks=first, duration_s=took_s)


async def _answered(desk: BenchDesk, server: str, asks: tuple[Ask, ...]) -> tuple[Ask, ...]:
    """The same requests, each with its answer; one that gets none holds up nobody for ever."""
    load, limit_s = _load(desk, server), desk.view(server).spec.timeouts.prompt_s
    end_s = desk.now_s() + limit_s
    async with load.opened():
        load.send(*asks)
        while load.is_open and desk.now_s() < end_s:
            await desk.pause(_LOOK_S)
        load.give_up(Fate.HUNG, f"open {limit_s:g} s after it was sent")
    bad = next((one for one in load.flights if not one.is_whole), None)
    if bad is not None:
        why = bad.request.error or "its answer was cut"
        raise StepFailed("invalid:control", f"a request without a sleep was not answered: {why}")
    return tuple(
        replace(one.ask, control=Answered(id=one.request.id, completion=one.request.completion))
        for one in load.flights
        if one.request.completion is not None
    )


class _Trial:
    """One of them."""

    def __init__(self, desk: BenchDesk, phase: BenchPhase) -> None:
        self._desk = desk
        self._phase = phase
        self._settings = _settings(desk)
        self._server = phase.server
        self._is_probing = True
        self.load = _load(desk, phase.server)

    async def run(self) -> None:
        """Streams, sleep, dwell, wake, and the end of every request."""
        self.load.send(*self._streams())
        if self._may_ask_asleep and self._settings.probe_per_s:
            self.load.beside(self.load.probe(self._probes(self._settings.probe_per_s)))
        await self._until_under_way()
        await self._count("before")
        problem: StepFailed | None = None
        try:
            await self._sleep_and_wake()
        except StepFailed as failed:
            problem = failed
        await self._until_ended(is_dead=problem is not None and problem.is_fatal)
        await self._desk.pause(_COUNTED_AFTER_S)
        await self._count("after")
        if problem is not None:
            raise problem

    @property
    def _may_ask_asleep(self) -> bool:
        """Before 0.17 a sleep with a request in flight kills the engine: nothing comes then."""
        features = self._desk.view(self._server).facts.features
        return features.safe_with_requests and features.sleep_mode

    def _streams(self) -> list[Ask]:
        """Those of the control; without one the like, which nothing is compared with."""
        streams = self._phase.streams or 1
        control = self._desk.controls.get((self._server, streams))
        if control is not None:
            return [replace(one, cohort=STREAM) for one in control.asks]
        tokens = self._settings.max_tokens
        return [self._ask(STREAM, f"{WORDS} {number}.", tokens) for number in range(1, streams + 1)]

    def _ask(
        self, cohort: str, words: str, tokens: int, *, scheduled_s: float | None = None
    ) -> Ask:
        prompt = self._desk.prompt(words)
        return Ask(cohort=cohort, prompt=prompt, max_tokens=tokens, scheduled_s=scheduled_s)

    async def _probes(self, per_s: float) -> AsyncIterator[Ask]:
        """On a schedule that no answer holds up: what a user sees who knows of no sleep."""
        began_s, number = self._desk.now_s(), 0
        while self._is_probing:
            due_s = began_s + number / per_s
            await self._desk.pause(due_s - self._desk.now_s())
            if not self._is_probing:  # it would be taken back with the trial
                return
            number += 1
            yield self._ask(PROBE, f"{SHORT} {number}.", PROBE_TOKENS, scheduled_s=due_s)

    async def _until_under_way(self) -> None:
        """Wait until the sleep finds what it is to find.

        Raises:
            StepFailed: No stream came so far, or one has ended already.
        """
        least = max(1, round(min(UNDER_WAY_TOKENS, UNDER_WAY_SHARE * self._settings.max_tokens)))
        began_s = changed_s = self._desk.now_s()
        begun = 0
        while True:
            counts = [one.request.tokens for one in self.load.of(STREAM)]
            now_s, with_tokens = self._desk.now_s(), sum(1 for count in counts if count)
            if with_tokens != begun:
                begun, changed_s = with_tokens, now_s
            if counts and max(counts) > TOO_FAR * self._settings.max_tokens:
                break
            is_settled = begun == self._phase.streams or now_s - changed_s >= QUIET_S
            if begun and is_settled and all(count >= least for count in counts if count):
                break
            if now_s - began_s > _UNDER_WAY_LIMIT_S:
                raise StepFailed("invalid:no tokens", "no stream came so far as to be put to sleep")
            await self._desk.pause(_LOOK_S)
        if any(not one.is_open for one in self.load.of(STREAM)):
            raise StepFailed(
                "invalid:finished early", "a stream ended before the sleep: it needs more tokens"
            )

    async def _sleep_and_wake(self) -> None:
        """The transitions; requests are sent meanwhile.

        Raises:
            StepFailed: One of them did not end well.
        """
        desk, phase = self._desk, self._phase
        try:
            ticket = desk.operations.sleep(
                self._server,
                level=SleepLevel(phase.level or 1),
                mode=_mode(phase),
                verify=False,  # its canary would come between the streams and the sleep
            )
        except NotAllowed as error:
            raise StepFailed("invalid:refused", str(error)) from error
        if self._may_ask_asleep:
            self.load.beside(self._follow(ticket))
        problem: StepFailed | None = None
        try:
            record = await desk.ended(lambda: ticket)
            await desk.pause(self._left_s(record))
        except StepFailed as failed:
            problem = failed
        await self._count("asleep")
        if problem is None or not problem.is_fatal:
            await self._wake(problem)
        if problem is not None:
            raise problem

    def _left_s(self, record: OperationRecord) -> float:
        """How long it is to be asleep yet."""
        done_s = self._desk.now_s() if record.done_s is None else record.done_s
        return done_s + (self._phase.dwell_s or 0.0) - self._desk.now_s()

    async def _wake(self, problem: StepFailed | None) -> None:
        """After a sleep that did not end well it may be awake: then there is nothing to wake."""
        try:
            await self._desk.wake(self._server)
        except StepFailed as failed:
            if problem is None and self._desk.is_gone(self._server):
                raise StepFailed(DEAD, failed.note) from failed
            if problem is None:
                raise

    async def _follow(self, ticket: Ticket) -> None:
        """The requests that are sent just after S0, and some time after S1."""
        desk, settings = self._desk, self._settings
        await ticket.sending.wait()
        await desk.pause(LATE_AFTER_S)
        self._send_some(LATE, settings.late)
        await ticket.answered.wait()
        await desk.pause(min(PARKED_AFTER_S, (self._phase.dwell_s or 0.0) / 2))
        self._send_some(PARKED, settings.parked)

    def _send_some(self, cohort: str, count: int) -> None:
        words = (f"{SHORT} {number}." for number in range(1, count + 1))
        self.load.send(*(self._ask(cohort, one, LATE_TOKENS) for one in words))

    async def _until_ended(self, *, is_dead: bool) -> None:
        """Wait for every request, in bounds; what is open then is hung, or lost with its server.

        What goes on is neither, however slow: the bound is on how long nothing comes at all.
        """
        desk, server = self._desk, self._server
        self._is_probing = False
        control = desk.controls.get((server, self._phase.streams or 1))
        limit_s = self._settings.deadline_s
        if control is not None:
            limit_s = max(limit_s, _TIMES_CONTROL * control.duration_s)
        if is_dead:
            limit_s = min(limit_s, desk.view(server).spec.timeouts.settle_s)
        while True:
            await self._until_silent(limit_s)
            if not self.load.is_open:
                return
            came = self._came
            answers = await self._answers()
            if not self.load.is_open:
                return
            if self._came == came:
                break
        if answers:
            self.load.give_up(Fate.HUNG, f"nothing came for {limit_s:g} s after the wake")
        else:
            self.load.give_up(Fate.LOST, "open, and its server answers nobody")
        await self.load.close()

    async def _until_silent(self, limit_s: float) -> None:
        """Wait until all have ended, or nothing has come for so long.

        A look that comes late was held up on this side: the server has had no time in it that we
        could have seen, so that it counts no longer than it should have taken.
        """
        desk, came, silent_s = self._desk, self._came, 0.0
        while self.load.is_open and silent_s < limit_s:
            looked_s = desk.now_s()
            await desk.pause(_LOOK_S)
            silent_s += min(desk.now_s() - looked_s, _HELD_UP_S)
            if self._came != came:
                came, silent_s = self._came, 0.0

    @property
    def _came(self) -> int:
        """Grows with each piece of an answer, and with each end."""
        flights = self.load.flights
        return sum(len(one.request.chunks) + (not one.is_open) for one in flights)

    async def _answers(self) -> bool:
        """Whether it answers a fresh request."""
        asked = self._desk.request(
            self._server, cohort="check", prompt=self._desk.prompt(SHORT), max_tokens=PROBE_TOKENS
        )
        try:
            completion = await within(self._desk.clock, _FRESH_LIMIT_S, asked)
        except TimeoutError:
            return False
        return completion is not None and completion.terminated

    async def _count(self, moment: str) -> None:
        """Read the server's own figures, and tell them beside ours.

        A request that begins or ends meanwhile would be counted by one side only: then once more.
        """
        desk, server = self._desk, self._server
        tries, ours = 0, desk.ledger.open_on(server)
        while True:
            tries, before = tries + 1, ours
            seen = await desk.services.supervisor.look(server)
            await desk.pause(_LOOK_S)
            ours = desk.ledger.open_on(server)
            if ours == before or tries >= _COUNT_TRIES:
                break
        metrics = seen.metrics
        counted = Counted(
            at_s=seen.at_s,
            server=server,
            moment=moment,
            running=metrics.running if metrics else None,
            waiting=metrics.waiting if metrics else None,
            finished=dict(metrics.requests_total) if metrics else {},
            preemptions=metrics.preemptions_total if metrics else None,
            ours=len(ours),
        )
        desk.bus.publish(counted)


def _settings(desk: BenchDesk) -> InFlight:
    return desk.plan.in_flight or InFlight()


def _mode(phase: BenchPhase) -> SleepMode:
    return SleepMode(phase.mode or SleepMode.WAIT)


def _load(desk: BenchDesk, server: str) -> Load:
    return Load(
        server=server,
        client=desk.client(server),
        ledger=desk.ledger,
        clock=desk.clock,
        name=f"{desk.nonce}-{next(desk.numbers)}",
    )
