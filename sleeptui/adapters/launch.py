"""How a server was started, without its secrets: its command line and its environment. Pure.

What is shown and recorded must be fit to be passed on, so whatever may be a secret is replaced:
better ``***`` in the place of a harmless word than the other way round.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sleeptui.core.secrecy import HIDDEN, hide, is_secret_name
from sleeptui.core.text import one_line

_LONGEST = 1000
"""Of one word: a JSON of ``--hf-overrides`` may be long."""
_MOST = 200
"""Words and variables."""

_URL_VALUES = re.compile(r"(?<=[?&])([^=&\s\"']+)=[^&\s\"']+")
_STEERING = frozenset(
    {
        "CUDA_DEVICE_ORDER",
        "CUDA_LAUNCH_BLOCKING",
        "CUDA_MODULE_LOADING",
        "CUDA_VISIBLE_DEVICES",
        "HF_HUB_OFFLINE",
        "LD_PRELOAD",
        "MKL_NUM_THREADS",
        "NVIDIA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "PYTHONDONTWRITEBYTECODE",
        "PYTORCH_ALLOC_CONF",
        "PYTORCH_CUDA_ALLOC_CONF",
        "TRANSFORMERS_OFFLINE",
    }
)
_STEERING_PREFIXES = ("VLLM_", "NCCL_", "TORCH_NCCL_", "GLOO_")
_SECRET_PARTS = ("AUTH", "CREDENTIAL", "KEY", "PASS", "SECRET", "TOKEN")


def without_secrets(words: Sequence[str]) -> tuple[str, ...]:
    """A command line that can be shown: cleaned, cut, values of secrets replaced by ``***``."""
    return tuple(_words(words[:_MOST]))


def steering(variables: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Those variables that change what vLLM, CUDA or NCCL do and hold no secret, by name.

    And whether Python keeps bytecode: without it a cold start compiles thousands of modules anew.
    """
    kept = [
        (name, _shown(value))
        for name, value in variables
        if (name in _STEERING or name.startswith(_STEERING_PREFIXES))
        and name.isascii()
        and name.isidentifier()
        and not any(part in name.upper() for part in _SECRET_PARTS)
    ]
    return dict(sorted(kept)[:_MOST])


def _words(words: Sequence[str]) -> Iterator[str]:
    is_secret = False
    for word in words:
        if not word.startswith("-"):
            # ``--api-key`` takes several: all words up to the next flag.
            yield HIDDEN if is_secret else _shown(word)
            continue
        name, equals, _value = word.partition("=")
        is_secret = is_secret_name(name)
        # The words behind ``--api-key=x`` are none of its values, but hidden all the same.
        yield f"{_shown(name)}={HIDDEN}" if is_secret and equals else _shown(word)


def _shown(text: str) -> str:
    hidden = _URL_VALUES.sub(rf"\1={HIDDEN}", hide(text[:_LONGEST]))
    return one_line(hidden, _LONGEST)
