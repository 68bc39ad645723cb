from dataclasses import replace

import pytest
from support import builders as make
from support.clock import ManualClock
from support.fakes import FakeEngine
from support.panel import opened

from sleeptui.core.errors import JournalError
from sleeptui.core.events import Noted, RequestBegan, ServerAdded
from sleeptui.core.settings import RecordingDefaults, Settings
from sleeptui.recorder import folder as folders
from sleeptui.recorder import recorder as module
from sleeptui.recorder.reader import Reading
from sleeptui.recorder.recorder import Recorder
from sleeptui.services import lag


def settings(folder, **fields):
    return Settings(
        servers=(make.spec(),), recording=RecordingDefaults(folder=str(folder), **fields)
    )


def journal_of(path):
    reading = Reading(path / "journal.jsonl")
    return list(reading), reading


@pytest.mark.parametrize("demo", [None, "two-gpus"])
async def test_a_session_has_its_header_at_once_and_its_end(tmp_path, clock, demo):
    recorder = Recorder(replace(settings(tmp_path), demo=demo), clock)
    journal = await recorder.open(lambda _: None)
    (path,) = tmp_path.iterdir()
    assert journal.path == str(path)
    assert (demo or "qwen") in path.name
    found, reading = journal_of(path)
    assert [line.run_id for line in found] == [path.name]
    assert found[0].t == round(clock.now_s() * 1e9)
    await journal.close(aborted=False)
    found, reading = journal_of(path)
    assert (reading.partial, found[-1].t) == (None, found[0].t)


@pytest.mark.parametrize("text", [True, False])
async def test_a_prompt_is_in_no_line_unless_it_is_wanted(tmp_path, clock, text):
    journal = await Recorder(settings(tmp_path, text=text), clock).open(lambda _: None)
    asked = "what is the airspeed of a swallow?"
    journal.heard(ServerAdded(at_s=1.0, spec=make.spec(f"at {asked}")))
    journal.heard(
        RequestBegan(
            at_s=1.0,
            id=1,
            server="qwen",
            cohort="prompt",
            operation=None,
            prompt=asked,
            max_tokens=1,
        )
    )
    journal.heard(Noted(at_s=1.0, server=None, severity="bad", text=f"cannot answer {asked}"))
    await journal.written()
    await journal.close(aborted=True)
    (path,) = tmp_path.iterdir()
    notes = [line for line in journal_of(path)[0] if "note" in str(type(line)).lower()]
    assert (asked in notes[0].text) is text


async def test_a_folder_that_cannot_be_made(tmp_path, clock):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError):
        await Recorder(settings(tmp_path / "file"), clock).open(lambda _: None)


async def test_no_empty_folder_is_left_where_nothing_can_be_written(tmp_path, clock, monkeypatch):
    def refuse(*_args, **_fields):
        raise JournalError("no")

    monkeypatch.setattr(module, "Writer", refuse)
    with pytest.raises(JournalError):
        await Recorder(settings(tmp_path), clock).open(lambda _: None)
    assert list(tmp_path.iterdir()) == []


async def test_the_platform_s_folder_where_none_is_given(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(module, "default_folder", lambda: tmp_path / "sessions")
    assert folders.default_folder() != tmp_path
    journal = await Recorder(Settings(), clock).open(lambda _: None)
    await journal.close(aborted=False)
    assert len(list((tmp_path / "sessions").iterdir())) == 1


async def test_services_that_record_themselves(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(lag, "_now_s", lambda: 0.0)  # one that stood still spoils its operation
    async with opened(FakeEngine(clock), clock=clock) as panel:
        services = panel.services
        journal = await Recorder(settings(tmp_path), clock).open(services.store.server)
        services.bus.subscribe(journal.heard)
        await panel.ends(services.operations.sleep("qwen"))
        await journal.written()
        await journal.close(aborted=False)
    (path,) = tmp_path.iterdir()
    found, reading = journal_of(path)
    assert reading.partial is None
    kinds = reading.end.counts
    assert (kinds["op.begin"], kinds["op.end"], kinds["reference"]) == (1, 1, 1)
    assert kinds["req.begin"] == kinds["req.end"] == kinds["req.mark"] == 3
    (end,) = (line for line in found if "OpEnd" in str(type(line)))
    assert (end.cls, end.done_ns > end.sent_ns > end.began_ns) == ("ok", True)


@pytest.fixture
def clock():
    return ManualClock()
