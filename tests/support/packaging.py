"""Wheel, source distribution, and the Pythons that they are tried with."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
_UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|Network is unreachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a release consists of."""

    wheel: Path
    sdist: Path


def build(source: Path, to: Path, *targets: str) -> Built:
    """Build with the backend itself: without a network, in a second."""
    chosen = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", *chosen, "-d", to]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Built(
        wheel=next(to.glob("*.whl"), to / "none.whl"), sdist=next(to.glob("*.tar.gz"), to / "none")
    )


def unpacked(sdist: Path, to: Path) -> Path:
    """The folder of the sources."""
    with tarfile.open(sdist) as archive:
        # Python 3.11.2, that of Debian 12, has no filters; 3.12 warns where there is none.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda entry, _: entry)
        archive.extractall(to)
    return to / sdist.name.removesuffix(".tar.gz")


def interpreter(version: str) -> Path:
    """A Python of that version outside of any environment; skips the test where there is none."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version == mine:
        return Path(sys._base_executable).resolve()
    named = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    found = [Path(named)] if named else []
    found += sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    for path in found:
        # One of pyenv's stand-ins answers only where its version is switched on.
        code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return path
    pytest.skip(f"there is no Python {version}, neither on PATH nor in {pyenv}")


def pip(*arguments: str | Path, python: Path | None = None) -> None:
    """Run pip, for another interpreter if given; skips the test where nothing can be fetched."""
    target = ["--python", python] if python else []
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and _UNREACHABLE.search(done.stderr):
        pytest.skip("the packages that sleeptui needs cannot be fetched here")
    assert done.returncode == 0, done.stderr


def environment(python: Path, to: Path, *what: str | Path, options: Sequence[str] = ()) -> Path:
    """A fresh environment with that alone in it; the path of its ``sleeptui``."""
    subprocess.run([python, "-m", "venv", "--without-pip", to], check=True)
    pip("install", "--quiet", "--no-compile", *options, *what, python=to / "bin" / "python")
    return to / "bin" / "sleeptui"
