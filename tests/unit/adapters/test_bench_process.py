"""A benchmark as a process: what it announces, what it says, how it is told to stop."""

import sys

import pytest

from sleeptui.adapters import bench_process
from sleeptui.adapters.bench_process import started
from sleeptui.core.errors import ProcessError

BEGIN = """#!/bin/sh
trap "$TRAP" TERM
echo "$@ $GIVEN" >&2
echo 'no JSON'
echo '[1]'
echo '{"sleeptui_bench": 1, "session": "/s/one"}'
"""
WAIT = "while :; do sleep 0.05; done\n"
STOPS = {"TRAP": "echo stopping >&2; exit 130"}
DEAF = {"TRAP": ""}


@pytest.fixture
def program(tmp_path, monkeypatch):
    def make(text):
        path = tmp_path / "program"
        path.write_text(text)
        path.chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(path))

    return make


async def test_it_announces_its_session_says_and_ends(program):
    program(BEGIN + "echo made\nexit 1\n")
    child = await started(["bench", "quick"], {"GIVEN": "yes"}, is_bound=False)
    assert await child.recording() == "/s/one"
    assert await child.ended() == 1
    assert child.said() == ("-m sleeptui bench quick yes",)
    child.stop()  # too late, and no error
    await child.close()
    assert child.said() == ()


async def test_one_that_ends_before_it_records(program):
    program("#!/bin/sh\nprintf 'sleeptui: no\\033[31m server\\n\\n' >&2\nexit 3\n")
    child = await started([], {}, is_bound=True)
    assert await child.recording() == ""
    assert await child.ended() == 3
    assert child.said() == ("sleeptui: no server",)
    await child.close()


async def test_it_is_told_to_stop_as_by_ctrl_c(program):
    program(BEGIN + WAIT)
    child = await started([], STOPS, is_bound=False)
    await child.recording()
    child.stop()
    assert await child.ended() == 130
    assert child.said()[-1] == "stopping"
    await child.close()


async def test_one_that_needs_this_program_ends_with_it(program, monkeypatch):
    program(BEGIN + WAIT)
    child = await started([], STOPS, is_bound=True)
    await child.recording()
    await child.close()
    assert await child.ended() == 130
    monkeypatch.setattr(bench_process, "_END_S", 0.2)
    program(BEGIN + WAIT)
    child = await started([], DEAF, is_bound=True)
    await child.recording()
    await child.close()
    assert await child.ended() == -9


async def test_others_go_on(program):
    program(BEGIN + WAIT)
    child = await started([], STOPS, is_bound=False)
    await child.recording()
    await child.close()
    assert child._process.returncode is None
    child.stop()
    assert await child.ended() == 130


async def test_what_cannot_be_started_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ProcessError, match="did not start: No such file"):
        await started([], STOPS, is_bound=False)
