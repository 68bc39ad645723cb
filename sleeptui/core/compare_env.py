"""What two sessions were measured with, side by side: only what differs. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sleeptui.core.environment import Card
from sleeptui.core.session import ServerSeen, Session
from sleeptui.core.units import UNKNOWN, memory

_OWN_ADDRESS = frozenset({"--port", "--host", "--uds"})
"""Flags that say where a server listens: of no weight for what is measured."""
_OF_SERVERS = "servers."


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not the same in both."""

    what: str
    model: str | None = None
    """Of which model's server; None: of the machine or the recording."""
    a: str
    b: str


_CardText = Callable[[Card], str]


class _Row(NamedTuple):
    what: str
    a: str
    b: str
    model: str | None = None


def differences(a: Session, b: Session, models: Mapping[str, str]) -> tuple[Difference, ...]:
    """All that differs: GPUs first, then the servers, the machine, the recording.

    Args:
        a: What is compared with.
        b: What is compared.
        models: Name in B to name in A.
    """
    rows = [
        *_gpus(a, b),
        *_servers(a, b, models),
        *_machine(a, b),
        *_recording(a, b),
    ]
    return tuple(
        Difference(what=row.what, model=row.model, a=row.a or UNKNOWN, b=row.b or UNKNOWN)
        for row in rows
        if row.a != row.b
    )


def gpu_types(session: Session) -> tuple[str, ...]:
    """Names of its GPUs, each once, in alphabetical order; empty: not known."""
    return tuple(sorted(set(_gpu_names(session))))


def _gpu_names(session: Session) -> list[str]:
    cards = [card.name for card in session.machine.cards]
    return cards or [gpu.name for gpu in session.gpus]


def _gpus(a: Session, b: Session) -> Iterator[_Row]:
    yield _Row("GPUs", _counted(_gpu_names(a)), _counted(_gpu_names(b)))
    one, other = a.machine, b.machine
    if not (a.env_id and b.env_id):
        return
    yield _Row("driver", one.driver, other.driver)
    yield _Row("CUDA of the driver", one.cuda, other.cuda)

    def of_cards(what: str, text: _CardText) -> _Row:
        """What all GPUs of both have of it."""
        return _Row(what, _each(one.cards, text), _each(other.cards, text))

    yield of_cards("power limit", lambda card: _with(card.power_limit_w, "W"))
    yield of_cards("PCIe link at most", _link)
    yield of_cards("ECC", lambda card: _switch(card.ecc))
    yield of_cards("MIG", lambda card: _switch(card.mig))
    yield of_cards("persistence mode", lambda card: _switch(card.persistence))


def _servers(a: Session, b: Session, models: Mapping[str, str]) -> Iterator[_Row]:
    for theirs, ours in models.items():
        one = next((server for server in a.servers if server.model == ours), None)
        other = next((server for server in b.servers if server.model == theirs), None)
        if one is None or other is None:
            continue
        yield _Row("served name", ours, theirs, ours)
        for row in (*_facts(one, other), *_start(one, other)):
            yield row._replace(model=ours)


def _facts(one: ServerSeen, other: ServerSeen) -> Iterator[_Row]:
    first, second = one.facts, other.facts
    if first is None or second is None:
        yield _Row("what the server says of itself", _known(first), _known(second))
        return
    yield _Row("vLLM", first.version or "", second.version or "")
    yield _Row("weights", first.root or "", second.root or "")
    yield _Row("max_model_len", _with(first.max_model_len), _with(second.max_model_len))
    yield _Row("sleep mode", _switch(first.sleep_enabled), _switch(second.sleep_enabled))


def _start(one: ServerSeen, other: ServerSeen) -> Iterator[_Row]:
    first, second = one.home, other.home
    if first is None or second is None:
        yield _Row("how it was started", _known(first), _known(second))
        return
    yield _Row("image", first.image or "", second.image or "")
    if first.image == second.image:
        yield _Row("image id", first.image_digest or "", second.image_digest or "")
    flags, others = _flags(first.command), _flags(second.command)
    if not flags or not others:
        yield _Row("command line", _known(flags), _known(others))
    else:
        yield from _of_each(flags, others, "not given")
    yield from _of_each(first.environment, second.environment, "not set")


def _machine(a: Session, b: Session) -> Iterator[_Row]:
    if not (a.env_id and b.env_id):
        yield _Row("the machine", _known(a.env_id), _known(b.env_id))
        return
    one, other = a.machine, b.machine
    yield _Row("host", one.host, other.host)
    yield _Row("simulated fleet", one.simulated or "", other.simulated or "")
    yield _Row("processor", one.cpu, other.cpu)
    yield _Row("processors in use", _with(one.cpus), _with(other.cpus))
    yield _Row("memory", _bytes(one.ram_bytes), _bytes(other.ram_bytes))
    yield _Row("memory limit", _limit(one.memory_limit_bytes), _limit(other.memory_limit_bytes))
    yield _Row("memory lock limit", _limit(one.memlock_bytes), _limit(other.memlock_bytes))
    yield _Row("huge pages", one.huge_pages, other.huge_pages)
    yield _Row("kernel", one.kernel, other.kernel)


def _recording(a: Session, b: Session) -> Iterator[_Row]:
    yield _Row("recorded by", a.source or a.tool, b.source or b.tool)
    yield _Row("version of the journal", str(a.version), str(b.version))
    for kind, one, other in (("setting", a.settings, b.settings), ("plan", a.plan, b.plan)):
        names = [name for name in {**one, **other} if not name.startswith(_OF_SERVERS)]
        for name in sorted(names):
            yield _Row(f"{kind} {name}", _setting(one, name), _setting(other, name))


def _of_each(one: Mapping[str, str], other: Mapping[str, str], missing: str) -> Iterator[_Row]:
    for name in sorted({*one, *other}):
        yield _Row(name, one.get(name, missing), other.get(name, missing))


def _flags(command: Sequence[str]) -> Mapping[str, str]:
    """Flags of a command line and their values; ``on`` for one without."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in command:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            name = name.replace("_", "-")
            found[name] = [value] if value else []
        elif name:
            found[name].append(word)
    return {
        name: " ".join(values) or "on" for name, values in found.items() if name not in _OWN_ADDRESS
    }


def _counted(names: Iterable[str]) -> str:
    counts = Counter(names)
    return ", ".join(f"{count} x {name}" for name, count in sorted(counts.items()))


def _each(cards: Iterable[Card], text: _CardText) -> str:
    """What it is of all cards; each value once."""
    return ", ".join(dict.fromkeys(filter(None, map(text, cards))))


def _link(card: Card) -> str:
    if card.pcie_gen_max is None or card.pcie_width_max is None:
        return ""
    return f"gen {card.pcie_gen_max} x{card.pcie_width_max}"


def _with(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:g} {unit}".rstrip()


def _switch(value: bool | None) -> str:
    return "" if value is None else ("on" if value else "off")


def _known(value: object) -> str:
    return "known" if value else "not known"


def _bytes(value: int | None) -> str:
    return "" if value is None else memory(value)


def _limit(value: int | None) -> str:
    return "none" if value is None else memory(value)


def _setting(settings: Mapping[str, float | int | str | bool | None], name: str) -> str:
    if name not in settings:
        return ""
    value = settings[name]
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
