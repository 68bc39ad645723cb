"""What a measurement depends on: the machine, its GPUs, its limits. Values only, no secrets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What of one GPU does not change while it runs; None where the driver does not say."""

    index: int
    name: str
    uuid: str = ""
    total_bytes: int | None = None
    pcie_gen: int | None = None
    pcie_gen_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    power_limit_w: float | None = None
    persistence: bool | None = None
    ecc: bool | None = None
    mig: bool | None = None
    numa_node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that the GPUs are in."""

    host: str = ""
    kernel: str = ""
    cpu: str = ""
    cpus: int | None = None
    """Logical ones that this program may use."""
    ram_bytes: int | None = None
    memory_limit_bytes: int | None = None
    """Of the control group; None: no limit."""
    memlock_bytes: int | None = None
    """RLIMIT_MEMLOCK of this program; None: no limit. Pinned host memory of level 1 needs it."""
    huge_pages: str = ""
    """transparent_hugepage: always, madvise, never."""
    boot_id: str = ""
    driver: str = ""
    cuda: str = ""
    """CUDA version that the driver speaks."""
    cards: tuple[Card, ...] = ()
    simulated: str | None = None
    """The scenario: these GPUs are not real."""
    problems: tuple[str, ...] = ()
    """What could not be read and why."""
