"""The help teaches: what for, options with their units, exit codes, examples; of every command."""

import re
import shlex

import click
import pytest

from sleeptui.cli import cli
from sleeptui.cli_options import LATE, SECTIONS


def walk(command, context):
    """A command and all within it, with how it is called."""
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            yield from walk(inner, click.Context(inner, info_name=name, parent=context))


COMMANDS = list(walk(cli, click.Context(cli, info_name="sleeptui")))
EACH = pytest.mark.parametrize(
    ("command", "context"), [one[1:] for one in COMMANDS], ids=[one[0] for one in COMMANDS]
)


def page(command, context, width=80):
    """The help as it is shown in a terminal of that width."""
    formatter = click.HelpFormatter(width=width, max_width=width)
    command.format_help(context, formatter)
    return formatter.getvalue()


def options(command):
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


def test_there_are_commands():
    assert len(COMMANDS) > 15
    assert {"sleeptui ps", "sleeptui config check", "sleeptui sim"} <= {one[0] for one in COMMANDS}


@EACH
def test_it_says_in_one_sentence_what_it_is_for(command, context):
    first = command.help.partition("\n\n")[0]
    assert first.rstrip().endswith(".")
    assert len(" ".join(first.split())) <= 100
    short = command.get_short_help_str(100)
    assert short.endswith(".")
    assert len(short) <= 62, "it stands behind the name, in 80 columns"


@EACH
def test_it_has_its_exit_codes(command, context):
    said = " ".join(command.help.split())
    codes = said.partition("Exit code: ")[2]
    assert re.match(r"0 \S", codes), said
    assert "2 " in codes


@EACH
def test_it_has_examples(command, context):
    examples = command.epilog.partition("Examples:\n")[2].partition("\n\n")[0]
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert len(lines) >= 2
    assert any(line.startswith(context.command_path) for line in lines)


@EACH
def test_its_examples_are_commands_that_there_are(command, context):
    for line in command.epilog.splitlines():
        if not re.match(r" +(sleeptui|\w+=\S+ sleeptui) ", line):
            continue
        text = re.split(r" {2,}", line.strip())[0].partition("sleeptui ")[2]
        words = shlex.split(re.split(r" [|<>]|>>| && |\"\)", text)[0])
        with cli.make_context("sleeptui", words, resilient_parsing=False) as made:
            rest = [*made._protected_args, *made.args]
            if rest:
                name, found, arguments = cli.resolve_command(made, rest)
                found.make_context(name, arguments, parent=made).close()


@EACH
def test_every_option_says_what_it_does(command, context):
    for option in options(command):
        assert option.help, option.name
        assert option.help.endswith("."), option.name
        if option.metavar == "S":
            assert "econds" in option.help or " S seconds" in option.help, option.name


@EACH
def test_a_default_is_said(command, context):
    for option in options(command):
        is_value = not option.is_flag and not option.multiple
        if is_value and isinstance(option.default, int | float | str) and option.default != "":
            assert option.show_default or str(option.default) in option.help, option.name


@EACH
@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_cut(command, context, width):
    lines = page(command, context, width).splitlines()
    usage, *rest = lines
    assert usage.startswith(f"Usage: {context.command_path}")
    body = "\n".join(rest).partition("Examples:")[0]
    assert all(len(line) <= width for line in body.splitlines())
    assert not re.search(r"\w\.\.\.$", body, re.MULTILINE)


def test_every_command_has_its_place_in_the_list():
    listed = [name for names in SECTIONS.values() for name in names]
    assert len(listed) == len(set(listed))
    assert set(cli.list_commands(click.Context(cli))) == set(listed)
    assert set(LATE) <= set(listed)


def test_the_list_is_in_sections():
    shown = page(cli, click.Context(cli, info_name="sleeptui"))
    at = [shown.index(f"\n{section}:\n") for section in SECTIONS]
    assert at == sorted(at)
    for names in SECTIONS.values():
        for name in names:
            assert re.search(rf"^  {name} +\S.*\.$", shown, re.MULTILINE), name
