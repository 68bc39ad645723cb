"""``sleeptui doctor``: look at everything once, say what is wrong and what to do."""

import asyncio
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import click

from sleeptui.cli_output import Paper, put, say
from sleeptui.core.settings import Settings
from sleeptui.core.text import one_line
from sleeptui.services import as_json, doctor
from sleeptui.services.doctor_finding import Finding, Scene, Status, names
from sleeptui.services.doctor_survey import Survey
from sleeptui.wiring import open_services

WELL, BAD, UNREACHABLE, TIMED_OUT = 0, 1, 3, 4
_GLYPHS = {
    Status.BAD: ("✗", "x", "red"),
    Status.WARN: ("!", "!", "yellow"),
    Status.UNKNOWN: ("?", "?", "cyan"),
    Status.OK: ("✓", "v", "green"),
}
_WORDS = {
    Status.BAD: "bad",
    Status.WARN: "to watch",
    Status.UNKNOWN: "not known",
    Status.OK: "well",
}
_TITLE = 17
_LEFT = 4 + _TITLE + 1
_NARROW = 40
"""Columns that the sentences need at least; below, they are not wrapped."""


def run(settings: Settings, *, json: bool, limit_s: float) -> int:
    """Look, print, and return the exit code."""
    scene, missing = asyncio.run(_look(replace(settings, readonly=True), limit_s))
    findings = doctor.examine(scene)
    if json:
        document = as_json.doctor(scene, findings, missing)
        put(as_json.text("doctor", document))
    else:
        paper = Paper.of(sys.stdout, ascii_only=settings.ascii)
        put("\n".join(_table(findings, paper)))
    if missing:
        words = f"sleeptui: not looked at within {limit_s:g} s: {names(missing)}"
        click.echo(f"{words}. --timeout {limit_s * 4:g} waits longer", err=True)
        return TIMED_OUT
    if doctor.unreachable(findings):
        return UNREACHABLE
    return BAD if any(one.status is Status.BAD for one in findings) else WELL


async def _look(settings: Settings, limit_s: float) -> tuple[Scene, tuple[str, ...]]:
    """What the doctor looks at, and what could not be looked at in time."""
    async with open_services(settings) as services:
        survey = Survey(services)
        await survey.take(limit_s, lambda missing: say(f"looking at {names(missing)}"))
        scene = doctor.scene_of(services, os.environ)
        return scene, survey.missing


def _table(findings: Sequence[Finding], paper: Paper) -> Iterator[str]:
    """The findings by subject, as lines."""
    for server, group in groupby(findings, key=lambda one: one.server):
        heading = "this machine" if server is None else one_line(server, 60)
        yield paper.style(paper.spelt(heading), bold=True)
        for one in group:
            yield from _lines(one, paper)
        yield ""
    yield ", ".join(
        f"{number} {_WORDS[status]}"
        for status, number in doctor.counts(findings).items()
        if number or status is Status.BAD
    )


def _lines(one: Finding, paper: Paper) -> Iterator[str]:
    glyph, plain, colour = _GLYPHS[one.status]
    mark = paper.style(plain if paper.is_ascii else glyph, colour)
    first, *others = _wrapped(paper, one.what)
    yield f"  {mark} {paper.spelt(one.title):<{_TITLE}} {first}"
    for line in others:
        yield f"{'':{_LEFT}}{line}"
    if not one.next:
        return
    arrow = paper.spelt("→")
    first, *others = _wrapped(paper, one.next, len(arrow) + 1)
    yield f"{'':{_LEFT}}{paper.style(arrow, colour)} {first}"
    for line in others:
        yield f"{'':{_LEFT + len(arrow) + 1}}{line}"


def _wrapped(paper: Paper, text: str, taken: int = 0) -> list[str]:
    spelt = paper.spelt(text)
    if paper.width is None or paper.width < _LEFT + _NARROW:
        return [spelt]
    return textwrap.wrap(spelt, paper.width - _LEFT - taken, break_on_hyphens=False) or [""]
