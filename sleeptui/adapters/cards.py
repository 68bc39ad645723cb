"""What of the GPUs does not change while they are measured: links, limits, modes, driver.

Read once a recording, with its own hold on the library beside that of ``nvml.py``: NVML counts who
has opened it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sleeptui.adapters.nvml_gateway import Failure, ask, text_of, value_of
from sleeptui.core.environment import Card

_DEVICES = Path("/sys/bus/pci/devices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """The GPUs of this machine and their driver."""

    driver: str = ""
    cuda: str = ""
    """CUDA version that the driver speaks."""
    cards: tuple[Card, ...] = ()
    problem: str | None = None
    """One sentence when there is no NVML, or no GPU."""


def read_cards(devices: Path = _DEVICES) -> Cards:
    """Read all; blocks as long as the driver does, 20 ms where it is well. Never raises.

    Args:
        devices: Where the kernel describes PCI devices: it knows their NUMA nodes.
    """
    import pynvml  # noqa: PLC0415 - late, as in nvml.py

    begun = ask(pynvml, pynvml.nvmlInit)
    if isinstance(begun, Failure):
        return Cards(problem=begun.sentence)
    try:
        return _read(pynvml, devices)
    finally:
        ask(pynvml, pynvml.nvmlShutdown)


def _read(nvml: Any, devices: Path) -> Cards:  # noqa: ANN401 - untyped library
    count = ask(nvml, nvml.nvmlDeviceGetCount)
    cuda = value_of(ask(nvml, nvml.nvmlSystemGetCudaDriverVersion_v2))
    known = Cards(
        driver=text_of(value_of(ask(nvml, nvml.nvmlSystemGetDriverVersion))),
        # 13020: 13.2
        cuda="" if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
    )
    if isinstance(count, Failure):
        return Cards(driver=known.driver, cuda=known.cuda, problem=count.sentence)
    handles = [ask(nvml, partial(nvml.nvmlDeviceGetHandleByIndex, at)) for at in range(count)]
    lost = [at for at, handle in enumerate(handles) if isinstance(handle, Failure)]
    problem = f"GPU {', '.join(map(str, lost))} does not answer" if lost else None
    return Cards(
        driver=known.driver,
        cuda=known.cuda,
        cards=tuple(
            Card(index=at, name=f"GPU {at}")
            if isinstance(handle, Failure)
            else _card(nvml, at, handle, devices)
            for at, handle in enumerate(handles)
        ),
        problem=problem if count else "The NVIDIA driver sees no GPU",
    )


def _card(nvml: Any, index: int, handle: object, devices: Path) -> Card:  # noqa: ANN401 - as above
    def of(call: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as above
        """What this GPU says to a call; None: nothing."""
        return value_of(ask(nvml, partial(call, handle)))

    memory = of(nvml.nvmlDeviceGetMemoryInfo)
    limit = of(nvml.nvmlDeviceGetEnforcedPowerLimit)
    return Card(
        index=index,
        name=text_of(of(nvml.nvmlDeviceGetName)) or f"GPU {index}",
        uuid=text_of(of(nvml.nvmlDeviceGetUUID)),
        total_bytes=None if memory is None else memory.total,
        pcie_gen=of(nvml.nvmlDeviceGetCurrPcieLinkGeneration),
        pcie_gen_max=of(nvml.nvmlDeviceGetMaxPcieLinkGeneration),
        pcie_width=of(nvml.nvmlDeviceGetCurrPcieLinkWidth),
        pcie_width_max=of(nvml.nvmlDeviceGetMaxPcieLinkWidth),
        power_limit_w=None if limit is None else limit / 1000,
        persistence=_is_on(of(nvml.nvmlDeviceGetPersistenceMode)),
        ecc=_is_on(of(nvml.nvmlDeviceGetEccMode)),
        mig=_is_on(of(nvml.nvmlDeviceGetMigMode)),
        numa_node=_numa_node(of(nvml.nvmlDeviceGetPciInfo_v3), devices),
    )


def _is_on(mode: int | list[int] | None) -> bool | None:
    """Of a mode; where NVML answers the current and the pending one, the current."""
    if isinstance(mode, list):
        mode = mode[0]
    return None if mode is None else bool(mode)


def _numa_node(info: Any, devices: Path) -> int | None:  # noqa: ANN401 - NVML's structure
    """The node that the GPU's slot belongs to; None where the machine has no nodes."""
    if info is None:
        return None
    # NVML: 00000000:4E:00.0, the kernel: 0000:4e:00.0
    domain, _, rest = text_of(info.busId).lower().partition(":")
    try:
        node = int((devices / f"{domain[-4:]}:{rest}" / "numa_node").read_text())
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None
