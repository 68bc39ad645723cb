"""What is shown of servers that somebody else has named: nothing that a terminal obeys.

Journals bring the names, states and figures; their replay makes the pictures that the panel,
`sleeptui sessions` and the benchmark's page show.
"""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from support.builders import facts, server
from support.fuzz_journals import journals
from support.fuzzing import HOSTILE, fuzz, is_clean

from sleeptui.core.bench_picture import BenchFold
from sleeptui.core.errors import JournalError
from sleeptui.core.fleet import FleetStore
from sleeptui.core.model import FleetView
from sleeptui.core.settings import ServerSpec
from sleeptui.recorder.disk import JOURNAL
from sleeptui.recorder.fold import read
from sleeptui.recorder.summaries import summaries
from sleeptui.recorder.tape import read_tape
from sleeptui.services import as_json, bench_words, session_words
from sleeptui.tui import (
    present_detail,
    present_gpu,
    present_log,
    present_plot,
    present_session_plot,
    present_sessions,
)
from sleeptui.tui.columns import columns_for
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.notices import Notices
from sleeptui.tui.present import Look
from sleeptui.tui.present_queue import places, queue_words, queued
from sleeptui.tui.spans import Line, plain

WIDTHS = (30, 80, 120)


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "20261128T100000Z-fuzz-0000"
    folder.mkdir()
    return folder


def check(lines: list[Line]) -> None:
    for line in lines:
        assert is_clean(plain(line)), plain(line)


def clock(at_s: float) -> str:
    return "10:00:00"


def paint(view: FleetView, width: int) -> None:
    """All lines that the dashboard has for a picture."""
    look = Look(now_s=view.at_s, glyphs=UNICODE if width > 40 else ASCII)
    heading = present_log.Heading(host="gpu-7", time="10:00:00", interval_s=0.5, now_s=view.at_s)
    lines = [present_log.header_line(view, heading, width, look.glyphs)]
    lines += [present_gpu.gpu_line(gpu, look, width) for gpu in view.gpus]
    lines += [present_log.log_line(entry, look, width, clock) for entry in view.log[-20:]]
    for one in view.servers:
        for column in columns_for(width):
            cell = column.text(one, look)
            assert cell_len(plain(cell)) == column.width or not cell, (column.title, plain(cell))
            lines.append(cell)
        lines += present_detail.detail_lines(one, look, width, clock)
        present_plot.plots_of(one, look, width)
        assert as_json.text("server", as_json.server(one))
        for record in one.history[-5:]:
            assert as_json.text("record", as_json.record(record))
    check(lines)
    assert is_clean(queue_words(queued(view)), *places(view).values())


@fuzz(16)
@given(data=journals(wild=False), width=st.sampled_from(WIDTHS))
def test_a_replay_is_painted(session, data, width):
    (session / JOURNAL).write_bytes(data)
    try:
        tape = read_tape(session)
    except JournalError:
        return
    store, bench, notices = FleetStore(tape.settings), BenchFold(), Notices()
    for number, event in enumerate(tape.events):
        store.apply(event)
        bench.apply(event)
        notice = notices.of(event)
        assert notice is None or is_clean(notice.title, notice.text)
        if number % 97 == 0:
            paint(store.view, width)
    paint(store.view, width)
    picture = bench.picture
    told = [bench_words.progress(picture, 9e9, width, ascii_only=False)]
    told += bench_words.table(picture, width)
    told += bench_words.failures(picture, width)
    told += bench_words.verdicts(picture.verdicts, width)
    assert all(is_clean(bench_words.plain(line)) for line in told)


@fuzz(12)
@given(data=journals(wild=False), width=st.sampled_from(WIDTHS))
def test_a_recorded_session_is_painted(session, data, width):
    (session / JOURNAL).write_bytes(data)
    (summary,) = summaries(session.parent)
    try:
        whole = read(session / JOURNAL)
    except JournalError:
        whole = None
    check([present_sessions.row(summary, width, UNICODE, marked=False)])
    check(present_sessions.words(summary, whole, width, UNICODE))
    assert as_json.text("session", session_words.as_json(summary))
    if whole is not None:
        assert present_session_plot.plots_of(whole, width)
        present_session_plot.bands_of(whole, width)


@fuzz(40)
@given(
    st.tuples(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
    st.sampled_from(WIDTHS),
)
@example(("x" * 500, "模型🦙" * 90, "9" * 5000 + ".1", "\x1b[2J"), 30)
def test_names_of_all_kinds(texts, width):
    name, model, version, reason = texts
    view = server(
        name,
        spec=ServerSpec(name=name, url="http://127.0.0.1:8000"),
        facts=facts(version, models=(model,)),
        reason=reason,
        advice=reason,
        evidence=(reason, model),
    )
    paint(FleetView(servers=(view,)), width)
