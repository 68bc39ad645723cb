"""The gateway to NVML: the one place where the binding is called, and its errors become values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sleeptui.core.text import one_line

T = TypeVar("T")

# nvmlReturn_t, of nvml.h
_UNINITIALIZED = 1
_NO_PERMISSION = 4
_DRIVER_NOT_LOADED = 9
_LIBRARY_NOT_FOUND = 12
_GPU_IS_LOST = 15
_RESET_REQUIRED = 16
_VERSION_MISMATCH = 18
_UNKNOWN = 999

GONE = frozenset({_UNINITIALIZED, _DRIVER_NOT_LOADED, _GPU_IS_LOST, _RESET_REQUIRED, _UNKNOWN})
"""The GPU or the driver does not answer: no use to ask for the next field."""

_SENTENCES = {
    _UNINITIALIZED: "The connection to the NVIDIA driver was lost",
    _NO_PERMISSION: "No permission to read the NVIDIA driver: /dev/nvidia* is not readable",
    _DRIVER_NOT_LOADED: "The NVIDIA driver is not loaded: modprobe nvidia, or reboot",
    _LIBRARY_NOT_FOUND: "No NVIDIA driver on this machine: libnvidia-ml.so.1 is missing",
    _GPU_IS_LOST: "The GPU is lost, it has fallen off the bus: reboot, and look at dmesg for Xid",
    _RESET_REQUIRED: "The GPU must be reset: nvidia-smi --gpu-reset",
    _VERSION_MISMATCH: "NVIDIA driver and library differ in version: reboot, or reload the driver",
    _UNKNOWN: "The NVIDIA driver reports an unknown error: look at dmesg for Xid",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What NVML answered instead of a value."""

    code: int
    sentence: str


def ask(nvml: Any, call: Callable[[], Any]) -> Any | Failure:  # noqa: ANN401 - untyped library
    """The value of one NVML call, or its failure; raises nothing of NVML's."""
    try:
        return call()
    except nvml.NVMLError as error:
        code = int(error.value)
        return Failure(code=code, sentence=_SENTENCES.get(code) or f"NVML: {one_line(str(error))}")


def value_of(reply: T | Failure) -> T | None:
    """The value; None where there is none."""
    return None if isinstance(reply, Failure) else reply


def text_of(value: object) -> str:
    """A name, cleaned; old versions of the binding answer bytes."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return one_line(value) if isinstance(value, str) else ""
