"""Every key of the configuration with its default and meaning, taken from the code itself.

The keys are those of ``config_schema``, the meanings the docstrings in ``core.settings``. README's
table, ``config init`` and ``config show`` are made from this.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from sleeptui import config_schema as schema
from sleeptui.core import settings

SERVER, RUNTIME = "server", "runtime"
_TABLES: Mapping[str, tuple[type, type]] = {
    "": (schema.ConfigFile, settings.Settings),
    SERVER: (schema.ServerTable, settings.ServerSpec),
    RUNTIME: (schema.RuntimeTable, settings.ServerSpec),
    "timeouts": (schema.TimeoutsTable, settings.Timeouts),
    "canary": (schema.CanaryTable, settings.Canary),
    "sampling": (schema.SamplingTable, settings.Sampling),
    "thresholds": (schema.ThresholdsTable, settings.Thresholds),
    "prompt": (schema.PromptTable, settings.PromptDefaults),
    "recording": (schema.RecordingTable, settings.RecordingDefaults),
}
"""Table of the file to its shape, and to the value that it becomes."""
_FIELDS = {
    "docker": "container",
    "env": "environment",
    "settled_mib": "settled_bytes",
    "residual_mib": "residual_bytes",
}
"""Keys of the file that have another name in the settings."""
_EXAMPLES: Mapping[tuple[str, str], Any] = {
    ("", "gpu_bank"): "bank",
    ("", "keymap"): {"server.wake": "w,f2"},
    (SERVER, "name"): "chat",
    (SERVER, "url"): "http://127.0.0.1:8001",
    (SERVER, "api_key_env"): "CHAT_API_KEY",
    (SERVER, "gpus"): [0],
    (SERVER, "weights"): "~/models/chat",
    (SERVER, "compile_cache"): "~/.cache/vllm",
    (RUNTIME, "docker"): "vllm-chat",
    (RUNTIME, "compose"): "chat",
    (RUNTIME, "command"): ["vllm", "serve", "MODEL", "--port", "8001", "--enable-sleep-mode"],
    (RUNTIME, "env"): {"VLLM_SERVER_DEV_MODE": "1"},
    (RUNTIME, "cwd"): "~/models",
    ("thresholds", "residual_mib"): 4096,
    ("recording", "folder"): "~/sessions",
}
"""What a key without a default may look like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the configuration."""

    table: str
    """Empty: the top level; server, runtime (within a server), timeouts, …"""
    name: str
    meaning: str
    default: Any = None
    """In the unit of the file; None: it has none."""
    is_required: bool = False
    example: Any = None
    """Where it has no default."""

    @property
    def field(self) -> str:
        """Its name in the settings."""
        return _FIELDS.get(self.name, self.name)


@cache
def keys() -> tuple[Key, ...]:
    """All of them, in the order of the file."""
    return tuple(key for table in _TABLES for key in _keys_of(table))


def _keys_of(table: str) -> Iterator[Key]:
    shape, value = _TABLES[table]
    meanings = field_docstrings(value)
    for field in msgspec.structs.fields(shape):
        if "Table" in str(field.type):
            continue
        default = _default(field, value)
        yield Key(
            table=table,
            name=field.name,
            meaning=meanings[_FIELDS.get(field.name, field.name)],
            default=default,
            is_required=field.required,
            example=_EXAMPLES.get((table, field.name)) if default is None else None,
        )


def _default(field: msgspec.structs.FieldInfo, value: type) -> Any:  # noqa: ANN401 - any type
    if field.required:
        return None
    if value in (settings.Timeouts, settings.Canary):
        return getattr(value(), field.name)
    if field.default is msgspec.NODEFAULT:
        return field.default_factory() or None
    return field.default


def field_docstrings(kind: type) -> dict[str, str]:
    """The docstrings that stand under the fields of a class, or the values of an enumeration."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    found: dict[str, str] = {}
    if not isinstance(node, ast.ClassDef):
        return found
    for before, after in zip(node.body, node.body[1:], strict=False):
        said = after.value if isinstance(after, ast.Expr) else None
        if not isinstance(said, ast.Constant):
            continue
        words = " ".join(str(said.value).split())
        if isinstance(before, ast.AnnAssign):
            found[ast.unparse(before.target)] = words
        elif isinstance(before, ast.Assign) and isinstance(before.value, ast.Constant):
            found[str(before.value.value)] = words.replace("``", "`")
    return found
