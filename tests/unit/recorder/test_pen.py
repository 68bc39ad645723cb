"""What is written while the disk takes it, and what happens while it does not."""

import errno

import pytest
from support.disks import Nanoseconds, content, failing, header, note, op_end, prom, words

from sleeptui.recorder import pen as module
from sleeptui.recorder.disk import JOURNAL, JournalFile
from sleeptui.recorder.lines import Anomaly, End
from sleeptui.recorder.pen import Pen
from sleeptui.recorder.redact import Redactor


class Desk:
    """A pen over a disk that fails when it is told to."""

    def __init__(self, folder, fake):
        self.folder = folder
        self.fake = fake
        self.clock = Nanoseconds()
        self.told = [""]
        self.file = JournalFile(folder)
        self.pen = Pen(self.file, Redactor(), now_ns=self.clock, told=self.tell)
        self.pen.begin(header())

    def tell(self, problem):
        if problem != self.told[-1]:
            self.told.append(problem)

    @property
    def problem(self):
        return self.told[-1]

    def second(self):
        self.clock.forward(1.0)
        self.pen.settle(1.0)

    def end(self, *, aborted=False):
        self.pen.end(aborted=aborted)
        self.file.close()
        return content(self.folder)[-1]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return Desk(tmp_path, failing(monkeypatch))


def test_the_end_tells_what_was_written(desk):
    for line in (prom(), prom(), op_end()):
        desk.pen.write(line)
    end = desk.end(aborted=True)
    assert end.lines == 4
    assert end.counts == {"header": 1, "prom": 2, "op.end": 1}
    assert end.dropped == {}
    assert end.aborted
    assert desk.told == [""]


def test_evidence_is_forced_to_the_disk_at_once_and_the_rest_each_second(desk):
    assert desk.fake.syncs == 1
    desk.pen.settle(1.0)
    assert desk.pen.wait_s(1.0) is None
    desk.pen.write(prom())
    desk.pen.settle(1.0)
    assert desk.fake.syncs == 1
    desk.clock.forward(0.25)
    assert desk.pen.wait_s(1.0) == pytest.approx(0.75)
    desk.second()
    assert desk.fake.syncs == 2
    desk.pen.write(op_end())
    desk.pen.write(op_end())
    desk.pen.settle(1.0)
    assert desk.fake.syncs == 3


def test_a_full_disk_costs_samples_and_no_operation(desk):
    desk.fake.room = 30
    desk.pen.write(prom())
    assert not desk.pen.is_level
    desk.pen.write(op_end())
    desk.pen.write(prom())
    assert desk.problem.startswith("no space left on /")
    assert "samples are dropped since" in desk.problem
    assert desk.problem.endswith("; 2 lines wait to be written")
    assert words(desk.folder) == ["header"]
    assert desk.pen.wait_s(1.0) == 1.0
    desk.second()
    assert words(desk.folder) == ["header"]

    desk.fake.room = None
    desk.second()
    assert desk.problem == ""
    assert desk.pen.is_level
    desk.pen.write(prom())
    end = desk.end()
    assert words(desk.folder) == ["header", "anomaly", "op.end", "anomaly", "prom", "end"]
    assert end.dropped == {"prom": 2}
    begin, close = (line for line in content(desk.folder) if isinstance(line, Anomaly))
    assert begin.code == close.code == "disk_full"
    assert "dropped from here on" in begin.detail
    assert close.detail == "samples are written again; 2 were not"


def test_the_reserve_is_for_what_is_kept(desk):
    desk.fake.room, desk.fake.given = 0, 4000
    desk.pen.write(prom())
    desk.pen.write(op_end(1))
    assert desk.pen.is_level
    assert words(desk.folder) == ["header", "anomaly", "op.end"]
    assert desk.file.reserve_bytes > 0
    desk.pen.write(prom())
    desk.second()
    assert "lines wait" not in desk.problem
    assert desk.problem != ""
    end = desk.end()
    assert end.dropped == {"prom": 2}
    assert desk.problem != ""


def test_kept_lines_stay_in_order_and_are_tried_with_each_new_one(desk):
    desk.fake.room, desk.fake.error = 0, errno.EDQUOT
    for op in range(5):
        desk.pen.write(op_end(op))
    assert "quota" in desk.problem
    desk.fake.room = None
    desk.pen.write(op_end(5))
    assert [line.op for line in content(desk.folder)[2:]] == [0, 1, 2, 3, 4, 5]
    assert desk.problem != ""
    desk.second()
    assert desk.problem == ""


def test_a_journal_that_may_not_grow_is_not_well_because_other_files_may(desk):
    desk.fake.room, desk.fake.error = 0, errno.EFBIG
    desk.pen.write(prom())
    desk.second()
    desk.second()
    assert desk.problem.startswith("file too large on")
    assert words(desk.folder) == ["header"]


def test_an_end_of_the_gap_that_does_not_fit_leaves_it_open(desk):
    desk.fake.room, desk.fake.error = 0, errno.EFBIG
    desk.pen.write(prom())
    desk.fake.room = 220  # for the begin of the gap, not for its end
    desk.second()
    assert words(desk.folder) == ["header", "anomaly"]
    assert desk.problem != ""


def test_more_than_memory_can_hold_is_lost_and_counted(desk, monkeypatch):
    monkeypatch.setattr(module, "WAITING_LIMIT", 3)
    desk.fake.room = 0
    for op in range(5):
        desk.pen.write(op_end(op))
    assert desk.problem.endswith("; 3 lines wait to be written, 3 are lost")
    desk.fake.room = None
    end = desk.end()
    assert end.dropped == {"op.end": 3}
    assert desk.problem.endswith("the session is not whole, 3 lines are lost")


def test_what_cannot_be_written_until_the_end_is_lost(desk):
    desk.fake.room = 0
    desk.pen.write(op_end())
    desk.pen.end(aborted=False)
    assert words(desk.folder) == ["header"]
    assert desk.problem.endswith("the session is not whole, 2 lines are lost")


def test_an_end_that_is_not_on_the_disk_is_told_and_nothing_comes_behind_it(desk):
    desk.fake.sync_error = errno.EIO
    assert isinstance(desk.end(), End)
    assert desk.problem.startswith("input/output error on /")
    assert desk.problem.endswith("the session is not whole, its end may be lost")


def test_a_disk_that_forces_nothing_is_told_once(desk):
    desk.fake.sync_error = errno.EIO
    desk.pen.write(op_end())
    desk.pen.settle(1.0)
    assert desk.problem.startswith("input/output error on /")
    for _ in range(3):
        desk.second()
    assert words(desk.folder) == ["header", "op.end", "anomaly"]
    desk.fake.sync_error = None
    desk.second()
    assert desk.problem == ""
    assert words(desk.folder) == ["header", "op.end", "anomaly", "anomaly"]


def test_a_journal_that_is_moved_or_deleted_is_told_as_long_as_that_lasts(desk):
    place = desk.folder / JOURNAL
    other = place.rename(desk.folder / "other")
    desk.pen.write(op_end())
    desk.second()
    assert desk.problem == "the journal was moved: it is still written, wherever it is now"
    other.rename(place)
    desk.pen.write(op_end())
    desk.second()
    assert desk.problem == ""
    place.unlink()
    place.write_text("somebody else's")
    desk.pen.write(op_end())
    desk.second()
    assert desk.problem == "the journal was deleted: what is recorded is lost"


def test_samples_that_had_no_place_in_the_queue_are_told(desk):
    desk.pen.overflowed(prom())
    assert desk.problem.endswith("is too slow: samples are dropped")
    desk.pen.overflowed(prom())
    desk.pen.settle(1.0)
    assert desk.problem == ""
    desk.pen.settle(1.0)
    (told,) = (line for line in content(desk.folder) if isinstance(line, Anomaly))
    assert (told.code, told.detail[:26]) == ("dropped", "2 samples were not written")
    assert desk.end().dropped == {"prom": 2}


def test_a_line_that_is_no_json_is_told_in_its_place(desk):
    desk.pen.write(note(text="half a character: \ud800"))
    desk.pen.write(op_end())
    end = desk.end()
    assert words(desk.folder) == ["header", "anomaly", "op.end", "end"]
    assert content(desk.folder)[1].code == "unwritable"
    assert end.counts == {"header": 1, "anomaly": 1, "op.end": 1}
    assert end.dropped == {"note": 1}
