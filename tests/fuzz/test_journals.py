"""Journals: read, folded, replayed, listed and followed, or one sentence why not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fuzz_journals import journals
from support.fuzzing import fuzz, is_clean, is_told

from sleeptui.core.errors import JournalError
from sleeptui.core.fleet import FleetStore
from sleeptui.recorder.disk import JOURNAL
from sleeptui.recorder.fold import read
from sleeptui.recorder.following import _Growing, _opened
from sleeptui.recorder.reader import Reading
from sleeptui.recorder.summaries import summaries
from sleeptui.recorder.tape import read_tape


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sessions") / "20261128T100000Z-fuzz-0000"
    folder.mkdir()
    return folder


def kept(session: Path, data: bytes) -> Path:
    path = session / JOURNAL
    path.write_bytes(data)
    return path


@fuzz(50)
@given(data=journals())
def test_it_is_read_and_folded(session, data):
    path = kept(session, data)
    try:
        found = read(path)
    except JournalError as error:
        assert is_told(error)
        return
    reading = Reading(path)
    assert len(list(reading)) <= reading.lines
    assert found.ended_ns >= 0
    assert reading.size_bytes == len(data)


@fuzz(30)
@given(data=journals())
def test_it_is_replayed(session, data):
    kept(session, data)
    try:
        tape = read_tape(session)
    except JournalError as error:
        assert is_told(error)
        return
    store = FleetStore(tape.settings)
    for event in tape.events:
        store.apply(event)
    assert tape.ended_s >= tape.began_s


@fuzz(30)
@given(data=journals())
def test_it_is_listed(session, data):
    kept(session, data)
    (found,) = summaries(session.parent)
    assert is_clean(found.source, found.demo, found.plan, *found.servers)
    assert found.duration_s is None or found.duration_s >= 0


@fuzz(20)
@given(data=journals(), cuts=st.lists(st.floats(0, 1), max_size=4))
def test_it_is_followed_while_it_grows(session, data, cuts):
    path = kept(session, b"")
    with _opened(path) as file:
        growing = _Growing(path, file)
        for cut in [*sorted(cuts), 1.0]:
            path.write_bytes(data[: round(len(data) * cut)])
            try:
                growing.new()
                while growing.is_behind:
                    growing.new()
            except JournalError as error:
                assert is_told(error)
                return
