"""The process that makes the files of a session."""

import asyncio
import os
import sys

import pytest

from sleeptui.core.errors import ExportError
from sleeptui.recorder.__main__ import main
from sleeptui.recorder.report_process import ReportProcess, made


async def test_what_it_cannot_read_it_says(tmp_path):
    with pytest.raises(ExportError, match="there is no journal at"):
        await ReportProcess().report(str(tmp_path))


async def test_a_process_that_does_not_start(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(ExportError, match="did not start: No such file"):
        await ReportProcess().report(str(tmp_path))


async def test_one_that_ends_without_a_word(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ExportError, match="without a word"):
        await ReportProcess().report(str(tmp_path))


async def test_cancelling_ends_it(monkeypatch, tmp_path):
    endless = tmp_path / "endless"
    endless.write_text('#!/bin/sh\necho $$ > "$3/pid"\nexec sleep 600\n')
    endless.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(endless))
    making = asyncio.ensure_future(ReportProcess().report(str(tmp_path)))
    pid = ""
    while not pid.endswith("\n"):
        await asyncio.sleep(0.01)
        pid = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_the_process_itself(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("os.nice", lambda _: None)
    assert main([str(tmp_path)]) == 1
    assert "there is no journal at" in capsys.readouterr().err
    asked = []
    monkeypatch.setattr(
        "sleeptui.recorder.__main__.SessionArchive.export",
        lambda _self, name: asked.append(name) or ["a/report.md", "a/results.json"],
    )
    assert main(["last"]) == 0
    assert asked == ["last"]
    assert capsys.readouterr().out == "a/report.md\na/results.json\n"


def test_a_thread_that_waits_gets_the_paths_or_the_reason(monkeypatch, tmp_path):
    with pytest.raises(ExportError, match="there is no journal at"):
        made(str(tmp_path))
    prints = tmp_path / "prints"
    prints.write_text('#!/bin/sh\necho "$3/report.md"\n')
    prints.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(prints))
    assert made("/sessions/a") == ["/sessions/a/report.md"]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(ExportError, match="did not start: No such file"):
        made(str(tmp_path))
