"""The batch and the queue of one engine, as a function of time.

Nothing runs by itself: ``run`` carries the requests from one moment to the next, in one go, so
that a fleet costs nothing between two looks.
"""

import itertools
from collections import deque
from enum import Enum

from sleeptui.sim.latency import Latency
from sleeptui.sim.stats import Stats
from sleeptui.sim.text import Voice

_ROUNDING = 1e-9
_FIRST_AFTER_WAKE_S = 0.025
"""The first prompt after a wake took 42 ms where later ones took 14 (captured switches)."""
_ids = itertools.count(1)


class Pause(Enum):
    """vLLM's scheduler pause states."""

    NONE = "none"
    NEW = "new"
    """Running requests go on, nothing new is taken."""
    ALL = "all"
    """Nothing moves."""


class SimRequest:
    """One request, from its arrival to its end."""

    __slots__ = (
        *("arrived_s", "beside", "ended_s", "finish_reason", "first_token_s", "garbage_from"),
        *("generated", "id", "limit", "max_tokens", "natural", "prefill_s", "progress"),
        *("prompt_tokens", "started_s", "voice", "weights_empty"),
    )

    def __init__(
        self,
        *,
        prompt_tokens: int,
        max_tokens: int,
        arrived_s: float,
        natural_tokens: int | None = None,
        voice: Voice | None = None,
    ) -> None:
        self.id = next(_ids)
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.natural = max_tokens if natural_tokens is None else natural_tokens
        self.limit = min(max_tokens, self.natural)
        self.voice = voice
        self.arrived_s = arrived_s
        self.started_s: float | None = None
        self.first_token_s: float | None = None
        self.ended_s: float | None = None
        self.finish_reason: str | None = None
        self.prefill_s = 0.0
        """Of prefill that is still to do."""
        self.progress = 0.0
        self.generated = 0
        self.garbage_from: int | None = None
        """From this token on the weights were lost."""
        self.weights_empty = False
        """They are not wrong but empty."""
        self.beside: set[int] = set()
        """Places of the tokens that were made beside other requests; of what has a voice."""

    @property
    def tokens(self) -> int:
        """In the KV cache."""
        return self.prompt_tokens + self.generated

    def spoil(self, *, empty: bool) -> None:
        """The weights are garbage from here: no end of sequence comes any more."""
        self.weights_empty = empty
        if self.garbage_from is None:
            self.garbage_from = self.generated
            self.limit = self.max_tokens

    def grow(self, tokens: int, *, beside: bool) -> None:
        """It has made so many tokens, perhaps beside other requests."""
        if beside and self.voice is not None:
            self.beside.update(range(self.generated, self.generated + tokens))
        self.generated += tokens

    def mend(self) -> None:
        """The weights are right again, nothing was said yet."""
        if self.garbage_from == self.generated == 0:
            self.garbage_from = None
            self.limit = min(self.max_tokens, self.natural)


class Scheduler:
    """Continuous batching: each step makes one token for each running request."""

    def __init__(
        self, *, latency: Latency, stats: Stats, max_num_seqs: int, kv_tokens: int
    ) -> None:
        self.latency = latency
        self.stats = stats
        self.max_num_seqs = max_num_seqs
        self.kv_tokens = kv_tokens
        self.pause = Pause.NONE
        self.weights_ok = True
        self.weights_empty = False
        self.cold = False
        """The next request is the first after a wake."""
        self.running: list[SimRequest] = []
        self.waiting: deque[SimRequest] = deque()
        self.finished: list[SimRequest] = []
        """Since the owner last took them."""
        self.gauges = (0, 0, 0.0)
        """Running, waiting, KV use as of the last step: what /metrics shows."""

    @property
    def unfinished(self) -> int:
        """Requests that it holds."""
        return len(self.running) + len(self.waiting)

    def submit(self, request: SimRequest) -> None:
        """Queue a request; it starts with the next step, if nothing is paused."""
        self.waiting.append(request)

    def run(self, start_s: float, until_s: float) -> float:
        """Carry all requests on; stops early when one ends.

        Returns:
            The moment that was reached.
        """
        now_s = start_s
        if self.pause is Pause.ALL:
            return until_s
        while True:
            self._admit(now_s)
            if not self.running:
                return until_s
            step_s = min(self._next_change_s(), until_s - now_s)
            self._progress(now_s, step_s)
            now_s += step_s
            ended = self._finish_done(now_s)
            if ended:
                self._admit(now_s)
            self._publish()
            if ended:
                return now_s
            if now_s >= until_s - _ROUNDING:
                return until_s

    def next_token_s(self, request: SimRequest) -> float | None:
        """Seconds until its next token; None while that depends on something else."""
        if self.pause is Pause.ALL:
            return None
        if request not in self.running:
            starts = self.pause is Pause.NONE and len(self.running) < self.max_num_seqs
            return self.latency.prefill_s(request.prompt_tokens) if starts else None
        if request.prefill_s > 0:
            return request.prefill_s
        missing = request.generated + 1 - request.progress
        return max(missing, 0.0) * self.latency.step_s(len(self.running))

    def next_end_s(self) -> float | None:
        """Seconds until the first running request ends; None while nothing runs."""
        if self.pause is Pause.ALL or not self.running:
            return None
        return self._next_change_s()

    def abort(self, request: SimRequest, now_s: float) -> None:
        """End one request now; nothing happens if it has ended.

        Its client left, or asked for it: vLLM counts that nowhere (captured 060, 140).
        """
        if request in self.running:
            self.running.remove(request)
        elif request in self.waiting:
            self.waiting.remove(request)
        else:
            return
        self._part(request, "abort", now_s)
        if self.pause is not Pause.ALL:
            self._publish()

    def abort_all(self, now_s: float) -> int:
        """End all requests now; the number."""
        ended = [*self.running, *self.waiting]
        self.running.clear()
        self.waiting.clear()
        for request in ended:
            self._end(request, "abort", now_s)
        if ended:
            self._publish()
        return len(ended)

    def recompute(self) -> None:
        """The KV cache was dropped under running requests: their prefill is due again."""
        self.stats.preemptions += len(self.running)
        for request in self.running:
            request.prefill_s = self.latency.prefill_s(request.tokens)

    def _admit(self, now_s: float) -> None:
        while self.waiting and self.pause is Pause.NONE and len(self.running) < self.max_num_seqs:
            request = self.waiting.popleft()
            request.started_s = now_s
            request.prefill_s = self.latency.prefill_s(request.prompt_tokens)
            if self.cold:
                request.prefill_s += self.latency.scaled(_FIRST_AFTER_WAKE_S)
                self.cold = False
            self.running.append(request)
            self.stats.prefix_queries += request.prompt_tokens
            self.stats.observe("request_queue_time_seconds", now_s - request.arrived_s)

    def _next_change_s(self) -> float:
        step_s = self.latency.step_s(len(self.running))
        return min(
            request.prefill_s
            if request.prefill_s > 0
            else max(request.limit - request.progress, 0.0) * step_s
            for request in self.running
        )

    def _progress(self, now_s: float, passed_s: float) -> None:
        token_s = self.latency.step_s(len(self.running))
        beside = len(self.running) > 1
        for request in self.running:
            if not self.weights_ok:
                request.spoil(empty=self.weights_empty)
            elif request.garbage_from is not None:
                request.mend()
            if request.prefill_s > 0:
                request.prefill_s -= passed_s
                if request.prefill_s <= _ROUNDING:
                    request.prefill_s = 0.0
                    self._first_token(request, now_s + passed_s, beside=beside)
                continue
            request.progress = min(request.progress + passed_s / token_s, request.limit)
            made = int(request.progress + _ROUNDING) - request.generated
            if made > 0:
                request.grow(made, beside=beside)
                self.stats.generation_tokens += made
                self.stats.observe("inter_token_latency_seconds", token_s, made)
                self.stats.observe("iteration_tokens_total", len(self.running), made)

    def _first_token(self, request: SimRequest, now_s: float, *, beside: bool) -> None:
        if request.first_token_s is not None:
            return
        request.first_token_s = now_s
        request.grow(1, beside=beside)
        request.progress = 1.0
        self.stats.generation_tokens += 1
        self.stats.prompt_tokens += request.prompt_tokens
        self.stats.observe("time_to_first_token_seconds", now_s - request.arrived_s)
        self.stats.observe("iteration_tokens_total", request.prompt_tokens)

    def _finish_done(self, now_s: float) -> bool:
        done = [
            request
            for request in self.running
            if request.generated >= request.limit and request.prefill_s <= 0
        ]
        for request in done:
            self.running.remove(request)
            stopped = request.garbage_from is None and request.natural < request.max_tokens
            self._end(request, "stop" if stopped else "length", now_s)
        return bool(done)

    def _part(self, request: SimRequest, reason: str, now_s: float) -> None:
        request.finish_reason = reason
        request.ended_s = now_s
        self.finished.append(request)

    def _end(self, request: SimRequest, reason: str, now_s: float) -> None:
        self._part(request, reason, now_s)
        stats = self.stats
        stats.success[reason] += 1
        stats.observe("request_prompt_tokens", request.prompt_tokens)
        stats.observe("request_generation_tokens", request.generated)
        stats.observe("request_max_num_generation_tokens", request.generated)
        stats.observe("request_params_n", 1)
        stats.observe("request_params_max_tokens", request.max_tokens)
        stats.observe("e2e_request_latency_seconds", now_s - request.arrived_s)
        stats.observe("request_num_preemptions", 0)
        stats.observe("request_prefill_kv_computed_tokens", request.prompt_tokens)
        if request.started_s is None or request.first_token_s is None:
            return
        decode_s = now_s - request.first_token_s
        stats.observe("request_inference_time_seconds", now_s - request.started_s)
        stats.observe("request_prefill_time_seconds", request.first_token_s - request.started_s)
        stats.observe("request_decode_time_seconds", decode_s)
        if request.generated > 1:
            each_s = decode_s / (request.generated - 1)
            stats.observe("request_time_per_output_token_seconds", each_s)

    def _publish(self) -> None:
        used = sum(request.tokens for request in self.running)
        self.gauges = (len(self.running), len(self.waiting), min(used / self.kv_tokens, 1.0))
