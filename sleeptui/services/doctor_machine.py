"""The doctor on the machine: GPUs, containers and processes. Pure."""

from collections.abc import Iterator

from sleeptui.core.model import FleetView, GpuView
from sleeptui.core.units import memory as memory_text
from sleeptui.services.doctor_finding import Finding, Scene, Status
from sleeptui.services.places import machine_of

_DRIVER = "nvidia-smi tells whether the driver works; in a container it needs --gpus all"


def examine_machine(scene: Scene) -> Iterator[Finding]:
    """The fleet as a whole, GPUs, containers and processes."""
    if not scene.fleet.servers:
        yield from _nobody(scene)
    yield from _gpus(scene.fleet)
    yield from _notes(scene)


def _nobody(scene: Scene) -> Iterator[Finding]:
    yield Finding(
        id="servers",
        server=None,
        title="Servers",
        status=Status.BAD,
        what="there is no server to examine",
        known="nothing is configured, and nothing that looks like vLLM was found",
        next="name one: sleeptui doctor --server NAME=http://HOST:PORT",
    )
    for number, note in enumerate(scene.fleet.notes):
        if note not in scene.notes:
            yield _note(f"found.{number}", "Found", note, Status.UNKNOWN, "looking around")


def _gpus(fleet: FleetView) -> Iterator[Finding]:
    if fleet.gpu_problem or not fleet.gpus:
        yield Finding(
            id="nvml",
            server=None,
            title="GPUs",
            status=Status.WARN,
            what=fleet.gpu_problem or "no GPU is known yet",
            known="NVML",
            next=_DRIVER,
        )
    for gpu in fleet.gpus:
        yield _gpu(gpu)


def _gpu(gpu: GpuView) -> Finding:
    sample = gpu.sample
    status, to_do = Status.OK, ""
    what = f"{sample.name}, {memory_text(sample.used_bytes)} of {memory_text(sample.total_bytes)}"
    if sample.problem is not None:
        status, what, to_do = Status.BAD, sample.problem, f"dmesg | grep -i xid; {_DRIVER}"
    elif sample.used_bytes is None or sample.total_bytes is None:
        status, to_do = Status.WARN, _DRIVER
        what = f"{sample.name}: its memory cannot be read"
    elif sample.processes is None:
        status = Status.WARN
        what += "; its processes cannot be listed, so that memory is only estimated"
        to_do = "run sleeptui as root, on the host and not in a container"
    else:
        what += f" used, {len(sample.processes)} processes"
    return Finding(
        id=f"gpu.{sample.index}",
        server=None,
        title=f"GPU {sample.index}",
        status=status,
        what=what,
        known="NVML",
        next=to_do,
    )


def _notes(scene: Scene) -> Iterator[Finding]:
    """What of containers and processes could not be looked at."""
    wanted = any(view.spec.container or view.spec.compose for view in scene.fleet.servers)
    missing = any(not machine_of(view) and view.home is None for view in scene.fleet.servers)
    status = Status.WARN if wanted or missing else Status.UNKNOWN
    known = "a look at containers and processes"
    for number, note in enumerate(dict.fromkeys(scene.notes)):
        yield _note(f"containers.{number}", "Containers", note, status, known)
    if not scene.notes:
        yield Finding(
            id="containers",
            server=None,
            title="Containers",
            status=Status.OK,
            what="both can be looked at",
            known=known,
        )


def _note(id_: str, title: str, note: str, status: Status, known: str) -> Finding:
    """A sentence, and the hint behind it where it has one."""
    what, _, hint = note.partition(". ")
    if hint[1:2].islower():  # it stood as a sentence of its own; NVML stays NVML
        hint = hint[0].lower() + hint[1:]
    return Finding(
        id=id_,
        server=None,
        title=title,
        status=status,
        what=what.rstrip("."),
        known=known,
        next=hint.rstrip(".") or "run sleeptui as root, or as the user who runs the servers",
    )
