"""What the commands that act say: hints with commands for keys, blocks, tables, mistakes."""

import ast
import re
from pathlib import Path

import pytest
from support import builders as build

import sleeptui
from sleeptui.core.errors import ConfigError
from sleeptui.core.model import GpuMemory, MemorySource, State
from sleeptui.core.operation import Cause, Kind, Operation, Outcome, Phase
from sleeptui.services import shell_words
from sleeptui.services.errand import Answer, End

GIB = 1 << 30
PACKAGE = Path(sleeptui.__file__).parent
KEYED = re.compile(r"(?<![\w-])(?:[lvwx] (?:[a-z]+s|again)|3 says)\b")
"""How hints name a key of the panel."""


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ("l shows its log", "sleeptui log code shows its log"),
        ("restart it; l shows its log", "restart it; sleeptui log code shows its log"),
        ("in the panel l shows its log", "sleeptui log code shows its log"),
        ("v verifies it", "sleeptui verify code verifies it"),
        ("the name is not read: v again", "the name is not read: sleeptui verify code again"),
        ("w wakes the rest", "sleeptui wake code wakes the rest"),
        ("x makes room first", "sleeptui switch code makes room first"),
        ("3 says why", "sleeptui doctor says why"),
        (
            "w reads them again",
            "sleeptui sleep code --level 2, then sleeptui wake code, reads them again",
        ),
        ("a sleeps on, x goes back", "a sleeps on, a switch to it goes back"),
        ("start it with --enable-sleep-mode; level 0 works",) * 2,
        ("still 3 requests after 2 s",) * 2,
        ("",) * 2,
    ],
)
def test_a_key_of_the_panel_becomes_a_command(hint, words):
    assert shell_words.for_shell(hint, "code") == words


def test_a_name_is_quoted_for_the_shell():
    assert shell_words.for_shell("v verifies it", "my model") == (
        "sleeptui verify 'my model' verifies it"
    )


def test_no_hint_of_an_operation_or_a_state_keeps_a_key():
    """All texts of the modules that make hints, as they stand in the code."""
    files = [*(PACKAGE / "services").glob("*.py"), *(PACKAGE / "core").glob("derive*.py")]
    left = []
    for path in files:
        tree = ast.parse(path.read_text())
        documents = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        texts = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        left += [
            text
            for text in texts - documents
            if KEYED.search(shell_words.for_shell(text, "code")) and path.stem != "shell_words"
        ]
    assert left == []


def test_unknown_names_are_told_with_those_that_there_are():
    with pytest.raises(ConfigError) as error:
        shell_words.named(("summarize", "code"), ("cod", "x\x1b[31m"))
    assert error.value.message == "no server is called “cod”, “x”"
    assert error.value.hint == "did you mean “code”? there are summarize, code"
    assert shell_words.named(("a", "b"), ("b", "a", "b")) == ("b", "a")


def test_no_server_at_all_says_why():
    assert "--fleet" in shell_words.nobody(()).hint
    assert shell_words.nobody(("Docker is not there",)).message == "Docker is not there"


def answer(end=End.DONE, **fields):
    return Answer(**{"server": "code", "end": end, "message": "asleep", **fields})


def test_a_block_says_what_is_how_that_is_known_and_what_to_do():
    record = build.record(Kind.SLEEP, known=("/is_sleeping: true", "level 1\x1b[2J"))
    block = shell_words.block(answer(record=record, hint="v verifies it"))
    assert block == [
        "code: asleep",
        "  /is_sleeping: true",
        "  level 1",
        "  → sleeptui verify code verifies it",
    ]
    assert shell_words.block(answer()) == ["code: asleep"]


def test_what_has_no_room_can_be_forced():
    hint = shell_words.hint_of(answer(End.REFUSED, hint="x makes room first", can_force=True))
    assert hint == "sleeptui switch code makes room first; --force sends it all the same"


def test_the_table_tells_what_was_measured_and_leaves_out_what_was_not_sent():
    held = GpuMemory(by_gpu={0: 2 * GIB}, source=MemorySource.MEASURED)
    slept = build.record(Kind.SLEEP, duration_s=0.5, freed_bytes=80 * GIB)
    full = build.record(
        Kind.WAKE, outcome=Outcome.FAILED, cause=Cause.NO_ROOM, duration_s=0.0, freed_bytes=None
    )
    views = [
        build.server("a", state=State.ASLEEP, level=1, memory=held),
        build.server("b", state=State.DOWN, memory=None),
        build.server("c", state=State.ASLEEP, level=2, memory=held),
    ]
    answers = {
        "a": answer(server="a", record=slept),
        "b": answer(End.UNREACHABLE, server="b"),
        "c": answer(End.FAILED, server="c", record=full),
    }
    assert [re.split(r"  +", line) for line in shell_words.table(views, answers)] == [
        ["NAME", "STATE", "CHECK", "GPU MEMORY", "RESULT", "TOOK", "FREED"],
        ["a", "asleep L1", "unverified", "2.0 GiB", "done", "0.50 s", "80.0 GiB"],
        ["b", "down", "--", "--", "unreachable", "--", "--"],
        ["c", "asleep L2", "unverified", "2.0 GiB", "failed", "--", "--"],
    ]


def operation(**fields):
    return Operation(**{"id": 1, "kind": Kind.WAKE, "server": "a", "began_s": 10.0, **fields})


def test_what_is_done_now():
    waits = build.server("b", operation=operation(server="b", note="waits for wake of a"))
    runs = build.server(
        "a", state=State.WAKING, operation=operation(phase=Phase.CALLING), expected_s=0.4
    )
    reads = build.server("c", operation=operation(server="c", phase=Phase.RELOADING))
    idle = build.server("d")
    assert shell_words.doing([runs, waits, reads, idle], 12.5) == (
        "a: waking, for 2.5 s, the last times 0.40 s, b: waits for wake of a,"
        " c: reloading, for 2.5 s"
    )
    assert shell_words.doing([idle], 1.0) == ""


@pytest.mark.parametrize(
    ("kind", "is_back", "words"),
    [
        (Kind.SLEEP, True, "code: its sleep is taken back"),
        (Kind.WAKE, False, "code: its wake was sent, and goes on in the server"),
        (Kind.SWITCH, False, "code: its switch ends where it is, what was sent goes on"),
    ],
)
def test_what_goes_on(kind, is_back, words):
    assert shell_words.left(kind, "code", is_back=is_back) == words


def test_views_and_records_name_commands_too():
    view = build.server("code", advice="w wakes the rest")
    assert shell_words.view_for_shell(view).advice == "sleeptui wake code wakes the rest"
    plain = build.server("code", advice="")
    assert shell_words.view_for_shell(plain) is plain
    record = build.record(Kind.WAKE, server="code", hint="l shows its log")
    assert shell_words.record_for_shell(record).hint == "sleeptui log code shows its log"
