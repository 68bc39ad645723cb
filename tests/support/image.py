"""A container image made of the Python that runs the tests: no registry is needed."""

import functools
import hashlib
import io
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

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
    "unittest",
}
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
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in _DIRECTORIES:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        library = Path(sysconfig.get_path("stdlib"))
        tar.add(library, library.relative_to("/"), filter=_wanted)
        tar.add(interpreter(), interpreter().relative_to("/"))
        compiled = [*(library / "lib-dynload").glob("*.so"), *_packages().glob("psutil/*.so")]
        modules = [str(path) for path in compiled]
        for linked in _linked_with([str(interpreter()), *modules]):
            # By the name that the linker looks for, whatever it links to outside.
            tar.add(linked.resolve(), linked.relative_to("/"))
        _add_script(tar)
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
    words = done.stdout.split()
    return {Path(word) for word in words if word.startswith("/") and not word.endswith(":")}


def _add_script(tar: tarfile.TarFile) -> None:
    content = f"#!{interpreter()} -IS\n{SCRIPT.read_text()}".encode()
    entry = tarfile.TarInfo("usr/local/bin/vllm")
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))
