"""The doctor on memory: who fits where, alone, together, and in host memory. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sleeptui.core.model import GpuView, MemorySource, ServerView
from sleeptui.core.units import memory as memory_text
from sleeptui.services.doctor_finding import Finding, Patient, Scene, Status, names
from sleeptui.services.places import machine_of

_OFFLOAD = 1


def examine_sharing(scene: Scene) -> Iterator[Finding]:
    """Whether servers must take turns, and whether host memory holds the weights of all."""
    yield from _together(scene)
    yield from _host(scene)


def examine_room(patient: Patient) -> Iterator[Finding]:
    """Whether a server fits when all others sleep."""
    view, fleet = patient.view, patient.scene.fleet
    if machine_of(view) or not fleet.gpus:
        return
    gpus = patient.scene.gpus.get(view.name)
    if not gpus:
        yield patient.find(
            "room",
            "Room",
            Status.UNKNOWN,
            "on which GPU it runs is not known",
            known="its processes are not seen on one",
            to_do="name its GPUs under its [[server]] in the fleet file: gpus = [0]",
        )
        return
    for gpu in fleet.gpus:
        if gpu.sample.index in gpus:
            yield _room(patient, gpu)


def _room(patient: Patient, gpu: GpuView) -> Finding:
    view, sample, gpus = patient.view, gpu.sample, patient.scene.gpus
    id_, title = f"room.gpu{sample.index}", "Room"
    need, how = _need(view, gpu)
    if need is None or sample.total_bytes is None:
        return patient.find(
            id_,
            title,
            Status.UNKNOWN,
            f"what it holds awake on GPU {sample.index} is not known",
            known="it was not seen awake, and its /metrics do not tell its share",
            to_do="wake it once: sleeptui remembers what it held",
        )
    asleep = {
        other.name: _residual(other, sample.index)
        for other in patient.scene.fleet.servers
        if other is not view and sample.index in (gpus.get(other.name) or ())
    }
    unknown = [f"what {name} would still hold asleep" for name in asleep if asleep[name] is None]
    foreign = gpu.other_bytes or 0
    if foreign and not _are_holders_known(patient.scene, sample.index):
        foreign = 0
        unknown.append("what others hold on it")
    taken = sum(residual for residual in asleep.values() if residual is not None)
    taken += (sample.reserved_bytes or 0) + foreign
    left = sample.total_bytes - taken
    said = f"{memory_text(need)} of {memory_text(left)} on GPU {sample.index}"
    if need > left:
        return patient.find(
            id_,
            title,
            Status.BAD,
            f"it does not fit even when all others sleep: it takes {said}",
            known=how,
            to_do="start it with a smaller --gpu-memory-utilization",
        )
    if unknown:
        return patient.find(
            id_,
            title,
            Status.UNKNOWN,
            f"it fits as far as is known, it takes {said}: {names(unknown)} is not known",
            known=how,
            to_do="put each server on it to sleep once: sleeptui remembers what it held",
        )
    what = f"it fits when all others sleep: it takes {said}"
    return patient.find(id_, title, Status.OK, what, known=how)


def _are_holders_known(scene: Scene, index: int) -> bool:
    """Whether the share of each server on a GPU is measured: else others get the blame for it."""
    return all(
        view.memory is not None and view.memory.source is MemorySource.MEASURED
        for view in scene.fleet.servers
        if index in (scene.gpus.get(view.name) or ())
    )


def _need(view: ServerView, gpu: GpuView) -> tuple[int | None, str]:
    """What it holds awake on a GPU, and how that is known."""
    sample = gpu.sample
    seen = view.learned.awake_by_gpu.get(sample.index)
    if seen is not None:
        return seen, "measured while it was awake"
    share = view.metrics.gpu_memory_utilization if view.metrics else None
    if share is None or sample.total_bytes is None:
        return None, ""
    return int(share * sample.total_bytes), f"its --gpu-memory-utilization, {share:g}"


def _residual(view: ServerView, index: int) -> int | None:
    """What it holds on a GPU asleep, as last measured."""
    held = view.residual_bytes
    if held is None:
        known = [one.residual_bytes for one in view.learned.cycles if one.residual_bytes]
        held = known[-1] if known else None
    if held is None and view.level and view.memory is not None:
        return view.memory.by_gpu.get(index, 0)
    if held is None:
        return None
    return held // max(len(view.spec.gpus or view.learned.awake_by_gpu), 1)


def _together(scene: Scene) -> Iterator[Finding]:
    """What all servers of a GPU would take awake: whether they must take turns."""
    for gpu in scene.fleet.gpus:
        index, total = gpu.sample.index, gpu.sample.total_bytes
        needs = [
            _need(view, gpu)[0]
            for view in scene.fleet.servers
            if index in (scene.gpus.get(view.name) or ())
        ]
        known = [need for need in needs if need is not None]
        if len(needs) < 2 or len(known) < len(needs) or total is None:  # noqa: PLR2004 - together
            continue
        turns = "they take turns" if sum(known) > total else "they fit together"
        yield Finding(
            id=f"together.gpu{index}",
            server=None,
            title=f"GPU {index} shared",
            status=Status.OK,
            what=f"its {len(needs)} servers awake take {memory_text(sum(known))}"
            f" of {memory_text(total)}: {turns}",
            known="what each held awake, else its --gpu-memory-utilization",
        )


def _host(scene: Scene) -> Iterator[Finding]:
    """Whether level 1 copies of all servers fit into host memory."""
    fleet = scene.fleet
    here = [view for view in fleet.servers if not machine_of(view)]
    able = [view for view in here if view.facts.sleep_enabled is not False]
    copies = [view for view in able if view.spec.level == _OFFLOAD]
    if not copies or fleet.host is None:
        return
    needs = {view.name: _host_need(view, scene) for view in copies}
    available = fleet.host.available_bytes
    status, what, to_do = _host_verdict(needs, available)
    yield Finding(
        id="host_memory",
        server=None,
        title="Host memory",
        status=status,
        what=what,
        known=f"{memory_text(available)} available of {memory_text(fleet.host.total_bytes)};"
        " what the servers held after earlier sleeps, else at most what they hold on the GPUs",
        next=to_do,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _HostNeed:
    """What a level 1 copy will take beside what its server holds now."""

    least_bytes: int
    most_bytes: int | None
    """None: no limit is known."""


def _host_verdict(needs: Mapping[str, _HostNeed], available: int) -> tuple[Status, str, str]:
    least = sum(need.least_bytes for need in needs.values())
    limits = [need.most_bytes for need in needs.values()]
    most = None if None in limits else sum(limit or 0 for limit in limits)
    free = f"{memory_text(available)} are free"
    if least > available:
        return (
            Status.BAD,
            f"the level 1 copies of all servers take {memory_text(least)} more, {free}",
            "use level 2 for some of them, or add memory",
        )
    if most is not None and most <= available:
        about = memory_text(most) if most == least else f"at most {memory_text(most)}"
        what = f"the level 1 copies of all servers take {about} more, {free}"
        return Status.OK, what, ""
    loose = [name for name, need in needs.items() if need.most_bytes != need.least_bytes]
    bound = "" if most is None else f", at most {memory_text(most)}"
    return (
        Status.UNKNOWN,
        f"what the level 1 copies of {names(loose)} take is not known{bound}; {free}",
        f"put {loose[0]} to sleep once at level 1: sleeptui remembers what that took",
    )


def _host_need(view: ServerView, scene: Scene) -> _HostNeed:
    """What its level 1 copy will take.

    vLLM keeps the pinned copy for as long as it runs: after the first sleep nothing is added.
    """
    cycles = [one for one in view.learned.cycles if one.level == _OFFLOAD and one.host_bytes]
    start_s = view.metrics.process_start_s if view.metrics else None
    pinned = start_s is not None and any(one.process_start_s == start_s for one in cycles)
    if pinned or view.level == _OFFLOAD:
        return _HostNeed(least_bytes=0, most_bytes=0)
    if cycles and view.home is not None and view.home.host_bytes is not None:
        grows = max((cycles[-1].host_bytes or 0) - view.home.host_bytes, 0)
        return _HostNeed(least_bytes=grows, most_bytes=grows)
    gpus = scene.gpus.get(view.name) or ()
    shares = [_need(view, gpu)[0] for gpu in scene.fleet.gpus if gpu.sample.index in gpus]
    known = [share for share in shares if share is not None]
    whole = bool(shares) and len(known) == len(shares)
    return _HostNeed(least_bytes=0, most_bytes=sum(known) if whole else None)
