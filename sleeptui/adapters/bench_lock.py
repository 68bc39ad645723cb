"""One benchmark at a time on a server: a lock by its address, which ends with its program."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path

from sleeptui.core.errors import ConfigError, NotAllowed
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line

_TAKEN = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
_LONGEST = 500
_LOCAL = frozenset({"localhost", "::1", "0.0.0.0"})  # noqa: S104 - names, nothing is bound


def lock_folder() -> Path:
    """Where the locks are: in the platform's folder for the state of an application."""
    return user_state_path("sleeptui", appauthor=False) / "bench"


@contextmanager
def holding(servers: Sequence[ServerSpec], about: str, *, folder: Path) -> Iterator[None]:
    """Hold the locks of all these servers, or of none.

    Args:
        servers: That are measured.
        about: What runs, for those who find it locked.
        folder: Of the locks; made if it is not there.

    Raises:
        NotAllowed: A benchmark runs on one of them; says which.
        ConfigError: The folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for server in sorted(servers, key=lambda one: one.url):
                descriptor = os.open(
                    folder / _name(server.url), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                stack.callback(os.close, descriptor)
                if _take(descriptor, server, fcntl.LOCK_EX):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, about.encode()[:_LONGEST], 0)
        except OSError as error:
            raise ConfigError(
                f"the locks of benchmarks cannot be kept in {folder}: {error.strerror or error}",
                hint="XDG_STATE_HOME names another folder",
            ) from error
        yield


def check_free(servers: Sequence[ServerSpec], *, folder: Path) -> None:
    """Find out whether a benchmark runs on one of these servers; nothing is kept.

    Raises:
        NotAllowed: One does; says which.
    """
    for server in servers:
        try:
            descriptor = os.open(folder / _name(server.url), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # none has ever run there, or only those of others who may not be asked
            continue
        try:
            _take(descriptor, server, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)


def _take(descriptor: int, server: ServerSpec, how: int) -> bool:
    """Take a lock; whether there are locks at all: where there are none the user has to look out.

    Raises:
        NotAllowed: A benchmark has it.
    """
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if error.errno not in _TAKEN:
            raise
        what = one_line(os.pread(descriptor, _LONGEST, 0).decode(errors="replace"))
        raise NotAllowed(
            f"a benchmark runs on {server.name} already: {what or 'by another program'}",
            hint="wait for its end, or end it with ctrl+c there",
        ) from error
    return True


def _name(url: str) -> str:
    """Of the file; a machine has one name for itself."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname in _LOCAL else parts.hostname or ""
    place = f"{host}:{parts.port or ''}{parts.path.rstrip('/')}"
    return f"{hashlib.sha256(place.encode()).hexdigest()[:20]}.lock"
