"""Read and check what is expected of a benchmark: a TOML file, or the one that comes with it."""

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from math import isfinite
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from sleeptui.config_errors import explain, line_of, plainly
from sleeptui.config_toml import file_of, tables_of, text_of
from sleeptui.core.errors import ConfigError
from sleeptui.core.judge_metrics import METRICS
from sleeptui.core.text import clean, one_line
from sleeptui.core.verdict import Expectation

EXPECTATIONS_VERSION = 1
BUILT_IN = "expectations-1"
_FOLDER = "plans"
_OPS = {"median": (">=", "<="), "rate": (">=",), "slope": ("contains",)}
_Words = Annotated[str, Meta(min_length=1, max_length=200)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class ExpectTable(Struct, forbid_unknown_fields=True, kw_only=True):
    """``[[expect]]``: one line."""

    id: Annotated[str, Meta(min_length=1, max_length=60)]
    question: Literal["latency", "memory", "in_flight", "stability"]
    title: _Words
    metric: str
    op: Literal[">=", "<=", "contains"]
    threshold: float
    unit: Annotated[str, Meta(max_length=20)] = ""
    level: Literal[1, 2] | None = None
    mode: Literal["abort", "wait", "keep"] | None = None
    min_n: _Count = 1
    min_blocks: _Count = 1
    needs_baseline: bool = False
    source: Annotated[str, Meta(max_length=400)] = ""

    def value(self) -> Expectation:
        """As a value; its metric is checked by the caller."""
        return Expectation(
            id=one_line(self.id),
            question=self.question,
            title=one_line(self.title),
            metric=self.metric,
            statistic=METRICS[self.metric].statistic,
            op=self.op,
            threshold=self.threshold,
            unit=one_line(self.unit),
            level=self.level,
            mode=self.mode,
            min_n=self.min_n,
            min_blocks=self.min_blocks,
            needs_baseline=self.needs_baseline,
            source=clean(self.source).strip(),
        )


class ExpectationsFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    version: int
    title: Annotated[str, Meta(max_length=200)] = ""
    expect: list[ExpectTable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What is expected, as it was read."""

    name: str
    title: str
    lines: tuple[Expectation, ...]
    text: str
    """The TOML, for the record."""


def read_expectations(name: str | None = None) -> Expectations:
    """Those of a file; without one those that come with sleeptui.

    Args:
        name: The path of a TOML file.

    Raises:
        ConfigError: There is none, or something in it is wrong; names the file and the line.
    """
    if name is None or name == BUILT_IN:
        text = (files("sleeptui") / _FOLDER / f"{BUILT_IN}.toml").read_text(encoding="utf-8")
        return parse_expectations(text, name=BUILT_IN, where=BUILT_IN)
    path = file_of(name)
    if path is None:
        hint = "give the path of a TOML file, or leave it out for those that come with sleeptui"
        raise ConfigError(f"{one_line(name)}: there is no such file of expectations", hint=hint)
    return parse_expectations(text_of(path), name=one_line(path.stem), where=str(path))


def parse_expectations(text: str, *, name: str, where: str) -> Expectations:
    """Those of a text.

    Args:
        text: TOML.
        name: What they are called in reports.
        where: For errors: the file.

    Raises:
        ConfigError: Something is wrong; names the line.
    """
    tree = tables_of(text, where)
    version = tree.get("version")
    if isinstance(version, int) and version != EXPECTATIONS_VERSION:
        raise ConfigError(
            f"{_at(where, text, 'version')}: expectations version {plainly(version)} cannot be"
            " read",
            hint=f"this sleeptui reads version {EXPECTATIONS_VERSION}",
        )
    try:
        file = msgspec.convert(tree, ExpectationsFile)
    except msgspec.ValidationError as error:
        raise explain(error, text, where, ExpectationsFile) from error
    _check(file, text, where)
    return Expectations(
        name=name,
        title=one_line(file.title),
        lines=tuple(one.value() for one in file.expect),
        text=text,
    )


def _check(file: ExpectationsFile, text: str, where: str) -> None:
    """Metrics that there are, held against what fits them; no id twice."""
    if not file.expect:
        raise ConfigError(f"{where}: nothing is expected", hint="add an [[expect]]")
    counts = Counter(one.id for one in file.expect)
    for number, one in enumerate(file.expect):
        at = ("expect", number)
        metric = METRICS.get(one.metric)
        if metric is None:
            raise ConfigError(
                f"{_at(where, text, *at, 'metric')}: there is no metric “{one_line(one.metric)}”",
                hint=f"there are {', '.join(METRICS)}",
            )
        if one.op not in _OPS[metric.statistic]:
            raise ConfigError(
                f"{_at(where, text, *at, 'op')}: {one.metric} is a {metric.statistic}, which"
                f" cannot be held against “{one.op}”",
                hint=f"use {' or '.join(_OPS[metric.statistic])}",
            )
        if one.needs_baseline and not metric.can_compare:
            raise ConfigError(
                f"{_at(where, text, *at, 'needs_baseline')}: {one.metric} is not compared with"
                " a baseline",
                hint="only times are: "
                + ", ".join(name for name, other in METRICS.items() if other.can_compare),
            )
        if not isfinite(one.threshold):
            raise ConfigError(
                f"{_at(where, text, *at, 'threshold')}: {one.threshold} is no threshold",
                hint="give a number",
            )
        if metric.statistic == "rate" and not 0 < one.threshold <= 1:
            raise ConfigError(
                f"{_at(where, text, *at, 'threshold')}: a rate is above 0 and at most 1",
                hint="1 is: always",
            )
        if counts[one.id] > 1:
            raise ConfigError(
                f"{_at(where, text, *at, 'id')}: the id “{one_line(one.id)}” stands there twice",
                hint="give each its own",
            )


def _at(where: str, text: str, *path: str | int) -> str:
    line = line_of(text, path)
    return f"{where}, line {line}" if line else where
