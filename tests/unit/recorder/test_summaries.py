"""The list of sessions, from heads and tails alone."""

import pytest
from support import benching, journals
from support.disks import header, note, op_end, prom
from support.journals import dump

from sleeptui.core.verdict import Word
from sleeptui.recorder import summaries as module
from sleeptui.recorder.bench_lines import line_of
from sleeptui.recorder.line_session import Target
from sleeptui.recorder.lines import Server
from sleeptui.recorder.summaries import summaries, summary
from sleeptui.recorder.writer import Writer

RUN = "20261123T093000Z-a-7f3c"


@pytest.fixture
def session(tmp_path):
    folder = tmp_path / RUN
    folder.mkdir()
    return folder


def targets(*names):
    return tuple(Target(name=name, url="http://localhost") for name in names)


def lines(*more):
    every = [header(targets=targets("a"), demo="default"), prom(), *more]
    for n, line in enumerate(every):
        line.n = n
    return every


def write(session, data):
    (session / "journal.jsonl").write_bytes(data)


def test_a_whole_session(session):
    later = 5_000_000_001
    data = dump(
        lines(Server(t=1, s="b"), Server(t=1, s="c", gone=True), op_end(1), op_end(t=later))
    )
    write(session, data)
    (session / "report.md").write_text("x")
    (session / "charts").mkdir()
    (found,) = summaries(session.parent)
    assert found.run_id == RUN
    assert found.path == str(session)
    assert found.wall_ns == 1_795_000_000_000_000_000
    assert found.duration_s == pytest.approx(5.0, abs=0.01)
    assert found.size_bytes == len(data)
    assert (found.is_running, found.partial) == (False, None)
    assert (found.demo, found.source) == ("default", None)
    assert found.servers == ("a", "b")
    assert found.operations == 2
    assert found.exports == ("charts", "report.md")


@pytest.mark.parametrize("chunk", [20, 1 << 20])
def test_one_that_was_cut_off_is_counted(session, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    told = note(text='\n{"k":"op.end"')
    data = dump(lines(op_end(1), told, op_end(2), prom(t=3_000_000_001), op_end(3)), end=False)
    write(session, data[:-9])
    found = summary(session)
    assert found.operations == 3
    assert found.partial == "it has no end: the recording was cut off"
    assert found.duration_s == pytest.approx(3.0)


def test_an_aborted_one(session):
    write(session, dump(lines(), aborted=True))
    assert summary(session).partial == "a signal or an error ended the recording"


def test_one_that_runs_is_not_cut_off(session):
    writer = Writer(session, header(RUN))
    writer.put(op_end())
    assert writer.written().result(30)
    found = summary(session)
    assert (found.is_running, found.partial, found.operations) == (True, None, 1)
    assert found.exports == ()
    writer.close(aborted=False)
    found = summary(session)
    assert (found.is_running, found.partial, found.operations) == (False, None, 1)


def test_only_head_and_tail_of_a_long_one_are_decoded(session, monkeypatch):
    monkeypatch.setattr(module, "HEAD_BYTES", 1200)
    monkeypatch.setattr(module, "TAIL_BYTES", 400)
    every = lines(
        *(note(t=t) for t in range(1, 1000)), Server(t=1, s="late"), prom(t=2_000_000_001)
    )
    write(session, dump(every))
    found = summary(session)
    assert found.servers == ("a",)
    assert (found.partial, found.operations) == (None, 0)
    write(session, dump(every, end=False))
    assert summary(session).duration_s == pytest.approx(2.0)


def test_a_tail_without_a_whole_line_says_nothing_of_the_time(session, monkeypatch):
    monkeypatch.setattr(module, "TAIL_BYTES", 40)
    write(session, dump(lines(note(text="x" * 100)), end=False))
    assert summary(session).duration_s == 0.0


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not a journal"),
        (b"junk", "is not a journal"),
        (dump([header(v=2)], end=False), "written by a newer sleeptui"),
    ],
)
def test_one_that_cannot_be_read_says_why(session, data, why):
    write(session, data)
    found = summary(session)
    assert found.run_id == RUN
    assert why in found.partial
    assert found.size_bytes == len(data)


def test_one_without_its_first_line_yet_may_still_run(session, monkeypatch):
    monkeypatch.setattr(module, "is_locked", lambda _journal: True)
    write(session, b"")
    assert (summary(session).is_running, summary(session).partial) == (True, None)


def test_one_that_may_not_be_read_says_so(session, monkeypatch):
    def denied(_journal):
        raise PermissionError(13, "Permission denied")

    write(session, dump(lines()))
    monkeypatch.setattr(module, "is_locked", denied)
    assert summary(session).partial == "it cannot be read: Permission denied"


def test_one_that_goes_away_meanwhile_is_not_counted(session, monkeypatch):
    write(session, dump(lines(), end=False))
    ends = module._ends

    def vanishing(journal, size):
        found = ends(journal, size)
        journal.unlink()
        return found

    monkeypatch.setattr(module, "_ends", vanishing)
    assert summary(session).operations is None


def test_text_from_a_journal_is_safe_for_a_terminal(session):
    every = [header(targets=targets("a\x1b[2J"), demo="d\n", source="s\x07")]
    every[0].n = 0
    write(session, dump(every))
    (session / "x\x1b[31my").write_text("")
    found = summary(session)
    assert (found.servers, found.demo, found.source) == (("a",), "d", "s")
    assert found.exports == ("xy",)


def test_the_name_by_which_it_is_found_is_that_of_its_folder(session):
    write(session, dump(lines()))
    session.rename(session.with_name("mine"))
    (found,) = summaries(session.parent)
    assert found.run_id == "mine"


def test_a_benchmark_has_its_plan_and_verdicts(tmp_path):
    folder = journals.folder(
        tmp_path, data=journals.dump(journals.bench_lines(journals.BenchSample(blocks=1)))
    )
    found = summary(folder)
    assert found.plan == "standard"
    assert found.verdicts == {"PASS": 5, "FAIL": 1, "INCONCLUSIVE": 1, "NOT RUN": 1}


def test_of_a_verdict_that_was_reached_twice_the_newest_counts(session):
    early = line_of(benching.verdict(Word.INCONCLUSIVE))
    every = [early, line_of(benching.verdict(Word.PASS)), line_of(benching.verdict(server="b"))]
    write(session, dump(lines(*every)))
    found = summary(session)
    assert (found.plan, found.verdicts) == (None, {"PASS": 2})
