"""vLLM's folder of compile caches (VLLM_CACHE_ROOT): is it empty, and how to empty it.

It is the only place where sleeptui deletes what it has not made, so only in a folder that is
named in the configuration, that lies deep enough, and that holds nothing but what vLLM keeps
there. Links are never followed.
"""

import shutil
from pathlib import Path

from sleeptui.core.cold import EMPTY, NOT_KNOWN, POPULATED
from sleeptui.core.text import one_line

KNOWN = frozenset(
    {
        "assets",
        "deep_gemm",
        "dummy_cache",
        "flashinfer",
        "flashinfer_autotune_cache",
        "modelinfos",
        "rocm_segmented_attention",
        "startup_plan",
        "torch_aot_compile",
        "torch_compile_cache",
        "torchinductor",
        "triton",
        "xla_cache",
    }
)
"""What vLLM keeps in its cache, and what is often pointed there too. Anything else: hands off."""
_PEERS = "gpu_p2p_access_cache_for_"
"""A file of vLLM's: which GPUs reach each other."""
_FEWEST_PARTS = 3


def content(folder: Path) -> str:
    """Whether there is any file in the folder; one that is not there is empty."""
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return NOT_KNOWN
        return POPULATED if any(path.is_file() for path in folder.rglob("*")) else EMPTY
    except OSError:
        return NOT_KNOWN


def clear(folder: Path) -> str:
    """Empty the folder. Returns why it was not done; empty: it is empty."""
    shown = one_line(str(folder))
    why = _forbidden(folder)
    if why:
        return f"The compile caches in {shown} are not cleared: {why}"
    try:
        if not folder.exists():
            return ""
        for entry in sorted(folder.iterdir()):
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as error:
        return f"The compile caches in {shown} cannot be cleared: {error.strerror or error}"
    return ""


def _forbidden(folder: Path) -> str:
    if not folder.is_absolute() or ".." in folder.parts:
        return "it is no absolute path"
    if len(folder.parts) < _FEWEST_PARTS or Path.home().is_relative_to(folder):
        return "it is no folder of caches"
    if any(part.is_symlink() for part in (folder, *folder.parents)):
        return "a part of its path is a link"
    try:
        if not folder.exists():
            return ""
        if not folder.is_dir():
            return "it is no folder"
        for entry in sorted(folder.iterdir()):
            if entry.is_symlink() or not _is_known(entry):
                return f"{one_line(entry.name)} in it is none of vLLM's caches"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _is_known(entry: Path) -> bool:
    if entry.is_dir():
        return entry.name in KNOWN
    return entry.name.startswith(_PEERS) or entry.suffix == ".lock"
