"""Bodies and chunks of completions, in the shape of the captures.

018 to 021 and 027 to 029 of 0.32.0, stream-completion and stream-chat of 0.25.1. One chunk a
token; the last token's chunk has the finish reason, an abort has a chunk of its own.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sleeptui.sim.asks import Ask
from sleeptui.sim.dialect import Dialect
from sleeptui.sim.scheduler import SimRequest
from sleeptui.sim.text import EMPTY, WRONG, Said, Speech, Voice

DONE = "data: [DONE]\n\n"
_ALTERNATIVE_STEP = 0.7
Json = dict[str, Any]


class Reply:
    """The answer to one ask, made from its requests; one request a choice."""

    def __init__(
        self,
        ask: Ask,
        requests: Sequence[SimRequest],
        *,
        dialect: Dialect,
        version: str,
        answer_id: str,
        prefix: str,
    ) -> None:
        self.ask = ask
        self.requests = requests
        self.id = answer_id
        self._speeches = [
            Speech(
                request.voice or Voice(ask.model, ask.prompt),
                beside=request.beside,
                seed=f"{answer_id}-{index}",
            )
            for index, request in enumerate(requests)
        ]
        self._dialect = dialect
        self._prefix = prefix
        self._fingerprint = f"vllm-{version}-5117ab1e"
        self._created = int(time.time())
        self._sent = [0] * len(requests)
        self._length = [0] * len(requests)
        """Characters that were streamed."""
        self._closed = [False] * len(requests)

    @property
    def ended(self) -> bool:
        """All choices have ended."""
        return all(request.finish_reason is not None for request in self.requests)

    @property
    def failed(self) -> bool:
        """The engine died under it."""
        return any(request.finish_reason == "error" for request in self.requests)

    @property
    def has_no_number(self) -> bool:
        """A probability in it is none: as one JSON it cannot be written."""
        wanted = self.ask.logprobs is not None
        return wanted and any(
            self._token(index, request.generated - 1).logprob is None
            for index, request in enumerate(self.requests)
            if request.generated
        )

    # --- in one piece -------------------------------------------------------------------------

    def body(self) -> Json:
        """The whole answer."""
        choices = [self._choice(index) for index in range(len(self.requests))]
        body: Json = {
            "id": self.id,
            "object": "chat.completion" if self.ask.chat else "text_completion",
            "created": self._created,
            "model": self.ask.model,
            "choices": choices,
            "service_tier": None,
            "system_fingerprint": self._fingerprint,
            "usage": self._usage(details=True),
        }
        if self.ask.chat:
            ids = list(self.ask.prompt_ids) if self.ask.token_ids else None
            body |= {"prompt_logprobs": None, "prompt_token_ids": ids, "prompt_text": None}
        body["kv_transfer_params"] = None
        if self._dialect.usage_details:
            body["ec_transfer_params"] = None
        body["metrics"] = None
        return body

    def _choice(self, index: int) -> Json:
        request = self.requests[index]
        tokens = [self._token(index, place) for place in range(request.generated)]
        text = "".join(token.text for token in tokens)
        choice: Json = {"index": index}
        if self.ask.chat:
            choice["message"] = {
                "role": "assistant",
                "content": text,
                "refusal": None,
                "annotations": None,
                "audio": None,
                "function_call": None,
                "reasoning": None,
            }
        else:
            choice["text"] = text
        choice["logprobs"] = self._logprobs(tokens, 0)
        choice["finish_reason"] = request.finish_reason
        choice["stop_reason"] = None
        if not self._dialect.token_ids:
            return choice
        choice["token_ids"] = [token.id for token in tokens] if self.ask.token_ids else None
        if not self.ask.chat:
            ids = list(self.ask.prompt_ids) if self.ask.token_ids else None
            choice |= {"prompt_logprobs": None, "prompt_token_ids": ids}
        choice["routed_experts"] = None
        return choice

    # --- as a stream --------------------------------------------------------------------------

    def chunks(self) -> Iterator[str]:
        """The events for all tokens that came since the last call."""
        for index, request in enumerate(self.requests):
            if self.ask.chat and self._sent[index] == 0 and request.generated:
                yield self._event(self._role(index), 0)
            for place in range(self._sent[index], request.generated):
                last = place == request.generated - 1
                reason = request.finish_reason if last else None
                if reason in ("stop", "length"):
                    self._closed[index] = True
                else:
                    reason = None
                token = self._token(index, place)
                yield self._event(self._delta(index, place, token, reason), place + 1)
            self._sent[index] = request.generated
            if request.finish_reason == "abort" and not self._closed[index]:
                self._closed[index] = True
                yield self._event(self._delta(index, request.generated, None, "abort"), None)

    def closing(self) -> Iterator[str]:
        """The events after the last token: an error or the usage, and the end mark."""
        if self.failed:
            message = "EngineCore encountered an issue. See stack trace above for the root cause."
            kind = "InternalServerError"
            error = {"message": message, "type": kind, "param": None, "code": 500}
            yield _event({"error": error})
        elif self.ask.usage:
            head = self._head()
            head["choices"] = []
            head["usage"] = self._usage(details=False)
            head["system_fingerprint"] = self._fingerprint
            yield _event(head)
        yield DONE

    def _head(self) -> Json:
        kind = "chat.completion.chunk" if self.ask.chat else "text_completion"
        return {
            "id": self.id,
            "object": kind,
            "created": self._created,
            "model": self.ask.model,
        }

    def _event(self, choice: Json, generated: int | None) -> str:
        head = self._head()
        head["choices"] = [choice]
        role = self.ask.chat and "role" in choice["delta"]
        if self.ask.usage_always:
            done = sum(self._sent) if generated is None else generated
            details = self._dialect.usage_details and self.ask.chat
            head["usage"] = self._counts(done) | (
                {"completion_tokens_details": None} if details else {}
            )
        if role:
            ids = list(self.ask.prompt_ids) if self.ask.token_ids else None
            head |= {"prompt_token_ids": ids, "prompt_text": None}
        elif self.ask.chat and choice["finish_reason"] and not self.ask.usage:
            head["system_fingerprint"] = self._fingerprint
        return _event(head)

    @staticmethod
    def _role(index: int) -> Json:
        return {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }

    def _delta(self, index: int, place: int, token: Said | None, reason: str | None) -> Json:
        text = token.text if token else ""
        choice: Json = {"index": index}
        if self.ask.chat:
            choice["delta"] = {"content": text}
        else:
            choice["text"] = text
        choice["logprobs"] = self._logprobs([token], self._length[index]) if token else None
        self._length[index] += len(text)
        choice["finish_reason"] = reason
        if not self.ask.chat or reason:
            choice["stop_reason"] = None
        if self._dialect.token_ids:
            if not self.ask.chat:
                first = self.ask.token_ids and place == 0
                choice["prompt_token_ids"] = list(self.ask.prompt_ids) if first else None
            choice["token_ids"] = [token.id] if token and self.ask.token_ids else None
        return choice

    # --- parts --------------------------------------------------------------------------------

    def _token(self, index: int, place: int) -> Said:
        request = self.requests[index]
        if request.garbage_from is not None and place >= request.garbage_from:
            return EMPTY if request.weights_empty else WRONG
        said = self._speeches[index].token(place)
        return said._replace(text=self._prefix + said.text) if place == 0 else said

    def _logprobs(self, tokens: Sequence[Said], offset: int) -> Json | None:
        wanted = self.ask.logprobs
        if wanted is None:
            return None
        if self.ask.chat:
            return {
                "content": [
                    _chat_logprob(token, wanted, greedy=self.ask.greedy) for token in tokens
                ]
            }
        offsets = []
        for token in tokens:
            offsets.append(offset)
            offset += len(token.text)
        return {
            "text_offset": offsets,
            "token_logprobs": [token.logprob for token in tokens],
            "tokens": [token.text for token in tokens],
            "top_logprobs": [
                dict(_alternatives(token, wanted, greedy=self.ask.greedy)) for token in tokens
            ],
        }

    def _counts(self, generated: int) -> Json:
        prompt = self.ask.prompt_tokens
        return {
            "prompt_tokens": prompt,
            "total_tokens": prompt + generated,
            "completion_tokens": generated,
        }

    def _usage(self, *, details: bool) -> Json:
        usage = self._counts(sum(request.generated for request in self.requests))
        if details:
            usage["prompt_tokens_details"] = None
            if self._dialect.usage_details:
                usage["completion_tokens_details"] = None
        return usage


def _alternatives(token: Said, wanted: int, *, greedy: bool) -> Iterator[tuple[str, float | None]]:
    """The chosen token and the ``wanted`` most likely ones, of which a greedy choice is one."""
    yield token.text, token.logprob
    likelier = 0 if greedy else 1
    for place in range(1, wanted + likelier):
        text = token.second if place == 1 else f" other{place}"
        if token.logprob is None:
            yield text, None
        elif greedy:
            yield text, token.logprob - token.lead - _ALTERNATIVE_STEP * (place - 1)
        else:
            yield text, token.logprob + _ALTERNATIVE_STEP * (2 - place)


def _chat_logprob(token: Said, wanted: int, *, greedy: bool) -> Json:
    return {
        "token": token.text,
        "logprob": token.logprob,
        "bytes": list(token.text.encode()),
        "top_logprobs": [
            {"token": text, "logprob": logprob, "bytes": list(text.encode())}
            for text, logprob in _alternatives(token, wanted, greedy=greedy)
            if wanted
        ],
    }


def _event(data: Json) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
