"""What a crash leaves is read as far as it is whole; what cannot be a crash is an error."""

import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.disks import header, note, op_end, prom
from support.journals import dump

from sleeptui.core.errors import JournalError
from sleeptui.recorder import reader as module
from sleeptui.recorder.line import Line
from sleeptui.recorder.lines import End, Header
from sleeptui.recorder.reader import Reading, lacks

JOURNAL = "journal.jsonl"


def numbered(*lines: Line) -> list[Line]:
    for n, line in enumerate(lines):
        line.n = n
    return list(lines)


def whole(**more) -> bytes:
    return dump(numbered(header(), prom(), note(), op_end(), prom()), **more)


@pytest.fixture
def read(tmp_path):
    def run(data: bytes) -> tuple[list[Line], Reading]:
        path = tmp_path / JOURNAL
        path.write_bytes(data)
        reading = Reading(path)
        return list(reading), reading

    return run


def test_a_whole_journal(read):
    data = whole()
    lines, reading = read(data)
    assert [type(line).__name__ for line in lines] == [
        "Header", "Prom", "Note", "OpEnd", "Prom", "End",
    ]  # fmt: skip
    assert reading.partial is None
    assert reading.lines == 6
    assert reading.size_bytes == len(data)
    assert reading.sha256 == hashlib.sha256(data).hexdigest()
    assert isinstance(reading.end, End)


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 20])
def test_whatever_the_size_of_its_pieces(read, monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    data = whole()
    lines, reading = read(data)
    assert (len(lines), reading.partial) == (6, None)
    assert reading.sha256 == hashlib.sha256(data).hexdigest()
    lines, reading = read(data[:-3])
    assert (len(lines), reading.torn_bytes > 0) == (5, True)
    assert reading.sha256 == hashlib.sha256(data[:-3]).hexdigest()


def test_cut_at_any_byte_it_is_read_up_to_the_last_whole_line(read):
    data = whole()
    first = data.index(b"\n") + 1
    for cut in range(first, len(data)):
        lines, reading = read(data[:cut])
        assert len(lines) == data[:cut].count(b"\n")
        assert "it has no end: the recording was cut off" in reading.partial
        is_torn = not data[:cut].endswith(b"\n")
        assert ("its last line is torn" in reading.partial) == is_torn


@pytest.mark.parametrize("zeros", [1, 5000])
def test_zeros_at_the_end_are_what_a_power_cut_leaves(read, zeros):
    for data in (whole(end=False), whole()[:-5], whole()):
        lines, reading = read(data + b"\0" * zeros)
        assert len(lines) == data.count(b"\n")
    assert reading.partial is None


def test_a_last_line_that_cannot_be_read_is_torn(read):
    lines, reading = read(whole(end=False) + b'{"k":"note","n":5,"t\n')
    assert len(lines) == 5
    assert reading.partial.startswith("its last line is torn")
    lines, reading = read(whole(end=False) + b'{"k":"note","n":5,"t\n' + b"\0" * 10)
    assert len(lines) == 5


def test_an_aborted_one_says_so(read):
    _, reading = read(whole(aborted=True))
    assert reading.partial == "a signal or an error ended the recording"


def test_what_was_dropped_makes_it_partial():
    end = End(t=1, lines=1, sha256="", dropped={"gpu": 1203, "prom": 1})
    assert lacks(end) == ("1,204 samples could not be written",)
    one = End(t=1, lines=1, sha256="", dropped={"lag": 1}, aborted=True)
    assert lacks(one)[1:] == ("1 sample could not be written",)
    assert lacks(End(t=1, lines=1, sha256="")) == ()


@pytest.mark.parametrize("broken", [b"{}", b"", b"\xff", b"[1]", b'{"k":"note","n":2,"t":"x"}'])
def test_a_broken_line_inside_is_an_error_with_its_number(read, broken):
    lines = whole().split(b"\n")
    lines[2] = broken
    with pytest.raises(JournalError, match=r"line 3 .*(read|understood)") as caught:
        read(b"\n".join(lines))
    assert "changed after it was written" in caught.value.hint


def test_a_number_beyond_reason_costs_its_line_and_not_the_recording(read):
    """A server may tell such a number; what else was recorded stays readable."""
    raw = whole().split(b"\n")
    raw[1] = b'{"k":"prom","n":1,"t":5,"s":"a","took_ns":1,"m":{"kv_usage":1e300}}'
    lines, reading = read(b"\n".join(raw))
    assert len(lines) == len(raw) - 2
    assert reading.skipped == 1
    assert "beyond reason" in reading.partial


def test_a_broken_line_before_a_torn_one_is_no_tail(read):
    with pytest.raises(JournalError, match="line 6"):
        read(whole(end=False) + b"broken\n" + b'{"k":"no')


def test_a_line_without_an_end_is_not_read_for_ever(read, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 100)
    monkeypatch.setattr(module, "LINE_LIMIT_BYTES", 1000)
    with pytest.raises(JournalError, match="line 6 is longer than"):
        read(whole(end=False) + b"x" * 3000)


def test_kinds_and_fields_of_a_later_version_are_skipped(read):
    new = b'{"k":"weather","n":5,"t":9,"rain":true}\n'
    known = b'{"k":"mark","n":6,"t":9,"text":"x","color":"red"}\n'
    lines, reading = read(whole(end=False) + new + known)
    assert reading.skipped == 1
    assert reading.lines == 7
    assert len(lines) == 6
    assert reading.findings == []


def test_what_was_changed_is_told(read):
    data = whole()
    _, reading = read(data.replace(b"something", b"somebody!"))
    assert reading.partial == "it was changed after it was written: its hash does not match"
    lines = data.split(b"\n")
    _, reading = read(b"\n".join(lines[:2] + lines[3:]))
    assert reading.partial.startswith("lines are missing; it was changed")
    _, reading = read(data + msgspec.json.encode(note()) + b"\n" + lines[-2] + b"\n")
    assert reading.partial == "something was written behind its end"
    again = dump(numbered(header(), prom(), header(), prom(), header()))
    _, reading = read(again)
    assert reading.partial == "it has a second header"


def test_a_newer_version_is_refused(read):
    with pytest.raises(JournalError) as caught:
        read(dump(numbered(header(v=2), prom())))
    assert caught.value.message.endswith(
        "was written by a newer sleeptui (journal version 2; this one reads 1)"
    )
    with pytest.raises(JournalError, match="newer"):
        read(b'{"k":"header","schema":"sleeptui.journal","v":7}\n')


@pytest.mark.parametrize(
    "data",
    [
        b'{"k":"header","schema":"other","v":1}\n',
        b'{"schema":"sleeptui.journal","v":1,"k":"note","t":1,"severity":"x","text":"y"}\n',
        b'{"schema":"sleeptui.journal","v":1,"k":"header","t":1}\n',
        msgspec.json.encode(header(v=0)) + b"\n",
        b'{"backend": "vllm",\n "duration": 1}\n',
        b"\x7fELF\n\n\n",
        b"[" * 100_000 + b"\n\n",
    ],
)
def test_something_else_is_no_journal(read, data):
    with pytest.raises(JournalError, match="is not a journal of sleeptui"):
        read(data + b"{}\n{}\n")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\0\0\0", "is empty"),
        (b'{"k":"header"', "ends within its first line"),
        (b'{"k":"header"\n', "is not a journal"),
    ],
)
def test_one_without_a_first_line(read, data, said):
    with pytest.raises(JournalError, match=said):
        read(data)


def test_what_cannot_be_opened_is_said(tmp_path, monkeypatch):
    with pytest.raises(JournalError, match="there is no journal at"):
        list(Reading(tmp_path / "none"))
    with pytest.raises(JournalError, match="it is not a file"):
        list(Reading(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JournalError, match="it is not a file"):
        list(Reading(tmp_path / "pipe"))
    with pytest.raises(JournalError, match="Not a directory|not a directory"):
        list(Reading(Path(__file__) / JOURNAL))


def test_a_disk_that_fails_in_the_middle_is_said(tmp_path, monkeypatch):
    path = tmp_path / JOURNAL
    path.write_bytes(whole())

    class Broken:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, _size):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "_opened", lambda _path: Broken())
    with pytest.raises(JournalError, match="cannot be read: Input/output error"):
        list(Reading(path))


def test_one_that_is_still_written_is_read_as_far_as_it_is(tmp_path):
    path = tmp_path / JOURNAL
    path.write_bytes(whole(end=False))
    reading = Reading(path)
    found = iter(reading)
    assert isinstance(next(found), Header)
    with path.open("ab") as file:
        file.write(b'{"k":"no')
    assert len(list(found)) == 4


PARTS = st.sampled_from([*whole().split(b"\n"), b'{"k":"weather","n":3,"t":4}', b'{"k":"op.end"}'])
JUNK = st.one_of(st.binary(max_size=60), PARTS)


@settings(max_examples=200, deadline=None)
@given(st.lists(JUNK, max_size=8), st.sampled_from([1, 16, 1 << 20]), st.booleans())
@example([b'{"k":"header","n":"\xed\xa0\x80"}'], 16, True)
@example([b"{" * 2000], 1 << 20, True)
def test_any_bytes_are_lines_or_an_error_for_the_user(tmp_path_factory, parts, chunk, has_header):
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    first = [whole().split(b"\n")[0]] if has_header else []
    path.write_bytes(b"\n".join([*first, *parts]))
    old, module.CHUNK_BYTES = module.CHUNK_BYTES, chunk
    reading = Reading(path)
    try:
        lines = list(reading)
    except JournalError as error:
        assert error.message
    else:
        assert isinstance(lines[0], Header)
        assert reading.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    finally:
        module.CHUNK_BYTES = old
