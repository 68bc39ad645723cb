"""What is learnt of servers, in one JSON file that several panels may share.

The file is read and written whole, under a lock, and replaced by renaming: whoever reads it sees
the old one or the new one. It holds figures, times and the answers of canaries, and no secrets.
"""

import asyncio
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from platformdirs import user_state_path

from sleeptui.adapters.json_errors import BROKEN_JSON
from sleeptui.core.errors import NotebookError
from sleeptui.core.learned import Learned
from sleeptui.core.ports import Clock

VERSION = 1
"""Of the file. The shape of an entry is that of ``core.learned.Learned``: new fields need a
default, and a field that changes its meaning a new version."""
KEPT = 200
"""Servers in the file: those that were written last."""
LOCK_LIMIT_S = 2.0
_LOCK_EVERY_S = 0.05


class _Entry(msgspec.Struct):
    written_s: float
    """Seconds since the epoch."""
    learned: msgspec.Raw
    """Decoded only when it is asked for."""


class _Head(msgspec.Struct):
    version: int


class _File(msgspec.Struct):
    version: int = VERSION
    servers: dict[str, _Entry] = {}


def state_path() -> Path:
    """Where it is: the platform's folder for the state of an application."""
    return user_state_path("sleeptui", appauthor=False) / "learned.json"


class MemoryNotebook:
    """Implements Notebook for a demo: nothing outlives the program."""

    def __init__(self) -> None:
        self._pages: dict[str, Learned] = {}

    async def read(self, key: str) -> Learned | None:
        """What was written."""
        return self._pages.get(key)

    async def write(self, key: str, learned: Learned) -> None:
        """Keep it until the end."""
        self._pages[key] = learned


class FileNotebook:
    """Implements Notebook as a file. The work is done in threads."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """At ``path``; nothing is opened or made before it is needed."""
        self._path = path
        self._clock = clock

    async def read(self, key: str) -> Learned | None:
        """What is known of a server.

        Raises:
            NotebookError: The file cannot be read, and why; a broken one has been moved aside.
        """
        return await asyncio.to_thread(self._read, key)

    async def write(self, key: str, learned: Learned) -> None:
        """Keep it.

        Raises:
            NotebookError: It cannot be kept, and why.
        """
        await asyncio.to_thread(self._write, key, learned)

    def _read(self, key: str) -> Learned | None:
        try:
            entry = self._load().servers.get(key)
        except BROKEN_JSON:
            with self._locked():
                self._mend()
            return None
        except OSError as error:
            raise self._failed("read", error) from error
        try:
            return None if entry is None else msgspec.json.decode(entry.learned, type=Learned)
        except BROKEN_JSON as error:
            raise NotebookError(
                f"what {self._path} says of {key} cannot be read", hint="it is learnt anew"
            ) from error

    def _write(self, key: str, learned: Learned) -> None:
        entry = _Entry(
            written_s=self._clock.wall_s(), learned=msgspec.Raw(msgspec.json.encode(learned))
        )
        with self._locked():
            broken: NotebookError | None = None
            try:
                self._mend()
            except NotebookError as error:
                broken = error
            servers = {**self._load().servers, key: entry}
            newest = sorted(servers.items(), key=lambda item: item[1].written_s)[-KEPT:]
            self._replace(msgspec.json.encode(_File(servers=dict(newest))))
            if broken is not None:  # the new one is kept; what happened to the old one is told
                raise broken

    def _load(self) -> _File:
        """The file as it is; empty where there is none.

        Raises:
            DecodeError, UnicodeDecodeError, RecursionError: It is broken.
            NotebookError: A newer version has written it.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return _File()
        version = msgspec.json.decode(data, type=_Head).version
        if version > VERSION:
            raise NotebookError(
                f"{self._path} was written by a newer sleeptui: nothing is recalled or kept",
                hint="update sleeptui, or move the file away",
            )
        return msgspec.json.decode(data, type=_File)

    def _mend(self) -> None:
        """Move the file aside if it is broken, and say so; another panel may have been faster.

        Raises:
            NotebookError: It was broken.
        """
        try:
            self._load()
        except BROKEN_JSON as error:
            aside = self._path.with_name(f"{self._path.name}.broken")
            self._path.replace(aside)
            raise NotebookError(
                f"{self._path} is broken: what was learnt earlier is lost",
                hint=f"sleeptui learns anew; the broken file is kept as {aside.name}",
            ) from error

    def _replace(self, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f"{self._path.name}.", dir=self._path.parent)
        temporary = Path(name)  # made with mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all panels, also those of other processes.

        Raises:
            NotebookError: The folder cannot be written, the disk is full, or the lock is held.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(
                self._path.with_name(f"{self._path.name}.lock"),
                os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC,
                0o600,
            )
            try:
                _take(lock)
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise self._failed("written", error) from error

    def _failed(self, done: str, error: OSError) -> NotebookError:
        return NotebookError(
            f"{self._path} cannot be {done}: {error.strerror or error}",
            hint="what is learnt of the servers is forgotten at the end",
        )


def _take(lock: int) -> None:
    end_s = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end_s:
                raise TimeoutError(0, "another program holds its lock") from None
            time.sleep(_LOCK_EVERY_S)
        else:
            return
