"""The kinds of files that can be imported, and how each is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sleeptui.core.errors import JournalError
from sleeptui.core.text import one_line
from sleeptui.recorder.imports import guidellm, vllm_offline, vllm_serve
from sleeptui.recorder.imports.documents import documents
from sleeptui.recorder.imports.foreign import Foreign

Documents = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One tool's files."""

    source: str
    keys: tuple[str, ...]
    """By which they are known, as an error names them."""
    fits: Callable[[Mapping[str, object]], bool]
    read: Callable[[Documents], Foreign]


KINDS = (
    Kind(
        source=vllm_serve.SOURCE,
        keys=vllm_serve.KEYS,
        fits=vllm_serve.fits,
        read=vllm_serve.read,
    ),
    Kind(
        source=vllm_offline.STARTUP,
        keys=vllm_offline.STARTUP_KEYS,
        fits=vllm_offline.fits_startup,
        read=vllm_offline.read_startup,
    ),
    Kind(
        source=vllm_offline.LATENCY,
        keys=vllm_offline.LATENCY_KEYS,
        fits=vllm_offline.fits_latency,
        read=vllm_offline.read_latency,
    ),
    Kind(
        source=vllm_offline.THROUGHPUT,
        keys=vllm_offline.THROUGHPUT_KEYS,
        fits=vllm_offline.fits_throughput,
        read=vllm_offline.read_throughput,
    ),
    Kind(
        source=guidellm.SOURCE,
        keys=("metadata.version", "benchmarks"),
        fits=guidellm.fits,
        read=guidellm.read,
    ),
)


def understood(content: bytes, path: Path) -> Foreign:
    """What a file tells.

    Raises:
        JournalError: It is no JSON, no result that is known, or there is no figure in it.
    """
    every = documents(content, path)
    for kind in KINDS:
        count = sum(map(kind.fits, every))
        if not count:
            continue
        if count < len(every):
            raise JournalError(
                f"{_shown(path)} has results of {kind.source} and {len(every) - count} other ones",
                hint="put each tool's results into a file of their own",
            )
        found = kind.read(every)
        if not found.series:
            raise JournalError(f"{_shown(path)} is a result of {kind.source} without any figure")
        return found
    looked = "; ".join(f"{' and '.join(kind.keys)} ({kind.source})" for kind in KINDS)
    raise JournalError(
        f"{_shown(path)} is no result that is known",
        hint=f"looked for the fields {looked}",
    )


def _shown(path: Path) -> str:
    return one_line(str(path))
