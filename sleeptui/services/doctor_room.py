"""The doctor on memory: who fits where, alone, together, and in host memory. Pure."""

from collections.abc import Iterator, Mapping

from sleeptui.core.model import FleetView, GpuView, ServerView
from sleeptui.core.units import memory as memory_text
from sleeptui.services.doctor_finding import Finding, Patient, Scene, Status
from sleeptui.services.places import machine_of, seen_gpus_of

_OFFLOAD = 1


def examine_sharing(scene: Scene) -> Iterator[Finding]:
    """Whether servers must take turns, and whether host memory holds the weights of all."""
    yield from _together(scene.fleet)
    yield from _host(scene.fleet)


def examine_room(patient: Patient) -> Iterator[Finding]:
    """Whether a server fits when all others sleep."""
    view, fleet = patient.view, patient.scene.fleet
    if machine_of(view) or not fleet.gpus:
        return
    gpus = seen_gpus_of(view, fleet)
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
    view, fleet, sample = patient.view, patient.scene.fleet, gpu.sample
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
        for other in fleet.servers
        if other.name != view.name and sample.index in (seen_gpus_of(other, fleet) or ())
    }
    unknown = [name for name, residual in asleep.items() if residual is None]
    taken = sum(residual for residual in asleep.values() if residual is not None)
    taken += (sample.reserved_bytes or 0) + (gpu.other_bytes or 0)
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
            f"it fits as far as is known, it takes {said}: what {', '.join(unknown)}"
            " would still hold asleep is not known",
            known=how,
            to_do=f"put {unknown[0]} to sleep once",
        )
    what = f"it fits when all others sleep: it takes {said}"
    return patient.find(id_, title, Status.OK, what, known=how)


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


def _together(fleet: FleetView) -> Iterator[Finding]:
    """What all servers of a GPU would take awake: whether they must take turns."""
    for gpu in fleet.gpus:
        index, total = gpu.sample.index, gpu.sample.total_bytes
        needs = [
            _need(view, gpu)[0]
            for view in fleet.servers
            if not machine_of(view) and index in (seen_gpus_of(view, fleet) or ())
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


def _host(fleet: FleetView) -> Iterator[Finding]:
    """Whether level 1 copies of all servers fit into host memory."""
    here = [view for view in fleet.servers if not machine_of(view)]
    copies = [view for view in here if view.spec.level == _OFFLOAD]
    if not copies or fleet.host is None:
        return
    needs = {view.name: _host_need(view) for view in copies}
    available = fleet.host.available_bytes
    exact = sum(need for need, is_exact in needs.values() if is_exact and need is not None)
    most = sum(need or 0 for need, _ in needs.values())
    status, what, to_do = _host_verdict(needs, exact, most, available)
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


_Needs = Mapping[str, tuple[int | None, bool]]


def _host_verdict(needs: _Needs, exact: int, most: int, available: int) -> tuple[Status, str, str]:
    room = f"of {memory_text(available)} that are free"
    if exact > available:
        return (
            Status.BAD,
            f"the level 1 copies of all servers take {memory_text(exact)} more {room}",
            "use level 2 for some of them, or add memory",
        )
    unknown = [name for name, (need, _) in needs.items() if need is None]
    if unknown or most > available:
        loose = unknown or [name for name, (_, is_exact) in needs.items() if not is_exact]
        said = f"what the level 1 copy of {', '.join(loose)} takes is not known"
        return (
            Status.UNKNOWN,
            f"{said}; the others take {memory_text(exact)} more {room}",
            f"put {loose[0]} to sleep once at level 1: sleeptui remembers what that took",
        )
    at_most = "" if exact == most else "at most "
    what = f"the level 1 copies of all servers take {at_most}{memory_text(most)} more {room}"
    return Status.OK, what, ""


def _host_need(view: ServerView) -> tuple[int | None, bool]:
    """What its level 1 copy will take beside what it holds now, and whether that is exact.

    vLLM keeps the pinned copy for as long as it runs: after the first sleep nothing is added.
    """
    home = view.home
    cycles = [one for one in view.learned.cycles if one.level == _OFFLOAD and one.host_bytes]
    start_s = view.metrics.process_start_s if view.metrics else None
    if start_s is not None and any(one.process_start_s == start_s for one in cycles):
        return 0, True
    if view.level == _OFFLOAD:
        return 0, True
    if cycles and home is not None and home.host_bytes is not None:
        return max((cycles[-1].host_bytes or 0) - home.host_bytes, 0), True
    footprint = sum(view.learned.awake_by_gpu.values())
    return (footprint, False) if footprint else (None, False)
