"""A TOML file of ours from the disk to its tables: the same sentences for all that goes wrong."""

from pathlib import Path
from typing import Any

from sleeptui.core.errors import ConfigError
from sleeptui.core.text import one_line

_LARGEST = 1 << 20


def file_of(name: str) -> Path | None:
    """The file of that name; None: there is none, or none can be called so."""
    try:
        path = Path(name).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # too long, ~nobody, a zero byte
        return None


def path_of(name: str, what: str) -> Path:
    """The path that a text is, ``~`` and ``~user`` replaced.

    Args:
        name: A path.
        what: For errors: what it is the path of.

    Raises:
        ConfigError: There is no such user, or no path can be written so.
    """
    if "\0" in name:
        raise ConfigError(f"{what}: “{one_line(name)}” is no path", hint="use plain text")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{what}: {one_line(name)}: there is no such user", hint="write the whole path"
        ) from error


def text_of(path: Path) -> str:
    """What is in a file.

    Raises:
        ConfigError: It cannot be read, or is no text.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path}: larger than 1 MiB", hint="is it the right file?")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: it is not UTF-8 text", hint="is it the right file?") from error


def tables_of(text: str, where: str) -> dict[str, Any]:
    """The tables of a text.

    Args:
        text: TOML.
        where: For errors: the file.

    Raises:
        ConfigError: It is no TOML; names the line.
    """
    import tomllib  # noqa: PLC0415 - 20 ms that a run without a file need not pay

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{where}: not TOML: {one_line(str(error))}", hint="correct that line"
        ) from error
    except (ValueError, RecursionError) as error:  # digits without end, nested without end
        raise ConfigError(
            f"{where}: TOML beyond reason: {one_line(str(error))}", hint="is it the right file?"
        ) from error
