"""A streamed completion, bytes to token events; pure, fed chunk by chunk as they arrive.

Format: server-sent events as vLLM writes them (``openai/completion/serving.py`` and
``openai/chat_completion/serving.py``): ``data: <json>``, a blank line, last ``data: [DONE]``.
"""

from math import nan
from typing import Annotated

import msgspec

from sleeptui.adapters.json_errors import BROKEN_JSON
from sleeptui.core.canary import Token
from sleeptui.core.completion import TokenEvent
from sleeptui.core.text import clean, one_line

MAX_EVENT_BYTES = 1 << 20
"""An event beyond this is no token; reading stops."""
MAX_TEXT_CHARS = 4 << 20
"""A whole answer beyond this is not kept in memory."""
MAX_DETAILS = 10_000
"""A detailed answer of more tokens is none that was asked for."""
_TOKEN_CHARS = 200
"""The text of one token is kept so far."""
_DONE = b"[DONE]"


class BrokenStreamError(ValueError):
    """The stream is not one that vLLM writes; the text says what is wrong with it."""


class EventReader:
    """Splits chunks into the data of whole events, however the chunks are cut."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._seen = 0
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that this chunk completes; comments and names are skipped.

        Raises:
            BrokenStreamError: An event is larger than any of vLLM's.
        """
        self._pending += chunk
        events: list[bytes] = []
        start = 0
        # Looking on from where the last chunk ended keeps a dripping server linear.
        while (end := self._pending.find(b"\n", max(start, self._seen))) >= 0:
            self._line(bytes(self._pending[start:end]).removesuffix(b"\r"), events)
            start = end + 1
        del self._pending[:start]
        self._seen = len(self._pending)
        if self._seen + self._size > MAX_EVENT_BYTES:
            raise BrokenStreamError("sends an event of more than 1 MiB")
        return events

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
                self._size = 0
        elif line.startswith(b"data:"):
            data = line[5:].removeprefix(b" ")
            self._data.append(data)
            self._size += len(data)
            if self._size > MAX_EVENT_BYTES:
                raise BrokenStreamError("sends an event of more than 1 MiB")


class _Delta(msgspec.Struct):
    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None  # up to 0.12


class _Logprobs(msgspec.Struct):
    """Of ``/v1/completions``: lists, one entry a token of the chunk."""

    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float | None] | None] = []


_Id = Annotated[int, msgspec.Meta(ge=0, le=(1 << 31) - 1)]


class _Choice(msgspec.Struct):
    text: str | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw()
    token_ids: list[_Id] | None = None


_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]


class _Usage(msgspec.Struct):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct):
    message: str | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_logprobs = msgspec.json.Decoder(_Logprobs | None).decode
_decode_error = msgspec.json.Decoder(_Error | str | None).decode


class Answer:
    """What came of a streamed answer so far, of both shapes: completion and chat."""

    def __init__(self, *, detailed: bool = False) -> None:
        """Of one request; ``detailed``: its tokens were asked for with their probabilities."""
        self._detailed = detailed
        self.details: list[Token] = []
        """The tokens of a detailed answer."""
        self._reader = EventReader()
        self._pieces: list[str] = []
        self._chars = 0
        self.tokens = 0
        """Generated so far, by the server's usage; chunks where it does not say."""
        self._counted = False
        self.prompt_tokens: int | None = None
        self.first_token_s: float | None = None
        self.last_token_s: float | None = None
        self.finish_reason: str | None = None
        self.terminated = False
        """``[DONE]`` was seen."""
        self.error: str | None = None
        """The error object inside the stream, in one line."""

    @property
    def text(self) -> str:
        """All text, cleaned, line feeds kept."""
        return "".join(self._pieces)

    @property
    def completion_tokens(self) -> int | None:
        """Tokens by the server's usage, else chunks; None: nothing came."""
        return self.tokens if self._counted or self.tokens else None

    def feed(self, chunk: bytes, at_s: float) -> list[TokenEvent]:
        """The token events of one chunk.

        Args:
            chunk: Bytes as they came.
            at_s: When they came, taken before this call.

        Raises:
            BrokenStreamError: This is not a stream of vLLM.
        """
        events: list[TokenEvent] = []
        for data in self._reader.feed(chunk):
            if data.strip() == _DONE:
                self.terminated = True
            elif (event := self._event(data, at_s)) is not None:
                events.append(event)
        return events

    def _event(self, data: bytes, at_s: float) -> TokenEvent | None:
        try:
            chunk = _decode_chunk(data)
        except BROKEN_JSON as error:
            raise BrokenStreamError("sends an event that is no part of an answer") from error
        if chunk.error:
            self.error = _words(chunk.error) or self.error
        choice = chunk.choices[0] if chunk.choices else None
        if choice is not None and choice.finish_reason is not None:
            self.finish_reason = one_line(choice.finish_reason, 40)
        if self._detailed and choice is not None:
            self.details += _tokens(choice)
            if len(self.details) > MAX_DETAILS:
                raise BrokenStreamError(f"sends more than {MAX_DETAILS} tokens")
        grown = self._count(chunk.usage, choice)
        text = self._text(choice)
        if not grown and not text:
            return None
        if self.first_token_s is None:
            self.first_token_s = at_s
        self.last_token_s = at_s
        return TokenEvent(at_s=at_s, text=text, tokens=self.tokens)

    def _count(self, usage: _Usage | None, choice: _Choice | None) -> bool:
        """Take the tokens of one chunk; True: it brought some.

        A special token has no text, so usage decides (``continuous_usage_stats``); the usage
        of the last chunk, which has no choice, only sets the count right.
        """
        if usage is not None and usage.prompt_tokens is not None:
            self.prompt_tokens = usage.prompt_tokens
        if usage is not None and usage.completion_tokens is not None:
            grown = usage.completion_tokens > self.tokens
            self.tokens = usage.completion_tokens
            self._counted = True
            return grown and choice is not None
        if choice is None or self._counted or not _is_token(choice):
            return False
        self.tokens += 1
        return True

    def _text(self, choice: _Choice | None) -> str:
        text = clean(_raw_text(choice), lines=True) if choice is not None else ""
        self._chars += len(text)
        if self._chars > MAX_TEXT_CHARS:
            raise BrokenStreamError("sends an answer of more than 4 million characters")
        if text:
            self._pieces.append(text)
        return text


def _tokens(choice: _Choice) -> list[Token]:
    """The tokens of one chunk; without log probabilities the ids, without those the text."""
    ids = choice.token_ids or []
    try:
        told = _decode_logprobs(choice.logprobs) if choice.logprobs else None
    except BROKEN_JSON as error:
        raise BrokenStreamError("sends log probabilities that cannot be read") from error
    if told is None:
        text = _token_text(choice.text or "")
        if len(ids) > 1:  # whose part of the text is whose is not told
            return [Token(id=number, text="") for number in ids]
        return [Token(id=ids[0] if ids else None, text=text)] if ids or text else []
    return [
        Token(
            id=ids[place] if place < len(ids) else None,
            text=_token_text(text),
            logprob=(logprob := _number(told.token_logprobs, place)),
            runner_up=_runner_up(told.top_logprobs, place, text, logprob),
        )
        for place, text in enumerate(told.tokens)
    ]


def _token_text(text: str) -> str:
    return clean(text, lines=True)[:_TOKEN_CHARS]


def _number(values: list[float | None], place: int) -> float | None:
    """A log probability; what is no number in the engine is null in its JSON."""
    if place >= len(values):
        return None
    value = values[place]
    return nan if value is None else value


def _runner_up(
    values: list[dict[str, float | None] | None], place: int, chosen: str, logprob: float | None
) -> float | None:
    """The most likely token but the chosen one.

    The keys are texts: of two tokens with the same one only the less likely is left, under the
    text of the chosen token and with another value than its own.
    """
    top = values[place] if place < len(values) else None
    rest = [
        value
        for text, value in (top or {}).items()
        if value is not None and (text != chosen or value != logprob)
    ]
    return max(rest, default=None)


def _raw_text(choice: _Choice) -> str:
    delta = choice.delta
    if delta is None:
        return choice.text or ""
    # 0.12 sends the same words under both names.
    return (delta.reasoning or delta.reasoning_content or "") + (delta.content or "")


def _is_token(choice: _Choice) -> bool:
    """Without usage: every chunk is one, but the role's own and an abort's last."""
    if _raw_text(choice):
        return True
    if choice.delta is not None and choice.delta.role is not None:
        return False
    return choice.finish_reason not in {"abort", "error"}


def _words(raw: msgspec.Raw) -> str | None:
    """The message of an ``error`` member: an object, a text, or null."""
    try:
        error = _decode_error(raw)
    except BROKEN_JSON:
        return "an error that cannot be read"
    message = error.message if isinstance(error, _Error) else error
    if error is None:
        return None
    return one_line(message or "") or "an error without words"
