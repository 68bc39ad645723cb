"""A journal becomes a tape as far as it is whole."""

import fcntl

import pytest
from support import journals

from sleeptui.core.bench import PhaseBegan, PhaseEnded
from sleeptui.core.errors import JournalError
from sleeptui.core.events import Marked, OperationEnded
from sleeptui.core.fleet import FleetStore
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.tape import read_tape, tape_of


def numbers(tape):
    return [event.record.id for event in tape.events if isinstance(event, OperationEnded)]


def test_a_whole_session_is_all_there(tmp_path):
    tape = read_tape(journals.folder(tmp_path))
    assert tape.name == journals.RUN_ID
    assert tape.partial is None
    assert not tape.is_running
    assert len(numbers(tape)) > 50
    assert [event.text for event in tape.events if isinstance(event, Marked)][-1] == "the end"
    first, last = tape.events[0], tape.events[-1]
    assert tape.began_s <= first.at_s <= last.at_s <= tape.ended_s
    assert tape.wall_s == journals.WALL_NS / 1e9
    assert [spec.name for spec in tape.settings.servers] == ["summarize", "code"]


def test_a_torn_one_says_so_and_has_what_was_written(tmp_path):
    data = journals.torn(journals.lines())
    tape = read_tape(journals.folder(tmp_path, data=data))
    assert "no end" in tape.partial
    assert len(numbers(tape)) > 50


def test_one_that_is_still_written_is_not_called_partial(tmp_path):
    path = journals.folder(tmp_path, data=journals.dump(journals.lines()[:400], end=False))
    with (path / "journal.jsonl").open("r+b") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        tape = read_tape(path)
    assert tape.is_running
    assert tape.partial is None
    assert tape.events


def test_a_simulated_one_says_so(tmp_path):
    tape = read_tape(journals.folder(tmp_path, journals.Sample(demo="default")))
    assert tape.settings.demo == "default"


def test_an_imported_one_has_nothing_to_replay(tmp_path):
    header = kinds.Header(t=1, run_id="imported", wall_ns=1, tool="t", source="vllm bench serve")
    path = journals.folder(tmp_path, data=journals.dump(journals.numbered([header])))
    with pytest.raises(JournalError, match="imported from vllm bench serve"):
        read_tape(path)


def test_what_is_no_journal_is_refused(tmp_path):
    with pytest.raises(JournalError):
        read_tape(journals.folder(tmp_path, data=b""))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(JournalError):
        read_tape(other)


def test_lines_without_a_header_make_no_tape():
    with pytest.raises(JournalError, match="no header"):
        tape_of(journals.lines()[1:])


def test_a_benchmark_is_played_with_its_phases_and_verdicts_in_the_log():
    sample = journals.BenchSample(blocks=1, stability=1)
    tape = tape_of(journals.bench_lines(sample))
    begun = [event for event in tape.events if isinstance(event, PhaseBegan)]
    ended = [event for event in tape.events if isinstance(event, PhaseEnded)]
    assert len(begun) == len(ended) > 20
    store = FleetStore(tape.settings)
    for event in tape.events:
        store.apply(event)
    told = [entry.text for entry in store.view.log]
    assert "benchmark standard:" in " ".join(told)
    assert told.count("phase: code: block 1 of 1") == 1
    assert told[-1].startswith("NOT RUN: ")
    assert len([one for one in told if one.startswith("phase: ")]) == len(begun)
