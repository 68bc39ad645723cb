"""Requests of a benchmark in a sample journal: steady ones, and those that a sleep finds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from support.journal_acts import Acts
from support.journal_story import Engine, in_flight, request_begin, request_end

from sleeptui.core.operation import Fate

TOKEN_S = 0.006
HALF = 24
"""Tokens of a request that is in flight when its server is put to sleep, of 64."""
WHOLE = 64


@dataclass(slots=True, kw_only=True)
class Open:
    """A request in flight."""

    number: int
    cohort: str
    sent_ns: int
    at_ns: list[int] = field(default_factory=list)


class Requests(Acts):
    """Sends requests that no operation is of."""

    lost_every = 0
    """Of so many requests in flight one is lost; 0: none."""
    _flown = 0

    def ask(
        self, name: str, cohort: str, *, tokens: int = 8, slow: float = 1.0, **fields: object
    ) -> int:
        """A request alone; it is answered whole."""
        engine, sent_ns = self.teller.engines[name], self.teller.now_ns
        one = self._begin(engine, cohort, tokens, sent_ns)
        one.at_ns = self._stamps(sent_ns + int(self.teller.about(0.021 * slow) * 1e9), tokens)
        self._stream(engine, one.at_ns[-1])
        self._finish(engine, one, **fields)
        return one.number

    def trial(self, name: str, mode: str, level: int, controls: list[int]) -> None:
        """Requests in flight, a sleep, late and parked ones, a wake, all to their end."""
        engine, teller = self.teller.engines[name], self.teller
        streams = [self._flying(engine) for _ in controls]
        teller.wait(HALF * TOKEN_S + 0.03)
        fate = {"abort": Fate.ABORTED, "wait": Fate.COMPLETED, "keep": Fate.FROZEN}[mode]
        finish = {"abort": "abort", "wait": "length", "keep": None}[mode]
        asked_ns = teller.now_ns
        drain_s = (WHOLE - HALF) * TOKEN_S if mode == "wait" else 0.0
        requests = in_flight(len(streams), fate, finish)
        self.sleep(name, level, mode=mode, requests=requests, drain_s=drain_s)
        parked = [self._begin(engine, "parked", WHOLE, asked_ns + 1_000_000), self._parked(engine)]
        if mode == "abort":
            self._aborted(engine, streams, asked_ns + 6_000_000)
        if mode == "wait":
            self._completed(
                engine, zip(streams, controls, strict=True), asked_ns + round(drain_s * 1e9)
            )
        teller.wait(5.0)
        self.wake(name)
        if mode == "keep":
            self._resumed(engine, zip(streams, controls, strict=True))
        for one in parked:
            one.at_ns = self._stamps(teller.now_ns, WHOLE)
            self._finish(engine, one)
        teller.wait(WHOLE * TOKEN_S + 0.2)

    def _flying(self, engine: Engine) -> Open:
        one = self._begin(engine, "inflight", WHOLE, self.teller.now_ns)
        one.at_ns = self._stamps(one.sent_ns + 20_000_000, HALF)
        return one

    def _parked(self, engine: Engine) -> Open:
        return self._begin(engine, "parked", WHOLE, self.teller.now_ns)

    def _aborted(self, engine: Engine, streams: Iterable[Open], cut_ns: int) -> None:
        for one in streams:
            lost = self._is_lost()
            how = {"fate": Fate.CUT, "finish": None, "error": "the connection was reset"}
            if not lost:
                how = {"fate": Fate.ABORTED, "finish": "abort"}
            self._finish(engine, one, end_ns=cut_ns, **how)

    def _completed(
        self, engine: Engine, streams: Iterable[tuple[Open, int]], until_ns: int
    ) -> None:
        for one, control in streams:
            step_ns = (until_ns - one.at_ns[-1]) // (WHOLE - HALF + 1)
            begin_ns = one.at_ns[-1]
            one.at_ns += [begin_ns + step_ns * (nth + 1) for nth in range(WHOLE - HALF)]
            self._compared(engine, one, control)

    def _resumed(self, engine: Engine, streams: Iterable[tuple[Open, int]]) -> None:
        for one, control in streams:
            one.at_ns += self._stamps(self.teller.now_ns, WHOLE - HALF)
            self._compared(engine, one, control)

    def _compared(self, engine: Engine, one: Open, control: int) -> None:
        if self._is_lost():
            how = {"fate": Fate.CUT, "finish": None, "error": "the connection was reset"}
            self._finish(engine, one, control=control, **how)
        else:
            self._finish(engine, one, control=control, equal=True, equal_chars=212)

    def _is_lost(self) -> bool:
        self._flown += 1
        return bool(self.lost_every) and self._flown % self.lost_every == 0

    def _begin(self, engine: Engine, cohort: str, tokens: int, at_ns: int) -> Open:
        number = next(self._requests)
        how = {"cohort": cohort, "op": None, "max_tokens": tokens, "xid": f"bench-{number}"}
        request_begin(self.teller, engine, number, at_ns=at_ns, **how)
        return Open(number=number, cohort=cohort, sent_ns=at_ns + 300_000)

    def _finish(self, engine: Engine, one: Open, **how: object) -> None:
        request_end(self.teller, engine, one.number, sent_ns=one.sent_ns, at_ns=one.at_ns, **how)

    def _stamps(self, first_ns: int, tokens: int) -> list[int]:
        return [first_ns + int(nth * TOKEN_S * 1e9) for nth in range(tokens)]
