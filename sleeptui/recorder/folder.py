"""The folder of all sessions: a new one in it, and the one that is meant by a name."""

import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from platformdirs import user_data_path

from sleeptui.core.errors import JournalError
from sleeptui.core.text import one_line
from sleeptui.recorder.disk import JOURNAL, sync_folder

LAST = "last"
"""Names the newest session."""
_SLUG_LIMIT = 40
_NAMED_LIMIT = 5
"""Candidates that an error lists."""
_ELSEWHERE = (
    "record one: sleeptui --record; one that was recorded elsewhere is named by its folder,"
    " or SLEEPTUI_SESSIONS names the folder of all"
)


def default_folder() -> Path:
    """Where sessions are kept: the platform's folder for data of an application."""
    return user_data_path("sleeptui", appauthor=False) / "sessions"


def check(folder: Path) -> None:
    """Find out whether sessions can be made in a folder; it is made if it is not there.

    Raises:
        JournalError: They cannot, and why.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _cannot(folder, error) from error


def create(folder: Path, about: Sequence[str], *, wall_s: float) -> Path:
    """Make the folder of a new session, for this user alone; its name is the session's run id.

    Args:
        folder: Of all sessions; made if it is not there.
        about: Words for its name: names of servers, of the demo.
        wall_s: Now, since the epoch.

    Raises:
        JournalError: It cannot be made, and why.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            session = folder / _run_id(about, wall_s)
            try:
                session.mkdir(mode=0o700)
            except FileExistsError:
                continue
            sync_folder(folder)
            return session
    except OSError as error:
        raise _cannot(folder, error) from error


def session_folders(folder: Path) -> list[Path]:
    """Folders with a journal, newest first; none where there is no such folder.

    Raises:
        JournalError: The folder cannot be read.
    """
    try:
        found = [Path(one.path) for one in os.scandir(folder) if one.is_dir()]
        return sorted(
            (one for one in found if (one / JOURNAL).is_file()),
            key=lambda one: one.name,
            reverse=True,
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(
            f"sessions in {folder} cannot be listed: {error.strerror or error}"
        ) from error


def find(folder: Path, name: str) -> Path:
    """The folder of one session.

    Args:
        folder: Of all sessions.
        name: Its name, a unique beginning or part of it, ``last``, or a path to it or its journal.

    Raises:
        JournalError: There is none of that name, or more than one.
    """
    try:
        if os.sep in name or name == JOURNAL or (Path(name) / JOURNAL).is_file():
            return _at(Path(name).expanduser())
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, a zero byte
        raise JournalError(
            f"there is no session {one_line(name)}", hint="`sleeptui sessions` lists all"
        ) from error
    sessions = session_folders(folder)
    if not sessions:
        raise JournalError(f"there are no sessions in {folder}", hint=_ELSEWHERE)
    if name == LAST:
        return sessions[0]
    for fits in (str.__eq__, str.startswith, str.__contains__):
        chosen = [one for one in sessions if fits(one.name, name)]
        if len(chosen) == 1:
            return chosen[0]
        if chosen:
            raise JournalError(
                f"{name} may mean {len(chosen)} sessions: {_listed(chosen)}",
                hint="give more of its name",
            )
    raise JournalError(
        f"there is no session {name} in {folder}", hint=f"the newest are {_listed(sessions)}"
    )


def _cannot(folder: Path, error: OSError) -> JournalError:
    return JournalError(
        f"a session cannot be made in {folder}: {(error.strerror or str(error)).lower()}",
        hint="choose another folder with --record DIR",
    )


def _at(path: Path) -> Path:
    session = path.parent if path.name == JOURNAL else path
    if not (session / JOURNAL).is_file():
        inside = session_folders(session) if session.is_dir() else []
        if inside:
            raise JournalError(
                f"{path} is a folder of sessions, not one of them",
                hint=f"the newest is {inside[0]}",
            )
        raise JournalError(f"there is no journal at {path}", hint="`sleeptui sessions` lists all")
    return session


def _run_id(about: Sequence[str], wall_s: float) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", "-".join(about).lower()).strip("-")
    slug = words[:_SLUG_LIMIT].strip("-") or "session"
    began = datetime.fromtimestamp(wall_s, UTC)
    return f"{began:%Y%m%dT%H%M%SZ}-{slug}-{secrets.token_hex(2)}"


def _listed(sessions: Sequence[Path]) -> str:
    names = ", ".join(one_line(one.name) for one in sessions[:_NAMED_LIMIT])
    return f"{names}, …" if len(sessions) > _NAMED_LIMIT else names
