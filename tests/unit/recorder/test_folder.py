"""Folders of sessions: made for one user, found by a name."""

import re
import stat
from pathlib import Path

import pytest
from support.disks import failing

from sleeptui.core.errors import JournalError
from sleeptui.recorder import folder as module
from sleeptui.recorder.folder import check, create, default_folder, find, session_folders

WALL_S = 1_795_426_200.0
"""2026-11-23, 09:30:00 UTC."""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def made(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "journal.jsonl").write_text("x")
    return folder


def test_the_default_is_the_platforms_folder_for_data(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "sleeptui" / "sessions"


def test_a_session_is_for_its_user_alone(tmp_path):
    session = create(tmp_path / "deep" / "sessions", ["a"], wall_s=WALL_S)
    assert mode(session) == mode(session.parent) == 0o700
    assert not list(session.iterdir())


@pytest.mark.parametrize(
    ("about", "slug"),
    [
        (["qwen", "Code 7B"], "qwen-code-7b"),
        ([], "session"),
        (["../../etc", "\x1b[31m", "ä"], "etc-31m"),
        (["x" * 30, "y" * 30], "x" * 30 + "-" + "y" * 9),
        (["a" * 39 + "/b"], "a" * 39),
    ],
)
def test_its_name_has_the_date_and_what_it_is_about(tmp_path, about, slug):
    session = create(tmp_path, about, wall_s=WALL_S)
    assert re.fullmatch(rf"20261123T093000Z-{slug}-[0-9a-f]{{4}}", session.name)
    assert session.parent == tmp_path


def test_two_at_the_same_moment_have_two_names(tmp_path, monkeypatch):
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr(module.secrets, "token_hex", lambda _bytes: next(drawn))
    first, second = (create(tmp_path, ["a"], wall_s=WALL_S) for _ in range(2))
    assert (first.name[-4:], second.name[-4:]) == ("aaaa", "bbbb")


def test_a_place_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    for at in (create, lambda folder, *_, **__: check(folder)):
        with pytest.raises(JournalError, match="cannot be made in .*[Nn]ot a directory") as caught:
            at(tmp_path / "file" / "sessions", ["a"], wall_s=WALL_S)
        assert "--record DIR" in caught.value.hint
    fake = failing(monkeypatch)
    fake.fsync = lambda _descriptor: (_ for _ in ()).throw(OSError(5, "broken"))
    with pytest.raises(JournalError, match="broken"):
        create(tmp_path, ["a"], wall_s=WALL_S)


def test_a_check_leaves_no_trace(tmp_path):
    check(tmp_path / "sessions")
    assert mode(tmp_path / "sessions") == 0o700
    assert not list((tmp_path / "sessions").iterdir())


def test_sessions_are_listed_newest_first(tmp_path):
    made(tmp_path, "20250101T000000Z-a-1111", "20260101T000000Z-b-2222")
    (tmp_path / "no-session").mkdir()
    (tmp_path / "a-file").write_text("x")
    assert [one.name[:4] for one in session_folders(tmp_path)] == ["2026", "2025"]
    assert session_folders(tmp_path / "none") == []
    with pytest.raises(JournalError, match="cannot be listed"):
        session_folders(tmp_path / "a-file")


NAMES = ("20250101T000000Z-qwen-1111", "20250101T000000Z-qwen-code-2222", "20260101T000000Z-x-3333")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last", 2),
        ("20260101T000000Z-x-3333", 2),
        ("2026", 2),
        ("2222", 1),
        ("code", 1),
        ("20250101T000000Z-qwen-1", 0),
    ],
)
def test_a_session_is_found_by_as_much_as_tells_it_apart(tmp_path, name, found):
    assert find(made(tmp_path, *NAMES), name).name == NAMES[found]


def test_its_exact_name_wins_over_longer_ones(tmp_path):
    made(tmp_path, "a", "ab")
    assert find(tmp_path, "a").name == "a"


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-is-called-so/a"])
def test_a_name_that_no_session_can_have(tmp_path, name):
    with pytest.raises(JournalError, match="there is no session"):
        find(tmp_path, name)


def test_what_is_not_clear_is_asked_back(tmp_path):
    made(tmp_path, *NAMES)
    with pytest.raises(JournalError) as caught:
        find(tmp_path, "qwen")
    assert caught.value.message == f"qwen may mean 2 sessions: {NAMES[1]}, {NAMES[0]}"
    assert caught.value.hint == "give more of its name"
    with pytest.raises(JournalError, match="there is no session zebra in") as caught:
        find(tmp_path, "zebra")
    assert caught.value.hint == f"the newest are {NAMES[2]}, {NAMES[1]}, {NAMES[0]}"
    made(tmp_path, *(f"new-{n}" for n in range(9)))
    with pytest.raises(JournalError, match="may mean 9 sessions: new-8, .*, new-4, …"):
        find(tmp_path, "new")


def test_without_sessions_there_is_no_last_one(tmp_path):
    with pytest.raises(JournalError, match="there are no sessions in") as caught:
        find(tmp_path, "last")
    assert "sleeptui --record" in caught.value.hint
    assert "SLEEPTUI_SESSIONS" in caught.value.hint


def test_a_folder_of_sessions_in_the_place_of_one_is_told_with_its_newest(tmp_path):
    made(tmp_path, *NAMES)
    with pytest.raises(JournalError, match="is a folder of sessions, not one of them") as caught:
        find(tmp_path / "elsewhere", str(tmp_path))
    assert caught.value.hint == f"the newest is {tmp_path / NAMES[2]}"


def test_a_path_leads_to_a_session_anywhere(tmp_path, monkeypatch):
    session = made(tmp_path / "else", "mine") / "mine"
    nowhere = tmp_path / "sessions"
    assert find(nowhere, str(session)) == session
    assert find(nowhere, str(session / "journal.jsonl")) == session
    monkeypatch.chdir(session.parent)
    assert find(nowhere, "mine") == Path("mine")
    assert find(nowhere, "./mine") == Path("mine")
    monkeypatch.chdir(session)
    assert find(nowhere, "journal.jsonl") == Path()
    monkeypatch.setenv("HOME", str(tmp_path / "else"))
    assert find(nowhere, "~/mine") == session
    with pytest.raises(JournalError, match="there is no journal at"):
        find(nowhere, str(tmp_path))
    with pytest.raises(JournalError, match="there is no journal at"):
        find(nowhere, str(tmp_path / "none"))


def test_a_folder_that_is_no_session_does_not_hide_one(tmp_path, monkeypatch):
    made(tmp_path / "sessions", *NAMES)
    (tmp_path / "code").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find(tmp_path / "sessions", "code").name == NAMES[1]
