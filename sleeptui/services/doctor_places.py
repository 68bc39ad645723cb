"""The doctor on one server: can its processes and memory be seen, who can reach it. Pure."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from sleeptui.core.home import Home
from sleeptui.core.model import Control, MemorySource
from sleeptui.core.units import memory as memory_text
from sleeptui.services.doctor_finding import Finding, Patient, Status
from sleeptui.services.doctor_state import answers
from sleeptui.services.places import gpus_text, machine_of

_PRIVATE_NAMES = (".local", ".internal", ".lan", ".home.arpa", ".localdomain")
_OPEN = "whoever reaches the port can put it to sleep and call its workers, no API key guards that"


def examine_places(patient: Patient) -> Iterator[Finding]:
    """Processes, GPU memory, exposure; of a server that is not there only what there is."""
    view = patient.view
    if answers(view) or machine_of(view) or (view.home is not None and view.home.pids):
        yield _processes(patient)
    if not machine_of(view) and (answers(view) or view.memory is not None):
        yield from _gpu_memory(patient)
    if answers(view):
        yield _exposure(patient)


def _processes(patient: Patient) -> Finding:
    view, title = patient.view, "Processes"
    host, home = machine_of(view), view.home
    if host:
        return patient.find(
            "processes",
            title,
            Status.UNKNOWN,
            f"it runs on {host}: its processes and its GPU memory cannot be seen from here",
            known="the host in its url",
            to_do=f"run sleeptui on {host}",
        )
    if home is not None and not home.pids and home.container_state == "running":
        return patient.find(
            "processes",
            title,
            Status.WARN,
            f"container {home.container} runs, but its processes cannot be seen:"
            " its GPU memory can be estimated at best",
            known="Docker tells their numbers, and there are none such here",
            to_do="run sleeptui on the host; where it runs in a container itself,"
            " start that with --pid=host",
        )
    if home is None or not home.pids:
        return patient.find(
            "processes",
            title,
            Status.WARN,
            "its processes are not found: its GPU memory can be estimated at best",
            known="; ".join(patient.scene.notes)
            or "nothing that can be seen listens on its port here",
            to_do="run sleeptui as root or as its user, and outside of containers;"
            ' else name its container: runtime = { docker = "NAME" }',
        )
    where = f"container {home.container}" if home.container else "this machine"
    count = f"{len(home.pids)} process{'es' if len(home.pids) > 1 else ''}"
    return patient.find(
        "processes",
        title,
        Status.OK,
        f"{count} in {where}" if home.container else f"{count} on {where}",
        known="the process tree under what listens on its port",
    )


def _gpu_memory(patient: Patient) -> Iterator[Finding]:
    view, fleet = patient.view, patient.scene.fleet
    title, id_ = "GPU memory", "gpu_memory"
    if not fleet.gpus:
        return  # the machine's finding says why
    held = view.memory
    if held is not None and held.source is MemorySource.MEASURED:
        what = f"{memory_text(held.total_bytes)} on {gpus_text(sorted(held.by_gpu))}, measured"
        known = "NVML's figures for its processes"
        yield patient.find(id_, title, Status.OK, what, known=known)
        return
    why, to_do = _why_unseen(patient, view.home)
    if held is not None:
        what = f"about {memory_text(held.total_bytes)}, estimated from our own sleep: {why}"
        known = "the change of the whole GPU"
        yield patient.find(id_, title, Status.WARN, what, known=known, to_do=to_do)
        return
    what = f"is not known: {why}"
    yield patient.find(id_, title, Status.UNKNOWN, what, known="NVML", to_do=to_do)


def _why_unseen(patient: Patient, home: Home | None) -> tuple[str, str]:
    """Why no figure of its processes is there, and what helps."""
    if home is None or not home.pids:
        return "its processes are not found", "make its processes visible, see above"
    gpus = patient.scene.gpus.get(patient.view.name)
    samples = [
        gpu.sample for gpu in patient.scene.fleet.gpus if gpus is None or gpu.sample.index in gpus
    ]
    if any(sample.processes is None for sample in samples):
        return (
            "NVML cannot list processes here",
            "run sleeptui as root, on the host and not in a container",
        )
    listed = {process.pid: process for sample in samples for process in sample.processes or ()}
    mine = [process for pid, process in listed.items() if pid in home.pids]
    if mine and any(process.used_bytes is not None for process in mine):
        return "it was not read since its processes were found", "ask again in a moment"
    if mine:
        return (
            "NVML lists its processes without figures",
            "run sleeptui on the host and not in a container",
        )
    if listed:
        return (
            "its processes are not among those that NVML lists",
            "run sleeptui on the host: in a container process numbers are others (--pid=host)",
        )
    return "no process holds memory on its GPUs", "check that it runs on a GPU: nvidia-smi"


def _exposure(patient: Patient) -> Finding:
    view, title = patient.view, "Exposure"
    if view.control is Control.NO_DEV_MODE:
        what = "its sleep routes are off, so that nobody can use them"
        return patient.find("exposure", title, Status.OK, what, known="GET /is_sleeping: 404")
    bound = view.home.listens_on if view.home else ()
    if bound:
        return _bound(patient, bound)
    host = urlsplit(view.spec.url).hostname or ""
    kind = _kind(host)
    if kind == "loopback":
        return patient.find(
            "exposure",
            title,
            Status.UNKNOWN,
            "it is asked over loopback; where else it listens is not seen",
            known="its url; its socket was not found",
            to_do="ss -ltn shows it; --host 127.0.0.1 keeps it to this machine",
        )
    if kind == "private":
        return patient.find(
            "exposure",
            title,
            Status.UNKNOWN,
            f"it is asked over a private network: there, {_OPEN}",
            known=f"its url: {host}",
            to_do="let a firewall pass only the machines that may control it",
        )
    return patient.find(
        "exposure",
        title,
        Status.WARN,
        f"{host} is no private address: {_OPEN}",
        known="its url",
        to_do="put a firewall in front of it, or a tunnel: ssh -L",
    )


def _bound(patient: Patient, bound: tuple[str, ...]) -> Finding:
    beyond = [address for address in bound if _kind(address) != "loopback"]
    known = f"its socket: {', '.join(bound)}"
    if not beyond:
        what = "it listens for this machine only"
        return patient.find("exposure", "Exposure", Status.OK, what, known=known)
    home = patient.view.home
    port = urlsplit(patient.view.spec.url).port or 80
    to_do = (
        f"publish its port for this machine only: -p 127.0.0.1:{port}:8000"
        if home is not None and home.container is not None
        else f"start it with --host 127.0.0.1, or close port {port} in the firewall"
    )
    what = f"it listens on {', '.join(beyond)}: {_OPEN}"
    return patient.find("exposure", "Exposure", Status.WARN, what, known=known, to_do=to_do)


def _kind(host: str) -> str:
    """loopback, private or public; a name is what it looks like, nobody is asked."""
    try:
        address = ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return "loopback"
        return "private" if "." not in host or host.endswith(_PRIVATE_NAMES) else "public"
    if address.is_loopback:
        return "loopback"
    if address.is_unspecified:
        return "public"
    return "private" if address.is_private or address.is_link_local else "public"
