"""The JSON documents of a file: one, one a line, or one after the other."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from sleeptui.core.errors import JournalError
from sleeptui.core.text import one_line

LARGEST_BYTES = 256 << 20
"""Of a file; it is read whole, and takes some ten times as much memory."""
MOST_DOCUMENTS = 1000


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        JournalError: It cannot be read, or is too large.
    """
    try:
        if not path.is_file():
            raise JournalError(f"there is no file {_shown(path)}")
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise JournalError(
                f"{_shown(path)} has {size >> 20} MiB, more than the {LARGEST_BYTES >> 20} MiB"
                " that are read",
                hint="guidellm leaves out requests with --sample-requests, vllm without"
                " --save-detailed",
            )
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise JournalError(f"{_shown(path)} cannot be read: {reason}") from error


def documents(content: bytes, path: Path) -> list[Mapping[str, object]]:
    """All JSON objects in it, in their order.

    Raises:
        JournalError: It is no JSON, or something else than objects.
    """
    try:
        # NaN and Infinity, which Python's own writer makes, are taken: they count as not there.
        found = list(_every(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise JournalError(f"{_shown(path)} is no text, so no JSON either") from error
    except json.JSONDecodeError as error:
        raise JournalError(
            f"{_shown(path)} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            hint="was it cut off?",
        ) from error
    except (RecursionError, ValueError) as error:  # nested without end, digits without end
        raise JournalError(
            f"{_shown(path)} is JSON beyond reason: {one_line(str(error))}"
        ) from error
    if not found:
        raise JournalError(f"{_shown(path)} is empty")
    return found


def _every(text: str) -> Iterator[Mapping[str, object]]:
    decoder = json.JSONDecoder()
    at, count = _skipped(text, 0), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        if not isinstance(document, dict):
            raise json.JSONDecodeError("not an object", text, max(at - 1, 0))
        count += 1
        if count > MOST_DOCUMENTS:
            raise ValueError(f"more than {MOST_DOCUMENTS} results")
        yield document
        at = _skipped(text, at)


def _skipped(text: str, at: int) -> int:
    """The place of the next character that is not white space."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _shown(path: Path) -> str:
    return one_line(str(path))
