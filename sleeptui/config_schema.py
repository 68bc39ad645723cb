"""The configuration file's shape, as typed structures, and how they become Settings."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, field

from sleeptui.core.settings import (
    Canary,
    PromptDefaults,
    RecordingDefaults,
    Sampling,
    ServerSpec,
    Settings,
    Thresholds,
    Timeouts,
)

_Seconds = Annotated[float, Meta(gt=0, le=86400)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Name = Annotated[str, Meta(min_length=1, max_length=60)]
_Text = Annotated[str, Meta(min_length=1)]
_DEFAULT_TIMEOUTS = Timeouts()
_DEFAULT_SAMPLING = Sampling()
_DEFAULT_THRESHOLDS = Thresholds()
_DEFAULT_PROMPT = PromptDefaults()
_DEFAULT_RECORDING = RecordingDefaults()
MIB = 1 << 20


class TimeoutsTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[timeouts]`` for all servers, ``[server.timeouts]`` for one; seconds."""

    connect_s: _Seconds | None = None
    probe_s: _Seconds | None = None
    sleep_s: _Seconds | None = None
    wake_s: _Seconds | None = None
    drain_s: _Seconds | None = None
    prompt_s: _Seconds | None = None
    canary_s: _Seconds | None = None
    settle_s: _Seconds | None = None
    start_s: _Seconds | None = None
    stop_s: _Seconds | None = None

    def over(self, base: Timeouts) -> Timeouts:
        """The timeouts with what is set here in place of ``base``."""
        names = self.__struct_fields__
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return Timeouts(**{name: given.get(name, getattr(base, name)) for name in names})


class CanaryTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[canary]`` for all servers, ``[server.canary]`` for one: the prompt that proves a wake."""

    enabled: bool | None = None
    prompt: Annotated[str, Meta(min_length=1, max_length=10_000)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=256)] | None = None

    def over(self, base: Canary) -> Canary:
        """The canary with what is set here in place of ``base``."""
        return Canary(
            enabled=base.enabled if self.enabled is None else self.enabled,
            prompt=base.prompt if self.prompt is None else self.prompt,
            max_tokens=base.max_tokens if self.max_tokens is None else self.max_tokens,
        )


class RuntimeTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``runtime``: where the server runs, for its processes and its log, and what starts it."""

    docker: _Name | None = None
    """Container name."""
    compose: _Name | None = None
    """Docker Compose service name."""
    command: Annotated[list[_Text], Meta(min_length=1, max_length=500)] | None = None
    """Program and arguments, as they are: no shell reads them."""
    env: Mapping[_Text, str] = field(default_factory=dict)
    """Added to the environment, for ``command``."""
    cwd: _Text | None = None
    """Where ``command`` runs."""

    @property
    def problem(self) -> str:
        """What contradicts itself, in one sentence; empty: nothing."""
        if sum(kind is not None for kind in (self.docker, self.compose, self.command)) > 1:
            return "runtime names more than one of docker, compose and command"
        if self.command is None and (self.env or self.cwd is not None):
            return "runtime has env or cwd, which belong to a command"
        return ""


class ServerTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[[server]]``: one server to watch."""

    name: _Name
    url: str
    api_key_env: str | None = None
    gpus: list[Annotated[int, Meta(ge=0, le=255)]] | None = None
    runtime: RuntimeTable = field(default_factory=RuntimeTable)
    weights: _Text | None = None
    compile_cache: _Text | None = None
    level: Annotated[int, Meta(ge=0, le=2)] = 1
    pinned: bool = False
    canary: CanaryTable = field(default_factory=CanaryTable)
    timeouts: TimeoutsTable = field(default_factory=TimeoutsTable)

    def spec(self, base: Timeouts, canary: Canary) -> ServerSpec:
        """The server as a value; its URL is checked by the caller."""
        return ServerSpec(
            name=self.name,
            url=self.url,
            api_key_env=self.api_key_env,
            gpus=tuple(self.gpus) if self.gpus is not None else None,
            container=self.runtime.docker,
            compose=self.runtime.compose,
            command=tuple(self.runtime.command or ()),
            environment=dict(self.runtime.env),
            cwd=self.runtime.cwd,
            weights=self.weights,
            compile_cache=self.compile_cache,
            level=self.level,
            pinned=self.pinned,
            canary=self.canary.over(canary),
            timeouts=self.timeouts.over(base),
        )


class SamplingTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[sampling]``: how often to look; seconds."""

    interval_s: Annotated[float, Meta(ge=0.1, le=10)] = _DEFAULT_SAMPLING.interval_s
    fast_interval_s: Annotated[float, Meta(ge=0.01, le=1)] = _DEFAULT_SAMPLING.fast_interval_s
    discovery_s: Annotated[float, Meta(ge=1, le=3600)] = _DEFAULT_SAMPLING.discovery_s
    stale_after_s: _Seconds = _DEFAULT_SAMPLING.stale_after_s


class ThresholdsTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[thresholds]``: when a measurement counts."""

    settled_mib: Annotated[int, Meta(ge=1)] = _DEFAULT_THRESHOLDS.settled_bytes // MIB
    settled_for_s: _Seconds = _DEFAULT_THRESHOLDS.settled_for_s
    freed_fraction: _Fraction = _DEFAULT_THRESHOLDS.freed_fraction
    regrown_fraction: _Fraction = _DEFAULT_THRESHOLDS.regrown_fraction
    residual_mib: Annotated[int, Meta(ge=1)] | None = None


class PromptTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[prompt]``: what the prompt screen starts with."""

    text: str = _DEFAULT_PROMPT.text
    max_tokens: Annotated[int, Meta(ge=1, le=100_000)] = _DEFAULT_PROMPT.max_tokens


class RecordingTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[recording]``: how sessions are recorded."""

    folder: Annotated[str, Meta(min_length=1)] | None = None
    at_start: bool = _DEFAULT_RECORDING.at_start
    text: bool = _DEFAULT_RECORDING.text
    gpu_interval_s: Annotated[float, Meta(ge=0.02, le=10)] = _DEFAULT_RECORDING.gpu_interval_s
    report: bool = _DEFAULT_RECORDING.report


class ConfigFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    server: list[ServerTable] = field(default_factory=list)
    timeouts: TimeoutsTable = field(default_factory=TimeoutsTable)
    canary: CanaryTable = field(default_factory=CanaryTable)
    sampling: SamplingTable = field(default_factory=SamplingTable)
    thresholds: ThresholdsTable = field(default_factory=ThresholdsTable)
    prompt: PromptTable = field(default_factory=PromptTable)
    recording: RecordingTable = field(default_factory=RecordingTable)
    theme: str = Settings().theme
    ascii: bool = False
    readonly: bool = False
    gpu_bank: _Text | None = None
    keymap: Mapping[str, str] = field(default_factory=dict)

    def settings(self, source: str) -> Settings:
        """The file as settings."""
        timeouts = self.timeouts.over(_DEFAULT_TIMEOUTS)
        canary = self.canary.over(Canary())
        residual_mib = self.thresholds.residual_mib
        return Settings(
            servers=tuple(server.spec(timeouts, canary) for server in self.server),
            gpu_bank=self.gpu_bank,
            readonly=self.readonly,
            sampling=Sampling(
                interval_s=self.sampling.interval_s,
                fast_interval_s=self.sampling.fast_interval_s,
                discovery_s=self.sampling.discovery_s,
                stale_after_s=self.sampling.stale_after_s,
            ),
            thresholds=Thresholds(
                settled_bytes=self.thresholds.settled_mib * MIB,
                settled_for_s=self.thresholds.settled_for_s,
                freed_fraction=self.thresholds.freed_fraction,
                regrown_fraction=self.thresholds.regrown_fraction,
                residual_bytes=None if residual_mib is None else residual_mib * MIB,
            ),
            prompt=PromptDefaults(text=self.prompt.text, max_tokens=self.prompt.max_tokens),
            recording=RecordingDefaults(
                folder=self.recording.folder,
                at_start=self.recording.at_start,
                text=self.recording.text,
                gpu_interval_s=self.recording.gpu_interval_s,
                report=self.recording.report,
            ),
            theme=self.theme,
            ascii=self.ascii,
            keymap=dict(self.keymap),
            source=source,
        )
