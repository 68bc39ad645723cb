"""Bugs of vLLM's sleep mode that an operator meets, by version. Pure.

Numbers are issues or pull requests of vllm-project/vllm. Versions are releases whose source was
read, or what the issue says; a version that cannot be read has no known bugs.
"""

from dataclasses import dataclass

from sleeptui.core.version import Version, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One bug, from the first version that has it to the first that does not."""

    number: int
    """Of the issue that tells most."""
    before: Version
    """The first version that is free of it."""
    what: str
    """What happens, one clause."""
    help: str
    """What helps, beside a version that is free of it; empty: nothing."""
    since: Version = (0, 0, 0)
    only_with: str = ""
    """What a server must be started with to have it; empty: each has it."""

    @property
    def mended_in(self) -> str:
        """As one says it: ``0.17``, ``0.8.5``."""
        major, minor, patch = self.before
        return f"{major}.{minor}.{patch}" if patch else f"{major}.{minor}"


BUGS: tuple[Bug, ...] = (
    Bug(
        number=15483,
        before=(0, 17, 0),
        what="a request that runs when it is put to sleep, or comes while it sleeps, kills it",
        help="keep clients away before it sleeps and until it is awake",
    ),
    Bug(
        number=32714,
        since=(0, 14, 0),
        before=(0, 17, 0),
        what="its weights stay on the GPU at every level: a sleep frees the KV cache alone",
        help="",
    ),
    Bug(
        number=16564,
        before=(0, 8, 5),
        what="level 2 loses buffers of the model: gibberish even after its weights were read again",
        help="use level 1",
    ),
    Bug(
        number=44395,
        since=(0, 17, 0),
        before=(0, 24, 0),
        what="in a level 2 wake requests run before the weights are back, which can kill it",
        help="use level 1, or keep clients away while it wakes",
    ),
    Bug(
        number=36651,
        before=(0, 25, 0),
        what="GPU memory leaks from cycle to cycle, up to gigabytes a day",
        help="watch its residual and restart it when that has grown",
    ),
    Bug(
        number=25800,
        before=(0, 12, 0),
        only_with="an FP8 KV cache",
        what="gibberish after a wake from level 2",
        help="use level 1",
    ),
    Bug(
        number=28606,
        before=(0, 15, 0),
        only_with="quantised weights",
        what="reading the weights again after level 2 fails, or corrupts them",
        help="use level 1",
    ),
    Bug(
        number=41563,
        since=(0, 12, 0),
        before=(0, 29, 0),
        only_with="an FP8 KV cache and a hybrid model (Mamba layers)",
        what="a wake ends in an error and leaves it wedged, while /health stays green",
        help="leave out --kv-cache-dtype fp8",
    ),
    Bug(
        number=45617,
        since=(0, 12, 0),
        before=(0, 29, 0),
        only_with="an FP8 KV cache with calibrated scales",
        what="a wake resets the scales to 1.0: its answers are a little worse from then on",
        help="leave out --kv-cache-dtype fp8",
    ),
    Bug(
        number=39934,
        since=(0, 17, 0),
        before=(0, 28, 0),
        only_with="LoRA adapters",
        what="reading the weights again after level 2 fails",
        help="use level 1",
    ),
    Bug(
        number=53888,
        since=(0, 27, 1),
        before=(0, 27, 2),
        only_with="LoRA adapters on several GPUs",
        what="a wake from level 1 was seen to corrupt the adapters",
        help="",
    ),
    Bug(
        number=45268,
        since=(0, 22, 1),
        before=(0, 22, 2),
        only_with="KV cache offloading of vLLM itself",
        what="its engine was seen to die after the first cycle",
        help="leave the offloading out",
    ),
)
"""The worst first."""


def bugs_of(version: str | None) -> tuple[Bug, ...]:
    """What is known to be wrong with a version; nothing for one that cannot be read."""
    known = parse(version)
    if known is None:
        return ()
    return tuple(bug for bug in BUGS if bug.since <= known < bug.before)
