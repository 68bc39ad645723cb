"""The JSON that vLLM answers, typed: what is not in use is skipped, not kept.

Shapes: vLLM's ``entrypoints/serve/dev`` and ``entrypoints/openai``, and captures of 0.25.1,
0.31.0 and 0.32.0.
"""

from typing import Annotated, TypeVar

import msgspec

from sleeptui.adapters.http_errors import NOT_VLLM_HINT, is_markup
from sleeptui.adapters.json_errors import BROKEN_JSON
from sleeptui.core.errors import BadReply
from sleeptui.core.text import one_line

_T = TypeVar("_T")
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
"""More is no count, and could not be recorded."""


class IsSleeping(msgspec.Struct):
    """GET /is_sleeping."""

    is_sleeping: bool


class IsPaused(msgspec.Struct):
    """GET /is_paused (0.12 and later)."""

    is_paused: bool


class Load(msgspec.Struct):
    """GET /load."""

    server_load: _Count


class Version(msgspec.Struct):
    """GET /version."""

    version: str


class Model(msgspec.Struct):
    """One served name."""

    id: str
    root: str | None = None
    max_model_len: _Count | None = None


class Models(msgspec.Struct):
    """GET /v1/models; the first is the base model, LoRA adapters follow."""

    data: list[Model]


class ModelConfig(msgspec.Struct):
    """Of the whole configuration only this is kept: it tells paths and settings."""

    enable_sleep_mode: bool | None = None


class DeviceConfig(msgspec.Struct):
    """What it computes on: ``cuda``, ``cpu``."""

    device: str | None = None


class VllmConfig(msgspec.Struct):
    """``vllm_config``."""

    model_config: ModelConfig | None = None
    device_config: DeviceConfig | None = None


class ServerInfo(msgspec.Struct):
    """GET /server_info?config_format=json (0.11 and later; before, ``vllm_config`` is a text)."""

    vllm_config: VllmConfig | str | None = None

    def switches(self) -> tuple[bool | None, str | None]:
        """``--enable-sleep-mode`` and the device; None where it is not told."""
        config = self.vllm_config
        if not isinstance(config, VllmConfig):
            return None, None
        model, computes = config.model_config, config.device_config
        device = computes.device if computes else None
        return model.enable_sleep_mode if model else None, one_line(device) if device else None


class Done(msgspec.Struct):
    """What a control route answers: /sleep, /wake_up (0.32), /reset_prefix_cache (0.26)."""

    status: str | None = None
    success: bool | None = None


def read(body: bytes, shape: type[_T], *, server: str, path: str) -> _T:
    """Decode an answer.

    Raises:
        BadReply: It is HTML, half a JSON, or another JSON than vLLM's.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except BROKEN_JSON as error:
        raise BadReply(
            f"{server}: answers {path} with {_what(body, error)}", server=server, hint=NOT_VLLM_HINT
        ) from error


def _what(body: bytes, error: Exception) -> str:
    if not body.strip():
        return "nothing"
    if is_markup(body):
        return "an HTML page"
    if isinstance(error, msgspec.ValidationError | RecursionError):
        return "a JSON that is not vLLM's"
    if "truncated" in str(error):
        return "half a JSON"
    return "something that is no JSON"
