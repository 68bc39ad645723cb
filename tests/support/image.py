"""Container images made of the Python that runs the tests: no registry is needed.

The small one is for containers that look like vLLM. The other one is like ``python:slim``: it has a
shell and pip, so that our own image can be built from it.
"""

import functools
import hashlib
import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Callable
from pathlib import Path

import pip
import pytest
from support.processes import SCRIPT

_LEFT_OUT = {
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
}
_SHELL = ("sh", "chown", "env", "id", "ls", "mkdir", "sleep", "stat")
_COMPILED = ("psutil", "numpy", "matplotlib")
"""Packages that are linked with what every Debian has, and a bare file system has not."""
_DIRECTORIES = ("tmp", "proc", "sys", "dev", "etc", "root")


def interpreter() -> Path:
    """The interpreter inside the image, at the same place as outside."""
    return Path(sys.executable).resolve()


def _packages() -> Path:
    """Where installed packages are: a container that needs them has them mounted."""
    return Path(sysconfig.get_path("purelib"))


@functools.cache
def root_file_system() -> bytes:
    """A tar file: the interpreter, its library, what they are linked with, and ``vllm``."""
    return _tar(_add_script)


@functools.cache
def base_file_system() -> bytes:
    """A tar file: the same with a shell and pip; skips the test where there is no busybox."""
    if shutil.which("busybox") is None:
        pytest.skip("there is no busybox for the shell of a base image")
    return _tar(_add_shell, _add_pip)


def _tar(*additions: Callable[[tarfile.TarFile], None]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in _DIRECTORIES:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        library = Path(sysconfig.get_path("stdlib"))
        tar.add(library, library.relative_to("/"), filter=_wanted)
        tar.add(interpreter(), interpreter().relative_to("/"))
        compiled = [path for name in _COMPILED for path in (_packages() / name).rglob("*.so")]
        modules = [str(path) for path in [*(library / "lib-dynload").glob("*.so"), *compiled]]
        for linked in _linked_with([str(interpreter()), *modules]):
            # By the name that the linker looks for, whatever it links to outside.
            tar.add(linked.resolve(), linked.relative_to("/"))
        for add in additions:
            add(tar)
    return buffer.getvalue()


def tag() -> str:
    """Changes with what is in the image."""
    text = f"{sys.version} {interpreter()} {SCRIPT.read_text()} {Path(__file__).read_text()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    path = Path(entry.name)
    unwanted = path.name in _LEFT_OUT or path.name.startswith("config-") or path.suffix == ".a"
    return None if unwanted else entry


def _linked_with(files: list[str]) -> set[Path]:
    done = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False)
    words = [word for word in done.stdout.split() if word.startswith("/") and word[-1] != ":"]
    # What a wheel brings with it comes with the wheel.
    return {Path(word) for word in words if not Path(word).is_relative_to(_packages())}


def _add_script(tar: tarfile.TarFile) -> None:
    content = f"#!{interpreter()} -IS\n{SCRIPT.read_text()}".encode()
    entry = tarfile.TarInfo("usr/local/bin/vllm")
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))


def _add_shell(tar: tarfile.TarFile) -> None:
    tar.add(str(shutil.which("busybox")), "bin/busybox")
    for name in _SHELL:
        _link(tar, f"bin/{name}", "busybox")
    _link(tar, f"{interpreter().parent.relative_to('/')}/python3", interpreter().name)


def _add_pip(tar: tarfile.TarFile) -> None:
    code = "import site; print(site.getsitepackages()[0])"
    done = subprocess.run([interpreter(), "-c", code], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip(), "pip").relative_to("/")
    tar.add(Path(pip.__file__).parent, folder, filter=_wanted)


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)
