"""The first line: what a session was recorded with, and the settings that a replay needs."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from platform import python_version
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from sleeptui import __version__
from sleeptui.core.settings import (
    Canary,
    RecordingDefaults,
    Sampling,
    ServerSpec,
    Settings,
    Thresholds,
    Timeouts,
)
from sleeptui.recorder.line_session import Header, Target

BANKED = "servers with simulated GPUs"
"""What stands for a scenario where simulated servers run on their own."""
Plain = float | int | str | bool | None
_V = TypeVar("_V", Sampling, Thresholds, Timeouts)
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NOT_WRITTEN = frozenset({"folder", "text", "at_start", "report"})
"""Of the recording's settings: a path of this machine, and what the header says itself."""


def header_of(settings: Settings, *, run_id: str, now_ns: int, wall_ns: int) -> Header:
    """The header of a session that begins now."""
    return Header(
        t=now_ns,
        run_id=run_id,
        wall_ns=wall_ns,
        boot_id=boot_id(),
        tool=f"sleeptui {__version__}",
        python=python_version(),
        demo=settings.demo or (BANKED if settings.gpu_bank else None),
        text=settings.recording.text,
        settings=dict(_dotted(settings)),
        targets=tuple(map(target_of, settings.servers)),
        plan=dict(settings.plan),
        seed=settings.seed,
    )


def settings_of(header: Header) -> Settings:
    """The settings that the picture depends on, as they were; the rest has its defaults."""
    return Settings(
        servers=tuple(map(spec_of, header.targets)),
        demo=header.demo,
        readonly=True,
        sampling=_filled(Sampling(), "sampling", header.settings),
        thresholds=_filled(Thresholds(), "thresholds", header.settings),
        source=f"session {header.run_id}",
    )


def target_of(spec: ServerSpec) -> Target:
    """A server as the journal may tell of it: its key's name and its secrets are left out."""
    return Target(
        name=spec.name,
        url=plain_url(spec.url),
        gpus=spec.gpus,
        container=spec.container,
        compose=spec.compose,
        level=spec.level,
        pinned=spec.pinned,
        canary=spec.canary.enabled,
        canary_max_tokens=spec.canary.max_tokens,
    )


def spec_of(target: Target) -> ServerSpec:
    """The server that a journal tells of."""
    return ServerSpec(
        name=target.name,
        url=target.url,
        gpus=target.gpus,
        container=target.container,
        compose=target.compose,
        level=target.level,
        pinned=target.pinned,
        canary=Canary(enabled=target.canary, prompt="", max_tokens=target.canary_max_tokens),
    )


def plain_url(url: str) -> str:
    """A URL without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def boot_id() -> str:
    """Which start of this machine it is; empty where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:  # noqa: PTH123 - a path that is none
            return file.read().strip()
    except OSError:
        return ""


def _dotted(settings: Settings) -> Iterator[tuple[str, Plain]]:
    yield from _values("sampling", settings.sampling)
    yield from _values("thresholds", settings.thresholds)
    for name, value in _values("recording", settings.recording):
        if name.partition(".")[2] not in _NOT_WRITTEN:
            yield name, value
    yield "readonly", settings.readonly
    common = settings.servers[0].timeouts if settings.servers else Timeouts()
    yield from _values("timeouts", common)
    for spec in settings.servers:
        for name, value in _values(f"servers.{spec.name}.timeouts", spec.timeouts):
            if value != getattr(common, name.rpartition(".")[2]):
                yield name, value


def _values(
    name: str, values: Sampling | Thresholds | Timeouts | RecordingDefaults
) -> Iterator[tuple[str, Plain]]:
    for field in fields(values):
        yield f"{name}.{field.name}", getattr(values, field.name)


def _filled(defaults: _V, name: str, told: Mapping[str, Plain]) -> _V:
    """The values of a session, as far as it tells them, of the type that they have here."""
    known: dict[str, Any] = {}
    for field in fields(defaults):
        value, default = told.get(f"{name}.{field.name}"), getattr(defaults, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            known[field.name] = float(value) if isinstance(default, float) else int(value)
    return replace(defaults, **known)
