"""The fit check: whether a wake has room on its GPUs, how that is known, who could make room. Pure.

A wake into a full card fails, and before vLLM 0.28 the server does not come back from it. So what
a wake takes is compared with what is free before anything is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sleeptui.core import units
from sleeptui.core.memory import last_freed
from sleeptui.core.model import FleetView, MemorySource, ServerView, State
from sleeptui.core.restart import life_of
from sleeptui.core.text import one_line
from sleeptui.core.units import GIB, MIB
from sleeptui.services.places import Gpus, gpus_text, machine_of, may_share, seen_gpus_of
from sleeptui.services.room import Giver, givers

MARGIN_BYTES = 256 * MIB
"""Left free beside what a wake takes as measured; a smaller need is the noise of measuring."""
WORTH_A_WORD_BYTES = GIB
"""Memory of others below this is contexts and desktops."""
_LETS_GO = frozenset({State.ASLEEP, State.PARTIAL})
"""A server in any other state holds its memory, whatever its scheduler does."""
_NAME_LIMIT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a wake takes on each of its GPUs."""

    by_gpu: Mapping[int, int]
    is_measured: bool
    """From its own memory as it was seen; else from its share of the GPU, an upper bound."""
    known: str
    """How: ``it held 62.0 GiB awake and holds 3.7 GiB now``."""

    @property
    def about(self) -> str:
        """``up to `` before the figure of an upper bound."""
        return "" if self.is_measured else "up to "


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a wake has room."""

    name: str
    need: Need | None
    """None: not known."""
    free: Mapping[int, int] = field(default_factory=dict)
    """Bytes by GPU, of those GPUs of its that could be read."""
    short: Mapping[int, int] | None = None
    """Bytes by GPU that are missing, only those above 0; None: not known."""
    givers: tuple[Giver, ...] = ()
    """Who could be put to sleep for it."""
    keepers: tuple[str, ...] = ()
    """Who holds memory on the short GPUs and is not to be asked, in words."""
    why_unknown: str = ""

    @property
    def fits(self) -> bool | None:
        """None: it cannot be known."""
        return None if self.short is None else not self.short

    @property
    def can_be_made(self) -> bool | None:
        """Whether the sleep of all givers together would make room; None: not known."""
        if self.short is None:
            return None
        if not self.short:
            return True
        if any(giver.gives is None for giver in self.givers):
            return None
        given = {
            index: sum((giver.gives or {}).get(index, 0) for giver in self.givers)
            for index in self.short
        }
        return all(given[index] >= missing for index, missing in self.short.items())

    @property
    def missing(self) -> str:
        """One clause: what it needs, what is free, what is missing; empty if it fits."""
        if self.need is None or not self.short:
            return ""
        clauses = []
        for index, short in sorted(self.short.items()):
            needs, free = self.need.by_gpu[index], self.free[index]
            spare = f" and {units.memory(MARGIN_BYTES)} to spare" if needs <= free else ""
            clauses.append(
                f"{self.need.about}{units.memory(needs)}{spare} on {gpus_text([index])},"
                f" {units.memory(free)} are free, {units.memory(short)} are missing"
            )
        return f"{one_line(self.name, _NAME_LIMIT)} needs {'; '.join(clauses)}"

    @property
    def who(self) -> str:
        """One clause: who could make room, and who holds memory and is not asked; may be empty."""
        could = [self._offer(giver) for giver in self.givers]
        clauses = [f"{', '.join(could)} by sleeping"] if could else []
        if could and self.can_be_made is False:
            clauses[0] += ", which is not enough"
        return "; ".join((*clauses, *self.keepers))

    @property
    def hint(self) -> str:
        """What to do when it does not fit."""
        if not self.short:
            return ""
        if self.givers and self.can_be_made is not False:
            return "x makes room first; a wake without room fails and can lose the server"
        where = gpus_text(sorted(self.short))
        return f"free memory on {where}; a wake without room fails and can lose the server"

    @property
    def words(self) -> str:
        """What is missing, who could make room and what to do; empty unless it does not fit."""
        return ". ".join(text for text in (self.missing, self.who, self.hint) if text)

    @property
    def known(self) -> str:
        """How the room is known, a line of a record."""
        if self.need is None or self.short is None:
            return f"room: not known, {self.why_unknown}"
        if not any(self.need.by_gpu.values()):
            return f"room: it takes nothing more, {self.need.known}"
        parts = [
            f"{self.need.about}{units.memory(needs)} on {gpus_text([index])},"
            f" {units.memory(self.free[index])} free"
            for index, needs in sorted(self.need.by_gpu.items())
            if needs
        ]
        return f"room: needs {'; '.join(parts)} ({self.need.known})"

    def _offer(self, giver: Giver) -> str:
        name = one_line(giver.name, _NAME_LIMIT)
        busy = " (busy)" if giver.busy else ""
        if giver.gives is None:
            return f"{name}{busy} could give an amount that is not known"
        on_short = sum(giver.gives.get(index, 0) for index in self.short or ())
        return f"{name}{busy} could give {units.memory(on_short)}"


def of(view: ServerView, fleet: FleetView) -> Fit:
    """Whether waking this server has room now."""
    need = need_of(view, fleet)
    if need is None:
        return Fit(name=view.name, need=None, why_unknown=_why_unknown(view, fleet))
    readings = {gpu.sample.index: gpu.sample.free_bytes for gpu in fleet.gpus}
    free = {index: there for index in need.by_gpu if (there := readings.get(index)) is not None}
    if unread := [index for index in need.by_gpu if index not in free and need.by_gpu[index]]:
        why = f"the memory of {gpus_text(sorted(unread))} cannot be read"
        return Fit(name=view.name, need=need, free=free, why_unknown=why)
    margin = MARGIN_BYTES if need.is_measured else 0
    short = {
        index: needs + margin - free[index]
        for index, needs in need.by_gpu.items()
        if needs and needs + margin > free[index]
    }
    able = tuple(
        giver
        for giver in givers(view, fleet)
        if giver.gives is None or any(giver.gives.get(index) for index in short)
    )
    return Fit(
        name=view.name,
        need=need,
        free=free,
        short=short,
        givers=able if short else (),
        keepers=_keepers(view, fleet, frozenset(short)) if short else (),
    )


def need_of(view: ServerView, fleet: FleetView) -> Need | None:
    """What waking this server takes; None where it cannot be known."""
    if view.state not in _LETS_GO and not (view.state is State.SUSPECT and view.queue_frozen):
        held = view.memory.by_gpu if view.memory else {}
        return Need(
            by_gpu=dict.fromkeys(held, 0), is_measured=True, known="it has not let go of its memory"
        )
    gpus = seen_gpus_of(view, fleet)
    if not gpus:
        return None
    return _by_footprint(view, gpus) or _by_last_sleep(view, gpus) or _by_share(view, fleet, gpus)


def _by_footprint(view: ServerView, gpus: frozenset[int]) -> Need | None:
    """What it held awake, less what it holds now."""
    learned, held = view.learned, _held(view)
    start_s = life_of(view)
    awake = learned.awake_by_gpu
    is_this_life = start_s is not None and learned.awake_in_s == start_s
    if not awake or held is None or not (is_this_life or frozenset(awake) == gpus):
        return None
    when = "" if is_this_life else " before it was restarted"
    return Need(
        by_gpu={index: _more(there - held.get(index, 0)) for index, there in awake.items()},
        is_measured=True,
        known=f"it held {units.memory(sum(awake.values()))} awake{when}"
        f" and holds {units.memory(sum(held.values()))} now",
    )


def _by_last_sleep(view: ServerView, gpus: frozenset[int]) -> Need | None:
    """What its last good sleep freed, less what has come back since."""
    last = last_freed(view.learned.cycles)
    if last is None:
        return None
    held, freed = _held(view), last.freed_bytes or 0
    back = 0
    if held is not None and last.residual_bytes is not None:
        back = _more(sum(held.values()) - last.residual_bytes)
    share = _more(freed - back) // len(gpus)
    return Need(
        by_gpu=dict.fromkeys(gpus, share),
        is_measured=True,
        known=f"its last sleep freed {units.memory(freed)}"
        + (f", {units.memory(back)} of it are back" if back else ""),
    )


def _by_share(view: ServerView, fleet: FleetView, gpus: frozenset[int]) -> Need | None:
    """Its share of the GPUs; less what it holds now, where that is a part of the share.

    What it holds asleep does not count: CUDA's context and graphs lie outside the share. Measured
    on an H200 at 0.6: 83.0 GiB come back at a wake, 2.3 stay asleep, and 84.2 are the share. One
    that is half awake has a part of it back, and a sleep that freed nothing has left all of it.
    """
    share = view.metrics.gpu_memory_utilization if view.metrics else None
    totals = {gpu.sample.index: gpu.sample.total_bytes for gpu in fleet.gpus}
    if share is None or any(totals.get(index) is None for index in gpus):
        return None
    shares = {index: int(share * (totals[index] or 0)) for index in gpus}
    held = _held(view) or {}
    if view.state is not State.PARTIAL and 2 * sum(held.values()) < sum(shares.values()):
        held = {}
    return Need(
        by_gpu={index: _more(there - held.get(index, 0)) for index, there in shares.items()},
        is_measured=False,
        known=f"its gpu_memory_utilization is {share:g}, it was not seen awake yet",
    )


def _held(view: ServerView) -> Mapping[int, int] | None:
    if view.memory is None or view.memory.source is not MemorySource.MEASURED:
        return None
    return view.memory.by_gpu


def _more(value_bytes: int) -> int:
    """A need below the margin is the noise of measuring."""
    return value_bytes if value_bytes > MARGIN_BYTES else 0


def _why_unknown(view: ServerView, fleet: FleetView) -> str:
    if machine := machine_of(view):
        return f"its GPUs are those of {one_line(machine, _NAME_LIMIT)}"
    if not fleet.gpus:
        return "no GPU can be read"
    gpus: Gpus = seen_gpus_of(view, fleet)
    if not gpus:
        return "its GPUs are not known; set gpus in the configuration"
    return "it was not seen awake yet, and its share of the GPU cannot be read"


def _keepers(view: ServerView, fleet: FleetView, short: frozenset[int]) -> tuple[str, ...]:
    """Who holds memory on the short GPUs and cannot be asked for it."""
    words = []
    for other in fleet.servers:
        held = sum((other.memory.by_gpu if other.memory else {}).get(index, 0) for index in short)
        is_asked = other.state is State.AWAKE and not other.spec.pinned
        if other.name == view.name or is_asked or other.state is State.ASLEEP:
            continue
        if held >= WORTH_A_WORD_BYTES and may_share(view, other, fleet):
            why = "is pinned" if other.spec.pinned else f"is {other.state.value}"
            words.append(
                f"{one_line(other.name, _NAME_LIMIT)} holds {units.memory(held)} and {why}:"
                " not asked"
            )
    foreign = sum(gpu.other_bytes or 0 for gpu in fleet.gpus if gpu.sample.index in short)
    if foreign >= WORTH_A_WORD_BYTES:
        words.append(f"{units.memory(foreign)} are held by no watched server")
    return tuple(words)
