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
                _take(descriptor, server, about)
        except OSError as error:
            raise ConfigError(
                f"the locks of benchmarks cannot be kept in {folder}: {error.strerror or error}",
                hint="XDG_STATE_HOME names another folder",
            ) from error
        yield


def _take(descriptor: int, server: ServerSpec, about: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return  # where there are no locks, the user has to look out
        if error.errno not in _TAKEN:
            raise
        what = one_line(os.pread(descriptor, _LONGEST, 0).decode(errors="replace"))
        raise NotAllowed(
            f"a benchmark runs on {server.name} already: {what or 'by another program'}",
            hint="wait for its end, or end it with ctrl+c there",
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, about.encode()[:_LONGEST], 0)


def _name(url: str) -> str:
    """Of the file; a machine has one name for itself."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname in _LOCAL else parts.hostname or ""
    place = f"{host}:{parts.port or ''}{parts.path.rstrip('/')}"
    return f"{hashlib.sha256(place.encode()).hexdigest()[:20]}.lock"
