"""A journal is followed while it is written: to its end, or to that of its writer."""

import asyncio
import fcntl
from contextlib import contextmanager
from itertools import pairwise

import pytest
from support import journals
from support.clock import ManualClock

from sleeptui.core.errors import JournalError
from sleeptui.core.events import Noted, StateObserved
from sleeptui.recorder import following
from sleeptui.recorder.following import JournalFollower
from sleeptui.recorder.lines import Note
from sleeptui.recorder.playback import Playback

LINES = journals.lines()
DATA = journals.dump(LINES)


@pytest.fixture
def clock():
    clock = ManualClock()
    clock.run_free()
    return clock


def events_of(lines):
    return list(Playback(lines).events())


async def followed(session, clock, *, written=lambda events: None):
    """All events; ``written`` is called between two looks."""
    found = []
    async for events in JournalFollower(clock).follow(str(session)):
        found += events
        written(found)
    return found


async def test_a_whole_one_is_read_to_its_end(tmp_path, clock):
    session = journals.folder(tmp_path, data=DATA)
    assert await followed(session, clock) == events_of(LINES)


@contextmanager
def growing(tmp_path, *parts):
    """A journal that is written part by part, at each step of the clock, with its lock."""
    session = journals.folder(tmp_path, data=parts[0])
    left = list(parts[1:])
    with (session / "journal.jsonl").open("ab") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)

        class Steps(ManualClock):
            async def sleep(self, seconds):
                if left:
                    journal.write(left.pop(0))
                    journal.flush()
                await super().sleep(seconds)

        clock = Steps()
        clock.run_free()
        yield session, clock


async def test_one_that_grows_is_followed_also_within_a_line(tmp_path):
    cuts = (0, 7, 400, 401, 5000, 5003, len(DATA) // 2, len(DATA) - 30, len(DATA))
    parts = [DATA[a:b] for a, b in pairwise(cuts)]
    with growing(tmp_path, *parts) as (session, clock):
        assert await followed(session, clock) == events_of(LINES)


async def test_a_part_of_a_line_that_a_full_disk_left_is_taken_away_again(tmp_path):
    cut = DATA.index(b"\n", 3000) + 1
    session = journals.folder(tmp_path, data=DATA[:cut] + b'{"k":"no')
    path = session / "journal.jsonl"

    class Mended(ManualClock):
        async def sleep(self, seconds):
            path.write_bytes(DATA)
            await super().sleep(seconds)

    clock = Mended()
    clock.run_free()
    assert await followed(session, clock) == events_of(LINES)


async def test_one_whose_writer_is_gone_says_so(tmp_path, clock):
    session = journals.folder(tmp_path, data=journals.dump(LINES[:100], end=False))
    found = []
    with pytest.raises(JournalError, match="nobody writes to it any more"):
        await followed(session, clock, written=lambda events: found.append(list(events)))
    assert found[-1] == events_of(LINES[:100])


async def test_a_writer_that_is_silent_and_holds_its_lock_is_waited_for(tmp_path):
    with growing(tmp_path, DATA[:2000], *[b""] * 60, DATA[2000:]) as (session, clock):
        assert await followed(session, clock) == events_of(LINES)


async def test_a_line_longer_than_a_read_is_waited_for(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(following, "CHUNK_BYTES", 64)
    session = journals.folder(tmp_path, data=DATA)
    assert await followed(session, clock) == events_of(LINES)


async def test_a_line_without_end_is_refused(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(following, "CHUNK_BYTES", 64)
    monkeypatch.setattr(following, "LINE_LIMIT_BYTES", 100)
    session = journals.folder(tmp_path, data=b"x" * 4000)
    with pytest.raises(JournalError, match="line 1 is longer"):
        await followed(session, clock)


async def test_kinds_of_a_newer_version_are_passed_over(tmp_path, clock):
    first, rest = DATA.split(b"\n", 1)
    odd = b'{"k":"new","n":1,"t":5}\n{"k":"lag","n":1,"t":5,"max_ns":99999999999999999999}\n'
    session = journals.folder(tmp_path, data=first + b"\n" + odd + rest)
    assert await followed(session, clock) == events_of(LINES)


async def test_what_cannot_be_read_is_said(tmp_path, clock):
    first, rest = DATA.split(b"\n", 1)
    session = journals.folder(tmp_path, data=first + b"\nnonsense\n" + rest)
    with pytest.raises(JournalError, match="line 2 cannot be read"):
        await followed(session, clock)
    with pytest.raises(JournalError, match="there is no journal"):
        await followed(tmp_path / "none", clock)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "journal.jsonl").write_text("{}\n")
    with pytest.raises(JournalError, match="not a journal of sleeptui"):
        await followed(tmp_path / "foreign", clock)


async def test_a_folder_in_its_place_and_a_file_that_goes_are_said(tmp_path, clock):
    odd = tmp_path / "odd"
    (odd / "journal.jsonl").mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot be read"):
        await followed(odd, clock)
    session = journals.folder(tmp_path, data=DATA[:2000])

    def gone(_events):
        (session / "journal.jsonl").unlink(missing_ok=True)

    with pytest.raises(JournalError, match="there is no journal"):
        await followed(session, clock, written=gone)


async def test_a_disk_that_fails_is_said(tmp_path, clock, monkeypatch):
    session = journals.folder(tmp_path, data=DATA)

    class Failing:
        def seek(self, _):
            raise OSError(5, "Input/output error")

        def close(self):
            pass

    monkeypatch.setattr(following, "_opened", lambda _: Failing())
    with pytest.raises(JournalError, match="Input/output error"):
        await followed(session, clock)


async def test_notes_come_as_they_were_told(tmp_path, clock):
    lines = journals.numbered([*LINES[:1], Note(t=1, text="so far", severity="info")])
    session = journals.folder(tmp_path, data=journals.dump(lines))
    found = await followed(session, clock)
    assert [event.text for event in found if isinstance(event, Noted)] == ["so far"]
    assert not any(isinstance(event, StateObserved) for event in found)


async def test_to_stop_following_is_no_error(tmp_path):
    session = journals.folder(tmp_path, data=DATA[:2000])
    task = asyncio.ensure_future(followed(session, ManualClock()))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
