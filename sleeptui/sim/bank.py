"""The memory of simulated GPUs that several processes share: a folder with an entry a process.

An entry is a small JSON file, replaced whole, beside a file that its process keeps locked as long
as it lives: the kernel lets go of that lock however the process ends, in a container too. Whoever
allocates holds the lock of the bank meanwhile, so that no byte is given twice.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sleeptui.core.errors import SimError
from sleeptui.sim.gpu import SimGpu
from sleeptui.sim.scenario import SCENARIOS
from sleeptui.sim.spec import GpuSpec, Scenario

DEFAULT = "exp1"
"""The scenario of a bank that no server has used yet."""
_LOCK, _SCENARIO = "bank.lock", "scenario.json"
_ENTRY, _LIVES = ".entry.json", ".lives"
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One process with simulated GPU memory."""

    name: str
    """Of the server."""
    pid: int
    held: Mapping[int, int]
    """Bytes by index of the GPU."""
    host_bytes: int = 0
    batch: int = 0
    """Requests that run."""
    copying: bool = False
    """It falls asleep or wakes."""

    def text(self) -> str:
        """As the file has it."""
        return json.dumps(
            {
                "name": self.name,
                "pid": self.pid,
                "held": {str(index): held for index, held in self.held.items()},
                "host_bytes": self.host_bytes,
                "batch": self.batch,
                "copying": self.copying,
            }
        )

    @classmethod
    def read(cls, text: str) -> "Entry | None":
        """From the file; None: it is something else."""
        try:
            data: dict[str, Any] = json.loads(text)
            return cls(
                name=str(data["name"]),
                pid=int(data["pid"]),
                held={int(index): int(held) for index, held in data["held"].items()},
                host_bytes=int(data["host_bytes"]),
                batch=int(data["batch"]),
                copying=bool(data["copying"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None


class Bank:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def scenario(self) -> Scenario:
        """The fleet whose servers use it: its GPUs are those of the bank."""
        try:
            name = json.loads((self.folder / _SCENARIO).read_text())
        except (OSError, ValueError, RecursionError):
            name = None
        return SCENARIOS.get(name if isinstance(name, str) else "", SCENARIOS[DEFAULT])

    def entries(self, but: Path | None = None) -> Sequence[Entry]:
        """Those of living processes, by name; without one that is left out."""
        found = []
        for lives in sorted(self.folder.glob(f"*{_LIVES}")):
            if lives == but or not _is_locked(lives):
                continue
            try:
                entry = Entry.read(_entry_of(lives).read_text())
            except (OSError, UnicodeDecodeError):
                continue
            if entry is not None:
                found.append(entry)
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the bank; bounded by the few microseconds that others take."""
        with (self.folder / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def join(self, name: str, scenario: Scenario) -> "Account":
        """An entry for this process, which holds nothing yet.

        Raises:
            SimError: The folder cannot be written, or the servers of another fleet use it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.locked():
                self._bury()
                if self.scenario.name != scenario.name and self.entries():
                    raise SimError(
                        f"The bank {self.folder} is used by servers of {self.scenario.name}",
                        hint="End those servers first, or name another folder.",
                    )
                _write(self.folder / _SCENARIO, json.dumps(scenario.name))
                return Account(self, name)
        except OSError as error:
            raise SimError(
                f"The bank {self.folder} cannot be used: {error.strerror or error}",
                hint="Name a folder in --bank that can be written.",
            ) from error

    def _bury(self) -> None:
        """Remove what dead processes have left."""
        for lives in self.folder.glob(f"*{_LIVES}"):
            if not _is_locked(lives):
                _entry_of(lives).unlink(missing_ok=True)
                lives.unlink(missing_ok=True)


class Account:
    """The entry of this process."""

    def __init__(self, bank: Bank, name: str) -> None:
        """Made by :meth:`Bank.join`, under its lock."""
        self.bank = bank
        self._lives = bank.folder / f"{name}-{os.getpid()}-{secrets.token_hex(4)}{_LIVES}"
        self._lock = os.open(self._lives, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._entry = Entry(name=name, pid=os.getpid(), held={})
        self._keep(self._entry)

    def held(self, index: int) -> int:
        """Bytes of this process on a GPU."""
        return self._entry.held.get(index, 0)

    def others(self, index: int) -> int:
        """Bytes of all other servers on a GPU."""
        return sum(one.held.get(index, 0) for one in self.bank.entries(but=self._lives))

    def hold(self, index: int, target_bytes: int, capacity_bytes: int) -> bool:
        """Bring this process to a figure; it takes what there is where that does not fit.

        Args:
            index: Of the GPU.
            target_bytes: The figure.
            capacity_bytes: What all servers together may hold on it.

        Returns:
            False: out of memory.
        """
        held = self._entry.held
        if target_bytes == held.get(index, 0):
            return True
        with self.bank.locked():
            limit = max(capacity_bytes - self.others(index), 0)
            self._say(held={**held, index: min(target_bytes, limit)})
        return target_bytes <= limit

    def release(self, index: int) -> None:
        """Hold nothing on a GPU."""
        held = {gpu: size for gpu, size in self._entry.held.items() if gpu != index}
        self._say(held=held)

    def load(self, *, host_bytes: int, batch: int, copying: bool) -> None:
        """Say what it does just now."""
        self._say(held=self._entry.held, host_bytes=host_bytes, batch=batch, copying=copying)

    def close(self) -> None:
        """Leave the bank."""
        with self.bank.locked():
            _entry_of(self._lives).unlink(missing_ok=True)
            self._lives.unlink(missing_ok=True)
            os.close(self._lock)

    def _say(
        self,
        *,
        held: Mapping[int, int],
        host_bytes: int | None = None,
        batch: int | None = None,
        copying: bool | None = None,
    ) -> None:
        before = self._entry
        entry = Entry(
            name=before.name,
            pid=before.pid,
            held=held,
            host_bytes=before.host_bytes if host_bytes is None else host_bytes,
            batch=before.batch if batch is None else batch,
            copying=before.copying if copying is None else copying,
        )
        if entry != before:
            self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        _write(_entry_of(self._lives), entry.text())
        self._entry = entry


class BankGpu(SimGpu):
    """A GPU whose memory is in a bank: this process is one of those that hold it."""

    def __init__(self, index: int, spec: GpuSpec, account: Account) -> None:
        super().__init__(index, spec)
        self._account = account

    @property
    def used_bytes(self) -> int:
        """Held by all processes."""
        others = self._account.others(self.index)
        return self.spec.other_bytes + others + self._account.held(self.index)

    def held(self, holder: str) -> int:  # noqa: ARG002 - there is one holder in this process
        """Bytes of this process."""
        return self._account.held(self.index)

    def hold(self, holder: str, target_bytes: int) -> bool:  # noqa: ARG002 - as above
        """Bring this process to a figure; False: out of memory."""
        spec = self.spec
        capacity = spec.total_bytes - spec.reserve_bytes - spec.other_bytes
        return self._account.hold(self.index, target_bytes, capacity)

    def release(self, holder: str) -> None:  # noqa: ARG002 - as above
        """This process holds nothing any more."""
        self._account.release(self.index)


def _entry_of(lives: Path) -> Path:
    return lives.with_name(lives.name.removesuffix(_LIVES) + _ENTRY)


def _is_locked(path: Path) -> bool:
    """Its process lives."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write(path: Path, text: str) -> None:
    """Replace it whole: who reads sees the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(_PRIVATE)
    temporary.replace(path)
