"""What a measurement depends on: the machine, its GPUs, its limits. Values only, no secrets."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One GPU as a part of the machine; None where the driver does not say."""

    index: int
    name: str
    uuid: str = ""
    total_bytes: int | None = None
    pcie_gen: int | None = None
    """Now: an idle link falls back to 1."""
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


_FLEETING = frozenset({"boot_id", "problems"})
_FLEETING_OF_A_CARD = frozenset({"pcie_gen", "pcie_width"})
"""Of an idle link they are not those of a busy one."""


def env_id(machine: Machine) -> str:
    """Twelve hexadecimal digits that are the same for the same machine, set up the same.

    SHA-256 of its canonical JSON, without what changes with a reboot or from moment to moment.
    """
    import json  # noqa: PLC0415 - late, as the next: the first frame needs neither
    from hashlib import sha256  # noqa: PLC0415

    known = {name: value for name, value in asdict(machine).items() if name not in _FLEETING}
    known["cards"] = [
        {name: value for name, value in card.items() if name not in _FLEETING_OF_A_CARD}
        for card in known["cards"]
    ]
    text = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:12]
