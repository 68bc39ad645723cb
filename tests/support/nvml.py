"""A machine with GPUs that are not there: the stand-in library, built with gcc, and its state."""

import atexit
import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pynvml
import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")
SONAME = "libnvidia-ml.so.1"
STATE_VARIABLE = "STANDIN_NVML"
GIB = 1 << 30


@functools.cache
def built_library() -> Path:
    """The compiled stand-in, once a process; skips the test where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in of libnvidia-ml.so.1")
    directory = Path(tempfile.mkdtemp(prefix="standin-nvml-"))
    atexit.register(shutil.rmtree, directory)
    target = directory / SONAME
    warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-format"]
    shared = ["-shared", "-fPIC", "-fvisibility=hidden", f"-Wl,-soname,{SONAME}"]
    subprocess.run([compiler, "-O1", *warnings, *shared, "-o", target, SOURCE], check=True)
    return target


def own_library(directory: Path) -> Path:
    """A copy of the stand-in: loaded from a path of its own it has variables of its own."""
    return Path(shutil.copy(built_library(), directory / SONAME))


@dataclass
class Machine:
    """What the stand-in plays; every change is seen by the next NVML call."""

    path: Path
    lines: dict[str, str] = field(default_factory=dict)

    def gpu(
        self,
        index: int,
        *,
        total: int = 140 * GIB,
        used: int = 3 * GIB,
        reserved: int = GIB // 2,
        utilization: int = 0,
        temperature: int = 30,
        power_mw: int = 75_500,
        limit_mw: int = 700_000,
        uuid: str | None = None,
        name: str = "NVIDIA H200",
    ) -> None:
        uuid = uuid or f"GPU-{index:08d}"
        numbers = (total, used, reserved, utilization, temperature, power_mw, limit_mw)
        self._set(f"gpu {index}", " ".join(map(str, numbers)) + f" {uuid} {name}")

    def card(
        self,
        index: int,
        *,
        gen: tuple[int, int] = (1, 5),
        width: tuple[int, int] = (16, 16),
        persistence: bool = True,
        ecc: bool = True,
        mig: bool = False,
        bus: str = "00000000:4E:00.0",
    ) -> None:
        """What a driver says of its link and modes: now and at most; without it, nothing."""
        numbers = (*gen, *width, int(persistence), int(ecc), int(mig))
        self._set(f"card {index}", " ".join(map(str, numbers)) + f" {bus}")

    def process(self, gpu: int, pid: int, used: int | None) -> None:
        self._set(f"process {gpu} {pid}", "na" if used is None else str(used))

    def end_process(self, gpu: int, pid: int) -> None:
        self._drop(f"process {gpu} {pid}")

    def fail(self, symbol: str, code: int, *, gpu: int | None = None) -> None:
        self._set(f"fail {symbol} {code}", "" if gpu is None else str(gpu))

    def mend(self, symbol: str) -> None:
        for key in [key for key in self.lines if key.startswith(f"fail {symbol} ")]:
            self._drop(key)

    def hang(self, symbol: str, seconds: float) -> None:
        self._set(f"hang {symbol}", str(int(seconds * 1000)))

    def go_on(self, symbol: str) -> None:
        self._drop(f"hang {symbol}")

    def unload_driver(self) -> None:
        self.path.unlink()

    def _set(self, key: str, value: str) -> None:
        self.lines[key] = value
        self._write()

    def _drop(self, key: str) -> None:
        del self.lines[key]
        self._write()

    def _write(self) -> None:
        # Replaced in one step: the library may be reading it in another thread.
        text = "".join(f"{key} {value}\n" for key, value in self.lines.items())
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.path)


def load(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    """Let NVML of this process be the stand-in, until the test ends."""
    monkeypatch.setenv(STATE_VARIABLE, str(machine.path))
    library = ctypes.CDLL(str(own_library(machine.path.parent)))
    monkeypatch.setattr(pynvml, "nvmlLib", library)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})


def unload(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process find no NVML, until the test ends."""

    def no_library(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", no_library)


def environment(library: Path, machine: Machine) -> dict[str, str]:
    """For a child process that shall load the stand-in as the system's own library."""
    return {
        **os.environ,
        "LD_LIBRARY_PATH": str(library.parent),
        STATE_VARIABLE: str(machine.path),
    }
