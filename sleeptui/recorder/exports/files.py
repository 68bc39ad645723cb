"""Puts exported files on the disk: whole or not at all, for the owner's eyes only."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkstemp

from sleeptui.core.errors import ExportError

MANIFEST = "MANIFEST.sha256"


def keep(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write the files, each by its path below the folder, and force them to the disk.

    A file that is there already is replaced in one step: a reader sees the old or the new one.

    Returns:
        Their paths, in the order given.

    Raises:
        ExportError: One cannot be written, and why.
    """
    written = []
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, data)
            written.append(str(path))
        for parent in sorted({(folder / name).parent for name in files}):
            _sync_folder(parent)
    except OSError as error:
        raise ExportError(
            f"the files of the session cannot be written to {folder}: "
            f"{(error.strerror or str(error)).lower()}",
            hint="make room, or write elsewhere with --to",
        ) from error
    return written


def manifest(hashes: Mapping[str, str]) -> bytes:
    """What ``sha256sum --check`` reads: a line a file, by name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items())).encode()


def sha256(data: bytes) -> str:
    """The hash of some bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """The hash of a file, however large it is."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """A file of the owner's own (mkstemp gives 0600), on the disk before it has its name."""
    descriptor, other = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(other).replace(path)
    finally:
        Path(other).unlink(missing_ok=True)  # it has its name by now, or never gets it


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
