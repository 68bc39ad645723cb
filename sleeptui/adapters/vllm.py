"""The client of one vLLM server: looks, control routes and streamed prompts.

Routes and versions: vLLM's released sources 0.8 to 0.33, ``entrypoints/serve/dev``; what is sent
where a version does not know it, or would do harm with it, is decided by ``core.version``.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlencode

import httpx

from sleeptui.adapters.http_errors import NOT_VLLM_HINT, refused, timed_out
from sleeptui.adapters.measuring import Measuring, telling
from sleeptui.adapters.sse import Answer, BrokenStreamError
from sleeptui.adapters.vllm_ask import canary_body, prompt_body
from sleeptui.adapters.vllm_json import Done, Models, ServerInfo, Version, read
from sleeptui.adapters.vllm_look import Looker
from sleeptui.adapters.vllm_wire import BODY_BYTES, MIB, NO_HEADERS, Stamps, Wire, chunks
from sleeptui.core.completion import Completion, Timed, TokenEvent
from sleeptui.core.errors import BadReply, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.model import Observation, ServerFacts, SleepLevel, SleepMode
from sleeptui.core.ports import LoopMeter
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line
from sleeptui.core.version import Features

_T = TypeVar("_T")
_COMPLETIONS = "/v1/completions"
_NAME_CHARS = 120
_SERVER_INFO_BYTES = 4 * MIB
_SERVER_INFO_S = 20.0
"""Its first answer takes 1.8 s: vLLM collects facts about the whole system."""


class VllmClient:
    """One vLLM server over HTTP; the engine's side of ``core.ports.EngineClient``.

    Looks run on the caller's event loop. Whatever is timed runs on the measuring thread, on
    connections of its own.
    """

    def __init__(self, spec: ServerSpec, measuring: Measuring) -> None:
        """Connects to nothing yet.

        Raises:
            ConfigError: The URL of the server is none.
        """
        self._spec = spec
        self._measuring = measuring
        self._wire = Wire(spec)
        self._looker = Looker(spec, self._wire)
        self._facts: ServerFacts | None = None
        self._model: str | None = None
        """The first served name as the server spells it; in the facts it is cleaned."""

    async def observe(self, *, full: bool) -> Observation:
        """Look once. Never raises: what went wrong is in the observation."""
        return await self._looker.look(self._facts or ServerFacts(), full=full)

    async def facts(self) -> ServerFacts:
        """Read what changes only with a restart.

        Without the key of the server its models stay unknown; all else can be read.

        Raises:
            EngineError: It cannot be asked, or is no vLLM.
        """
        version = await self._version()
        try:
            models = await self._models()
        except Refused:
            models = Models(data=[])
        first = models.data[0] if models.data else None
        sleep_enabled, device = await self._switches()
        self._facts = ServerFacts(
            version=version,
            models=tuple(one_line(model.id, _NAME_CHARS) for model in models.data),
            root=one_line(first.root) if first and first.root else None,
            max_model_len=first.max_model_len if first else None,
            sleep_enabled=sleep_enabled,
            device=device,
            load_tracking=self._looker.load_tracked,
        )
        return self._facts

    async def sleep(self, level: SleepLevel, mode: SleepMode | None) -> Timed:
        """POST /sleep once; ``mode`` is left out where the version would not know it.

        Raises:
            EngineError: Also for level 0 before 0.17, which would drop the weights: not sent.
        """
        features = await self._features()
        if level is SleepLevel.PAUSE and not features.sleep_mode:
            raise self._not_sent("this version would drop its weights at level 0")
        query = {"level": str(SleepLevel(level).value)}
        if mode is not None and features.sleep_mode:
            query["mode"] = mode.value
        return await self._control(f"/sleep?{urlencode(query)}", self._spec.timeouts.sleep_s)

    async def wake(self, tags: Sequence[str] = ()) -> Timed:
        """POST /wake_up once; the tags as repeated keys, a list in one would be ignored."""
        path = "/wake_up"
        if tags:
            if not (await self._features()).wake_tags:
                raise self._not_sent("this version cannot wake in parts")
            path += "?" + urlencode([("tags", tag) for tag in tags])
        return await self._control(path, self._spec.timeouts.wake_s)

    async def reload_weights(self) -> Timed:
        """POST /collective_rpc reload_weights once."""
        if not (await self._features()).reload_weights:
            raise self._not_sent("this version cannot reload its weights")
        content = b'{"method":"reload_weights"}'
        return await self._control("/collective_rpc", self._spec.timeouts.wake_s, content)

    async def reset_prefix_cache(self) -> Timed:
        """POST /reset_prefix_cache once; its status is "failed" where the server says so."""
        return await self._control("/reset_prefix_cache", self._spec.timeouts.wake_s)

    async def health(self) -> Timed:
        """GET /health once, timed: a start is over between one that fails and one that does not."""
        return await self._control("/health", self._spec.timeouts.probe_s, method="GET")

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: Callable[[TokenEvent], None],
        model: str | None = None,
        ignore_eos: bool = False,
        detailed: bool = False,
        request_id: str = "",
        limit_s: float | None = None,
    ) -> Completion:
        """Stream one greedy completion; ``on_token`` is called on the caller's event loop.

        A stream that breaks after its first token is returned as far as it came, with ``error``.
        Cancelling closes the connection, which aborts the request in the engine.

        Args:
            prompt: The text, sent as it is, with no chat template.
            max_tokens: Where the answer is cut.
            on_token: Called for each piece, in order.
            model: A served name; None: the first.
            ignore_eos: Its answer has ``max_tokens`` tokens, whatever the model thinks.
            detailed: With each token and its probabilities.
            request_id: Its X-Request-Id, letters, digits and ``-``; the server's log has it.
            limit_s: Bounds the whole of it, and its connection; None: as ``timeouts`` says.
        """
        content = prompt_body(
            model or await self._first_model(),
            prompt,
            max_tokens=max_tokens,
            ignore_eos=ignore_eos,
            detailed=detailed,
        )
        answer = Answer(detailed=detailed)
        stream = self._stream(
            content,
            answer,
            telling(on_token),
            self._spec.timeouts.prompt_s if limit_s is None else limit_s,
            headers={"x-request-id": request_id} if request_id else NO_HEADERS,
            connect_s=limit_s,
        )
        completion, late_s = await self._measuring.timed(stream)
        return replace(completion, late_s=late_s)

    async def canary(
        self,
        prompt: str,
        *,
        max_tokens: int,
        on_token: Callable[[TokenEvent], None] | None = None,
    ) -> Completion:
        """Ask for a greedy answer with the id and log probabilities of each token.

        Salted, so that no prefix cache answers; before 0.9 the cache is reset instead, where
        that can be done. Fields that a version does not know are ignored by it. ``on_token`` is
        called for each piece, on the caller's event loop.

        Raises:
            EngineError: It refused, is lost, or did not answer in ``timeouts.canary_s``.
        """
        if not (await self._features()).cache_salt:
            with suppress(Refused, BadReply):
                await self._control("/reset_prefix_cache", self._spec.timeouts.canary_s)
        content = canary_body(await self._first_model(), prompt, max_tokens=max_tokens)
        answer = Answer(detailed=True)
        tell = _ignore if on_token is None else telling(on_token)
        stream = self._stream(content, answer, tell, self._spec.timeouts.canary_s)
        completion, late_s = await self._measuring.timed(stream)
        return replace(completion, late_s=late_s)

    async def close(self) -> None:
        """Close its connections."""
        await self._wire.close_looks()
        if self._wire.has_timed:
            await self._measuring.run(self._wire.close_timed())

    async def _version(self) -> str:
        version = (await self._ask("/version", Version)).version
        return one_line(version, _NAME_CHARS)

    async def _models(self) -> Models:
        models = await self._ask("/v1/models", Models)
        self._model = models.data[0].id if models.data else None
        return models

    async def _first_model(self) -> str:
        if self._model is None:
            await self._models()
        if self._model is None:
            raise BadReply(
                f"{self._spec.name}: serves no model", server=self._spec.name, hint=NOT_VLLM_HINT
            )
        return self._model

    async def _features(self) -> Features:
        if self._facts is not None:
            return self._facts.features
        return ServerFacts(version=await self._version()).features

    async def _switches(self) -> tuple[bool | None, str | None]:
        """``--enable-sleep-mode`` and the device; None: not told, as without dev mode."""
        path = "/server_info?config_format=json"
        try:
            info = await self._ask(
                path, ServerInfo, limit=_SERVER_INFO_BYTES, within_s=_SERVER_INFO_S
            )
        except (Refused, BadReply, TimedOut):
            return None, None
        return info.switches()

    async def _ask(
        self,
        path: str,
        shape: type[_T],
        *,
        limit: int = BODY_BYTES,
        within_s: float | None = None,
    ) -> _T:
        """GET and decode; ``within_s``: the deadline, None for that of a look."""
        name = self._spec.name
        try:
            async with asyncio.timeout(within_s or self._spec.timeouts.probe_s):
                reply = await self._wire.get(path, limit=limit)
        except TimeoutError as error:
            raise timed_out(server=name, address=self._wire.address) from error
        if reply.status != HTTPStatus.OK:
            raise self._refused(reply.status, reply.body, path)
        return read(reply.body, shape, server=name, path=path)

    async def _control(
        self, path: str, deadline_s: float, content: bytes = b"", *, method: str = "POST"
    ) -> Timed:
        sent = self._send(method, path, deadline_s, content)
        (timed, body), late_s = await self._measuring.timed(sent)
        timed = replace(timed, late_s=late_s)
        if body.strip() in {b"", b"null"}:  # up to 0.31 there is no more
            return timed
        done = read(body, Done, server=self._spec.name, path=_route(path))
        status = one_line(done.status, 40) if done.status else None
        return replace(timed, status="failed" if done.success is False else status)

    async def _send(
        self, method: str, path: str, deadline_s: float, content: bytes
    ) -> tuple[Timed, bytes]:
        """On the measuring loop."""
        stamps = Stamps()
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._wire.exchange(path, stamps, method=method, content=content) as response,
            ):
                body = await self._wire.read(response, what=f"to {_route(path)}")
                done_s = time.monotonic()
                status = response.status_code
        except TimeoutError as error:
            raise self._timed_out(stamps) from error
        if status != HTTPStatus.OK:
            raise self._refused(status, body, _route(path))
        return Timed(sent_s=stamps.sent_s or done_s, done_s=done_s), body

    async def _stream(
        self,
        content: bytes,
        answer: Answer,
        tell: Callable[[TokenEvent], None],
        deadline_s: float,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        connect_s: float | None = None,
    ) -> Completion:
        """On the measuring loop."""
        stamps = Stamps()
        problem: str | None = None
        exchange = self._wire.exchange(
            _COMPLETIONS, stamps, content=content, headers=headers, connect_s=connect_s
        )
        try:
            async with asyncio.timeout(deadline_s), exchange as response:
                await self._read_stream(response, answer, tell)
        except TimeoutError as error:
            if answer.first_token_s is None:
                raise self._timed_out(stamps) from error
            problem = f"cut after {deadline_s:g} s"
        except BrokenStreamError as error:
            if answer.first_token_s is None:
                raise BadReply(
                    f"{self._spec.name}: {error}", server=self._spec.name, hint=NOT_VLLM_HINT
                ) from error
            problem = f"it {error}"
        except Unreachable:
            if answer.first_token_s is None:
                raise
            problem = "the connection broke"
        ended_s = time.monotonic()
        return Completion(
            sent_s=stamps.sent_s or ended_s,
            headers_s=stamps.headers_s,
            first_token_s=answer.first_token_s,
            last_token_s=answer.last_token_s,
            ended_s=ended_s,
            text=answer.text,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            finish_reason=answer.finish_reason,
            terminated=answer.terminated,
            error=answer.error or problem,
            tokens=tuple(answer.details),
        )

    async def _read_stream(
        self, response: httpx.Response, answer: Answer, tell: Callable[[TokenEvent], None]
    ) -> None:
        if response.status_code != HTTPStatus.OK:
            body = await self._wire.read(response, what=f"to {_COMPLETIONS}")
            raise self._refused(response.status_code, body, _COMPLETIONS)
        kind = response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise BrokenStreamError(f"answers {_COMPLETIONS} with no stream")
        async with chunks(response) as parts:
            async for chunk in parts:
                at_s = time.monotonic()
                for event in answer.feed(chunk, at_s):
                    tell(event)
                if answer.terminated:
                    return

    def _refused(self, status: int, body: bytes, path: str) -> EngineError:
        return refused(
            status, body, server=self._spec.name, path=path, api_key_env=self._spec.api_key_env
        )

    def _timed_out(self, stamps: Stamps) -> TimedOut:
        return timed_out(
            server=self._spec.name,
            address=self._wire.address,
            sent=stamps.sent_s is not None,
        )

    def _not_sent(self, why: str) -> EngineError:
        return EngineError(f"{self._spec.name}: {why}, not sent", server=self._spec.name)


class VllmClients:
    """Makes the clients of all servers, which share one measuring thread."""

    def __init__(self, meter: LoopMeter | None = None) -> None:
        """Nothing is started; ``meter`` measures how late stamps are."""
        self._measuring = Measuring(meter)

    def __call__(self, spec: ServerSpec) -> VllmClient:
        """A client that has not connected yet.

        Raises:
            ConfigError: The URL of the server is none.
        """
        return VllmClient(spec, self._measuring)

    async def close(self) -> None:
        """Cut off what is still being timed and end the thread; after closing the clients."""
        await self._measuring.close()


def _ignore(event: TokenEvent) -> None:
    """Nobody watches a canary."""


def _route(path: str) -> str:
    """The path without its query, for messages."""
    return path.partition("?")[0]
