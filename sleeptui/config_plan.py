"""Read and check the plan of a benchmark: a TOML file, or one of those that come with it."""

from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from sleeptui.config_errors import explain, line_of, plainly
from sleeptui.config_toml import file_of, tables_of, text_of
from sleeptui.core.bench import Question
from sleeptui.core.cold import ColdKind
from sleeptui.core.errors import ConfigError
from sleeptui.core.plan import ORDER, PLAN_VERSION, InFlight, Latency, Memory, Plan, Stability
from sleeptui.core.text import clean, one_line

BUILT_IN = ("quick", "standard", "careful")
_FOLDER = "plans"
_SUFFIX = ".toml"
_CHOICES = {
    "cold": ", ".join(kind.value for kind in ColdKind if kind is not ColdKind.UNKNOWN),
    "modes": "abort, wait, keep",
    "levels": "1, 2",
    "order": ", ".join(Question),
}
_LATENCY, _MEMORY, _IN_FLIGHT, _STABILITY = Latency(), Memory(), InFlight(), Stability()
_ColdName = Literal["cold_cached", "cold_disk", "cold_virgin"]
_Mode = Literal["abort", "wait", "keep"]
_Part = Literal["latency", "memory", "in_flight", "stability"]
_Levels = Annotated[list[Literal[1, 2]], Meta(min_length=1, max_length=2)]
_Seconds = Annotated[float, Meta(ge=0, le=3600)]
_Count = Annotated[int, Meta(ge=1, le=1000)]
_Few = Annotated[int, Meta(ge=0, le=100)]


class LatencyTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[latency]``: wake against cold start."""

    blocks: Annotated[int, Meta(ge=0, le=100)] = _LATENCY.blocks
    cycles: _Count = _LATENCY.cycles
    levels: _Levels = msgspec.field(default_factory=lambda: [1, 2])
    cold: Annotated[list[_ColdName], Meta(min_length=1, max_length=3)] = msgspec.field(
        default_factory=lambda: ["cold_cached"]
    )
    dwell_s: Annotated[list[_Seconds], Meta(min_length=1, max_length=10)] = msgspec.field(
        default_factory=lambda: list(_LATENCY.dwell_s)
    )
    warm_up: _Few = _LATENCY.warm_up
    steady: Annotated[int, Meta(ge=1, le=100)] = _LATENCY.steady
    settle_s: _Seconds = _LATENCY.settle_s

    def value(self) -> Latency:
        """As a part of the plan."""
        return Latency(
            blocks=self.blocks,
            cycles=self.cycles,
            levels=tuple(self.levels),
            cold=tuple(ColdKind(kind) for kind in self.cold),
            dwell_s=tuple(self.dwell_s),
            warm_up=self.warm_up,
            steady=self.steady,
            settle_s=self.settle_s,
        )


class MemoryTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[memory]``: what a sleep frees, proven by use."""

    cycles: _Count = _MEMORY.cycles
    levels: _Levels = msgspec.field(default_factory=lambda: [1, 2])

    def value(self) -> Memory:
        """As a part of the plan."""
        return Memory(cycles=self.cycles, levels=tuple(self.levels))


class InFlightTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[in_flight]``: requests while their server is put to sleep."""

    modes: Annotated[list[_Mode], Meta(min_length=1, max_length=3)] = msgspec.field(
        default_factory=lambda: ["abort", "wait", "keep"]
    )
    levels: _Levels = msgspec.field(default_factory=lambda: [1])
    streams: Annotated[list[_Count], Meta(min_length=1, max_length=10)] = msgspec.field(
        default_factory=lambda: list(_IN_FLIGHT.streams)
    )
    repeats: _Count = _IN_FLIGHT.repeats
    max_tokens: Annotated[int, Meta(ge=64, le=100_000)] = _IN_FLIGHT.max_tokens
    dwell_s: _Seconds = _IN_FLIGHT.dwell_s
    late: _Few = _IN_FLIGHT.late
    parked: _Few = _IN_FLIGHT.parked
    probe_per_s: Annotated[float, Meta(ge=0, le=100)] = _IN_FLIGHT.probe_per_s
    deadline_s: Annotated[float, Meta(ge=1, le=3600)] = _IN_FLIGHT.deadline_s

    def value(self) -> InFlight:
        """As a part of the plan."""
        return InFlight(
            modes=tuple(self.modes),
            levels=tuple(self.levels),
            streams=tuple(self.streams),
            repeats=self.repeats,
            max_tokens=self.max_tokens,
            dwell_s=self.dwell_s,
            late=self.late,
            parked=self.parked,
            probe_per_s=self.probe_per_s,
            deadline_s=self.deadline_s,
        )


class StabilityTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[stability]``: many cycles, each with its canary."""

    cycles: _Count = _STABILITY.cycles
    levels: _Levels = msgspec.field(default_factory=lambda: [1])
    dwell_s: _Seconds = _STABILITY.dwell_s

    def value(self) -> Stability:
        """As a part of the plan."""
        return Stability(cycles=self.cycles, levels=tuple(self.levels), dwell_s=self.dwell_s)


class PlanFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file; a table that is missing is a part that is left out."""

    version: int
    title: Annotated[str, Meta(max_length=200)] = ""
    models: list[Annotated[str, Meta(min_length=1, max_length=60)]] = msgspec.field(
        default_factory=list
    )
    order: list[_Part] = msgspec.field(default_factory=list)
    seed: Annotated[int, Meta(ge=0, le=(1 << 53) - 1)] | None = None
    max_duration_s: Annotated[float, Meta(gt=0, le=604_800)] | None = None
    latency: LatencyTable | None = None
    memory: MemoryTable | None = None
    in_flight: InFlightTable | None = None
    stability: StabilityTable | None = None


def read_plan(name: str) -> Plan:
    """A plan by its name, or from a file.

    Args:
        name: quick, standard, careful, or the path of a TOML file.

    Raises:
        ConfigError: There is none, or something in it is wrong; names the file and the line.
    """
    if name in BUILT_IN:
        text = (files("sleeptui") / _FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
        return parse_plan(text, name=name, where=f"plan {name}")
    path = file_of(name)
    if path is None:
        hint = f"use {', '.join(BUILT_IN)}, or the path of a TOML file"
        raise ConfigError(f"{one_line(name)}: there is no such plan", hint=hint)
    return parse_plan(text_of(path), name=one_line(path.stem), where=str(path))


def parse_plan(text: str, *, name: str, where: str) -> Plan:
    """A plan from its text.

    Args:
        text: TOML.
        name: What it is called in reports.
        where: For errors: the file.

    Raises:
        ConfigError: Something is wrong; names the line.
    """
    tree = tables_of(text, where)
    _check_version(tree.get("version"), text, where)
    try:
        file = msgspec.convert(tree, PlanFile)
    except msgspec.ValidationError as error:
        raise _named(explain(error, text, where, PlanFile), str(error)) from error
    _check_lists(file, text, where)
    return Plan(
        name=name,
        title=clean(file.title).strip(),
        models=tuple(file.models),
        order=tuple(Question(part) for part in file.order) or ORDER,
        seed=file.seed,
        latency=file.latency.value() if file.latency else None,
        memory=file.memory.value() if file.memory else None,
        in_flight=file.in_flight.value() if file.in_flight else None,
        stability=file.stability.value() if file.stability else None,
        max_duration_s=file.max_duration_s,
        text=text,
    )


def _check_version(version: object, text: str, where: str) -> None:
    """Before the rest: a newer plan has keys that this one does not know."""
    if isinstance(version, int) and version != PLAN_VERSION:
        raise ConfigError(
            f"{_at(where, text, 'version')}: plan version {plainly(version)} cannot be read",
            hint=f"this sleeptui reads version {PLAN_VERSION}",
        )


def _check_lists(file: PlanFile, text: str, where: str) -> None:
    """Nothing twice, and something to do."""
    tables = {
        "latency": file.latency,
        "memory": file.memory,
        "in_flight": file.in_flight,
        "stability": file.stability,
    }
    if not any(table is not None for table in tables.values()):
        raise ConfigError(
            f"{where}: the plan measures nothing", hint=f"add one of [{'], ['.join(tables)}]"
        )
    lists: list[tuple[tuple[str, ...], list[object]]] = [
        (("models",), list(file.models)),
        (("order",), list(file.order)),
    ]
    for name, table in tables.items():
        for key in table.__struct_fields__ if table is not None else ():
            values = getattr(table, key)
            if isinstance(values, list):
                lists.append(((name, key), values))
    for path, values in lists:
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise ConfigError(
                f"{_at(where, text, *path)}: {'.'.join(path)}: “{one_line(str(twice))}” stands"
                " there twice",
                hint="name each once",
            )


def _named(error: ConfigError, found: str) -> ConfigError:
    """With the choices, where a value is none of them."""
    if "Invalid enum value" not in found:
        return error
    choices = next((words for key, words in _CHOICES.items() if f".{key}[" in found), "")
    return ConfigError(error.message, hint=f"use one of {choices}") if choices else error


def _at(where: str, text: str, *path: str) -> str:
    line = line_of(text, path)
    return f"{where}, line {line}" if line else where
