"""Reads the body of a completion or chat request, with vLLM's checks."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sleeptui.sim.answers import Refusal, bad_request, error, invalid
from sleeptui.sim.dialect import Dialect
from sleeptui.sim.spec import EngineSpec
from sleeptui.sim.text import tokenize

_CHAT_TEMPLATE_TOKENS = 20
"""A one-message chat of three words is 23 prompt tokens in the capture."""
_DEFAULT_MAX_TOKENS = 16
_MEDIA = "Unsupported Media Type: Only 'application/json' is allowed"
_NUMBERS = (
    "max_tokens", "max_completion_tokens", "n", "temperature", "logprobs", "top_logprobs",
)  # fmt: skip
_LARGEST = 1e15
_MOST = {"n": 128, "logprobs": 20, "top_logprobs": 20}
"""Of log probabilities as vLLM has it; of choices less, so that none is without end."""
Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a client asks for."""

    chat: bool
    model: str
    prompt: str
    prompt_ids: tuple[int, ...]
    prompt_tokens: int
    max_tokens: int
    choices: int
    greedy: bool
    stream: bool
    usage: bool
    """A last chunk with the usage."""
    usage_always: bool
    """Usage on every chunk."""
    logprobs: int | None
    """Alternatives a token; 0 is the token alone."""
    token_ids: bool
    ignore_eos: bool


async def read_json(request: Request, dialect: Dialect) -> Body:
    """The JSON object of a request.

    Raises:
        Refusal: Another content type, or no JSON (024-err-badjson, bad-json).
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(
            error(dialect, 400, f'1 validation error:\n  {_MEDIA} ["{_MEDIA}"]', "Bad Request")
        )
    try:
        body = json.loads(await request.body())
    except json.JSONDecodeError as problem:
        place = f"body.{problem.pos}"
        fields = (
            f"{{'type': 'json_invalid', 'loc': '{place}', 'msg': 'JSON decode error', "
            f"'input': '<dict of 0 items>', 'ctx': {{'error': '{problem.msg}'}}}}"
        )
        raise invalid(dialect, place, fields) from problem
    except (ValueError, RecursionError) as problem:
        raise bad_request(dialect, str(problem)) from problem
    if not isinstance(body, dict):
        fields = "{'type': 'model_attributes_type', 'loc': 'body', 'msg': 'Input should be a dict'}"
        raise invalid(dialect, "body", fields)
    return body


def read_ask(body: Body, *, chat: bool, spec: EngineSpec, dialect: Dialect) -> Ask:
    """What is asked for.

    Raises:
        Refusal: A field is missing or wrong, or the model is another.
    """
    wanted = "messages" if chat else "prompt"
    if wanted not in body:
        fields = (
            f"{{'type': 'missing', 'loc': 'body.{wanted}', 'msg': 'Field required', "
            f"'input': '<dict of {len(body)} items>'}}"
        )
        raise invalid(dialect, f"body.{wanted}", fields)
    _check_numbers(body, dialect)
    _check_model(body, spec, dialect)
    _check_salt(body, dialect)
    stream = bool(body.get("stream"))
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        fields = "{'type': 'model_attributes_type', 'loc': 'body.stream_options'}"
        raise invalid(dialect, "body.stream_options", fields)
    if options and not stream:
        raise bad_request(dialect, "Stream options can only be defined when `stream=True`.")
    prompt, ids = _prompt(body[wanted], chat=chat)
    prompt_tokens = len(ids) + (_CHAT_TEMPLATE_TOKENS if chat else 0)
    return Ask(
        chat=chat,
        model=spec.model_name,
        prompt=prompt,
        prompt_ids=tuple(ids),
        prompt_tokens=prompt_tokens,
        max_tokens=_max_tokens(body, prompt_tokens, chat=chat, spec=spec, dialect=dialect),
        choices=max(int(body.get("n") or 1), 1),
        greedy=float(body.get("temperature", 1.0) or 0.0) == 0.0,
        stream=stream,
        usage=bool(options.get("include_usage")),
        usage_always=bool(options.get("continuous_usage_stats")),
        logprobs=_logprobs(body, chat=chat),
        token_ids=bool(body.get("return_token_ids")),
        ignore_eos=bool(body.get("ignore_eos")),
    )


def _check_numbers(body: Body, dialect: Dialect) -> None:
    for key in _NUMBERS:
        value = body.get(key)
        is_switch = isinstance(value, bool)
        is_number = isinstance(value, int | float) and -_LARGEST <= value <= _LARGEST
        if value is not None and (key != "logprobs" if is_switch else not is_number):
            fields = (
                f"{{'type': 'int_type', 'loc': 'body.{key}', 'msg': 'Input should be a number'}}"
            )
            raise invalid(dialect, f"body.{key}", fields)
    temperature = float(body.get("temperature") or 0.0)
    if temperature < 0:
        raise bad_request(
            dialect,
            f"temperature must be non-negative, got {temperature}. "
            f"(parameter=temperature, value={temperature})",
            "temperature",
        )
    for key, most in _MOST.items():
        if (body.get(key) or 0) > most:
            raise bad_request(dialect, f"{key} is greater than max allowed: {most}", key)


def _check_model(body: Body, spec: EngineSpec, dialect: Dialect) -> None:
    model = body.get("model")
    if model is None or model == spec.model_name:
        return
    message = f"The model `{model}` does not exist."
    if dialect.names_aliases:
        message += f" Valid aliases: {spec.model_name}."
    raise Refusal(error(dialect, 404, message, "NotFoundError", param="model"))


def _check_salt(body: Body, dialect: Dialect) -> None:
    salt = body.get("cache_salt")
    if not dialect.cache_salt or salt is None or (isinstance(salt, str) and salt):
        return
    message = "Parameter 'cache_salt' must be a non-empty string if provided."
    raise bad_request(dialect, f"{message} (parameter=cache_salt)", "cache_salt")


def _prompt(value: object, *, chat: bool) -> tuple[str, list[int]]:
    if chat:
        messages = value if isinstance(value, list) else []
        text = "\n".join(_content(message) for message in messages)
        return f"<chat>{text}", tokenize(text)
    if isinstance(value, list):
        ids = [int(part) for part in value if isinstance(part, int)]
        return f"<ids>{ids}", ids
    return str(value), tokenize(str(value))


def _content(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _max_tokens(
    body: Body, prompt_tokens: int, *, chat: bool, spec: EngineSpec, dialect: Dialect
) -> int:
    room = spec.max_model_len - prompt_tokens
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    if asked is None:
        asked = room if chat else min(_DEFAULT_MAX_TOKENS, room)
    if asked > spec.max_model_len:
        raise bad_request(
            dialect,
            f"max_tokens={asked} cannot be greater than max_model_len={spec.max_model_len}. "
            f"Please request fewer output tokens. (parameter=max_tokens, value={asked})",
            "max_tokens",
        )
    if asked > room:
        raise bad_request(
            dialect,
            f"{prompt_tokens} prompt tokens and {asked} to generate do not fit into "
            f"{spec.max_model_len}.",
        )
    return max(int(asked), 1)


def _logprobs(body: Body, *, chat: bool) -> int | None:
    value = body.get("logprobs")
    if not chat:
        return None if value is None or value is False else int(value)
    return int(body.get("top_logprobs") or 0) if value else None
