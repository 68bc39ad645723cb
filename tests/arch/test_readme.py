"""The README says what the code says, and what it shows exists."""

import re
import shlex
from itertools import takewhile

import click
import pytest
import readme
from support.cookbook import RECIPES
from support.documents import EXPERIMENT, README, ROOT, blocks, commands

from sleeptui.cli import cli
from sleeptui.config import parse
from sleeptui.config_plan import parse_plan
from sleeptui.core.model import State
from sleeptui.sim.faults import FaultSetting

TEXT = readme.README.read_text()
SHOWN = [*commands(README), *commands(EXPERIMENT)]
COMMANDS = [line for line in commands(README) if line.startswith(("sleeptui", ".venv/bin/sleep"))]
TARGETS = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "document", [readme.README, readme.ARCHITECTURE], ids=lambda path: path.stem
)
def test_the_generated_parts_are_those_of_the_code(document):
    text = document.read_text()
    assert readme.written(text) == text, "write them anew with: python -m tests.readme"


def test_every_generated_part_has_its_place():
    places = readme.marks(TEXT) + readme.marks(readme.ARCHITECTURE.read_text())
    assert sorted(places) == sorted(readme.tables())


def test_writing_twice_changes_nothing():
    bare = re.sub(r"(<!-- begin \w+ -->\n).*?(<!-- end)", r"\1\2", TEXT, flags=re.DOTALL)
    assert bare != TEXT
    assert readme.written(bare) == TEXT


def test_every_state_that_can_be_seen_says_how_it_is_known():
    assert readme.HOW_KNOWN.keys() == set(State)
    code = "".join(
        path.read_text()
        for layer in ("core", "services")
        for path in (ROOT / "sleeptui" / layer).glob("*.py")
        if path.name != "model.py"
    )
    assert {state for state in State if f"State.{state.name}" in code} == set(readme.HOW_KNOWN)


def test_every_setting_has_a_meaning():
    rows = [line.split(" | ") for line in readme.tables()["configuration"].splitlines()]
    assert len(rows) > 20
    assert all(len(row) == 3 and row[2].strip(" |") for row in rows)


def test_every_picture_and_page_exists():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    local = [link for link in links if "://" not in link]
    assert any(link.endswith(".png") for link in local)
    assert [link for link in local if not (ROOT / link).is_file()] == []


def test_every_picture_in_the_repository_is_small():
    pictures = list((ROOT / "screenshots").glob("*.*"))
    assert len(pictures) <= 11
    assert all(picture.stat().st_size < 150_000 for picture in pictures)
    charts = list((ROOT / "screenshots").glob("*/charts/*"))
    assert all(chart.stat().st_size < 200_000 for chart in charts)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_parses(line):
    every = shlex.split(line, comments=True)[1:]
    words = list(takewhile(lambda word: word not in {"|", "||", "&&", ">", ">>", "<"}, every))
    try:
        with cli.make_context("sleeptui", words) as context:
            rest = [*context._protected_args, *context.args]
            if rest:
                name, command, arguments = cli.resolve_command(context, rest)
                assert command is not None
                command.make_context(name, arguments, parent=context).close()
    except click.exceptions.Exit as done:
        assert done.exit_code == 0


def test_every_command_that_is_shown_is_run_by_a_test_and_no_other():
    assert [line for line in SHOWN if line not in RECIPES] == [], "add it to support/cookbook.py"
    assert sorted(RECIPES.keys() - set(SHOWN)) == []
    assert len(SHOWN) > 50


def test_every_make_target_exists():
    named = set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", TEXT, re.MULTILINE))
    assert named
    assert named <= set(TARGETS)


TOML = blocks(README, "toml")
PLANS = [block for block in TOML if block.startswith("version")]


@pytest.mark.parametrize("block", [block for block in TOML if block not in PLANS])
def test_every_configuration_is_valid(block):
    assert parse(block, "README.md").servers


@pytest.mark.parametrize("block", PLANS)
def test_every_plan_is_valid(block):
    assert parse_plan(block, name="shown", where="README.md").stability


def test_every_fault_shown_can_be_switched():
    import json

    bodies = re.findall(r"-d '(\{.*?\})'", TEXT)
    faults = [json.loads(body) for body in bodies if "fault" in body]
    assert [FaultSetting.read(fault).fault for fault in faults]
