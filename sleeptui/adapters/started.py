"""What was started as a process, in files: its output, and how another sleeptui finds it again.

A folder of the user's own, nobody else may read it: the output of a server can hold prompts. For
each server a log, the log of the start before, and a small file that names the process.
"""

import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from platformdirs import user_state_path

from sleeptui.adapters import process_logs
from sleeptui.adapters.family import Root
from sleeptui.adapters.json_errors import BROKEN_JSON
from sleeptui.core.errors import ProcessError
from sleeptui.core.secrecy import secrets_within, without
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line

VERSION = 1
LONGEST_OUTPUT = 16 << 20
"""Bytes: at most so much of the end of a log is read."""
MOST_LINES = 64 << 10
_LOCK_LIMIT_S = 5.0
_LOCK_EVERY_S = 0.05
_OPEN = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_SLUG = 40


class Started(msgspec.Struct, kw_only=True):
    """A process that was started, as it is kept."""

    version: int = VERSION
    pid: Annotated[int, msgspec.Meta(gt=0, le=(1 << 31) - 1)]
    """0 would be the session of all that the kernel itself has started."""
    ticks: int
    boot_id: str
    started_wall_s: float
    """Since the epoch."""
    recipe: str
    """Fingerprint of command, environment and folder: the configuration may have changed."""

    @property
    def root(self) -> Root:
        """How it is found again."""
        return Root(pid=self.pid, ticks=self.ticks, boot_id=self.boot_id)


def servers_folder() -> Path:
    """Where it is: in the platform's folder for the state of an application."""
    return user_state_path("sleeptui", appauthor=False) / "servers"


def recipe(spec: ServerSpec, folder: Path) -> str:
    """A fingerprint of how a server is started; tells nothing of what is in it."""
    parts = (spec.command, sorted(spec.environment.items()), str(folder))
    return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()


class StartedServer:
    """The files of one server. Name and URL together name it: fleets may have the same names."""

    def __init__(self, folder: Path, spec: ServerSpec) -> None:
        """Nothing is made before it is needed."""
        slug = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()).strip("-")[:_LONGEST_SLUG]
        mark = hashlib.sha256(f"{spec.name}\n{spec.url}".encode(errors="replace")).hexdigest()[:8]
        stem = f"{slug}-{mark}".lstrip("-")
        self._folder, self._spec = folder, spec
        self._name = one_line(spec.name)
        self._state = folder / f"{stem}.json"
        self._lock = folder / f"{stem}.lock"
        self.log = folder / f"{stem}.log"

    def read(self) -> Started | None:
        """What was started last and not ended by us; None: nothing.

        A file that is torn or by a newer version reads as nothing: then the port tells who runs.
        """
        try:
            started = msgspec.json.decode(self._state.read_bytes(), type=Started)
        except (OSError, *BROKEN_JSON):
            return None
        return started if started.version == VERSION else None

    def write(self, started: Started) -> None:
        """Keep it.

        Raises:
            ProcessError: It cannot be written, and why.
        """
        try:
            descriptor, name = tempfile.mkstemp(prefix=f"{self._state.name}.", dir=self._folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(started))
            Path(name).replace(self._state)
        except OSError as error:
            raise self._failed(error) from error

    def forget(self) -> None:
        """It has been ended."""
        self._state.unlink(missing_ok=True)

    def new_log(self) -> int:
        """A descriptor of an empty log; the log before is kept once.

        Raises:
            ProcessError: It cannot be written, and why.
        """
        try:
            if self.log.exists():
                self.log.replace(self.log.with_name(f"{self.log.name}.1"))
            return os.open(self.log, _OPEN | os.O_WRONLY | os.O_APPEND | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._failed(error) from error

    def output(self) -> Sequence[str]:
        """What it has written since its start, cleaned: the end of it, where it is very much.

        Without the secrets that it was started with: what is shown may be passed on.
        """
        if not self.log.exists():
            return ()
        variables = {**os.environ, **self._spec.environment}
        secrets = secrets_within(self._spec.command, variables)
        lines = process_logs.tail(str(self.log), MOST_LINES, most=LONGEST_OUTPUT)
        return without("\n".join(lines), secrets).split("\n") if lines else ()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Alone among all that start this server.

        Raises:
            ProcessError: Another one is at it, or the folder cannot be written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._lock, _OPEN | os.O_RDWR, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._take(lock)
            yield
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        end_s = time.monotonic() + _LOCK_LIMIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= end_s:
                    raise ProcessError(
                        f"{self._name}: another sleeptui is starting it just now",
                        hint="Wait until that one has done it.",
                    ) from error
                time.sleep(_LOCK_EVERY_S)
            else:
                return

    def _failed(self, error: OSError) -> ProcessError:
        return ProcessError(
            f"{self._name} cannot be started: {self._folder} cannot be written:"
            f" {error.strerror or error}",
            hint="Its output is kept there; XDG_STATE_HOME moves it.",
        )
