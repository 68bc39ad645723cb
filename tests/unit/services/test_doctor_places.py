"""The doctor on places: who sees what, who reaches whom, who fits where; and the machine."""

from dataclasses import replace

import pytest
from support import builders as make
from support.doctor import GIB, findings, of, scene, well

from sleeptui.core.home import Home
from sleeptui.core.learned import Cycle, Learned
from sleeptui.core.model import HostMemory, State
from sleeptui.services import doctor
from sleeptui.services.doctor_finding import Status

LIFE_S = 1_000.0
"""process_start_s of the builders' metrics."""


def at(url, **fields):
    return well(spec=make.spec(url=url), **fields)


def test_a_server_of_another_machine_cannot_be_seen_from_here():
    found = findings(at("http://10.0.0.7:8000", home=None, memory=None))
    assert found["processes"].status is Status.UNKNOWN
    assert found["processes"].next == "run sleeptui on 10.0.0.7"
    assert not {"gpu_memory", "room", "room.gpu0"} & set(found)


def test_processes_that_are_not_found():
    found = findings(well(home=None, memory=None), notes=("No permission to ask Docker",))
    assert found["processes"].status is Status.WARN
    assert found["processes"].known == "No permission to ask Docker"
    assert "see above" in found["gpu_memory"].next


def test_processes_of_a_container_that_only_docker_sees():
    """As from a container without the host's process numbers."""
    home = Home(container="a", container_state="running")
    found = findings(well(home=home, memory=None))
    assert found["processes"].status is Status.WARN
    assert found["processes"].what.startswith("container a runs, but its processes cannot be seen")
    assert "--pid=host" in found["processes"].next
    assert "see above" in found["gpu_memory"].next


def test_processes_that_are_found():
    assert of(well(), "processes").what == "1 process on this machine"
    boxed = well(home=make.home(1, 2, container="a", container_state="running"))
    assert of(boxed, "processes").what == "2 processes in container a"


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (None, "NVML cannot list processes"),
        ((), "no process holds memory"),
        ((make.process(99),), "not among those that NVML lists"),
        ((make.process(4711, None),), "without figures"),
    ],
)
def test_why_the_memory_is_not_measured(listed, words):
    found = of(well(memory=None), "gpu_memory", gpus=(make.gpu_view(processes=listed),))
    assert found.status is Status.UNKNOWN
    assert words in found.what


def test_memory_that_is_estimated_is_to_watch():
    found = of(well(memory=make.memory(measured=False)), "gpu_memory")
    assert found.status is Status.WARN
    assert "about 40.0 GiB" in found.what


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        (("127.0.0.1",), Status.OK),
        (("127.0.0.1", "::1"), Status.OK),
        (("0.0.0.0",), Status.WARN),
        (("::",), Status.WARN),
        (("127.0.0.1", "192.168.1.5"), Status.WARN),
    ],
)
def test_where_it_listens(addresses, status):
    found = of(well(home=make.home(listens_on=addresses)), "exposure")
    assert found.status is status
    assert addresses[0] in found.known


def test_what_closes_an_open_port():
    process = of(well(home=make.home(listens_on=("0.0.0.0",))), "exposure")
    assert "--host 127.0.0.1" in process.next
    boxed = make.home(listens_on=("0.0.0.0",), container="a", container_state="running")
    assert "-p 127.0.0.1:8001:8000" in of(well(home=boxed), "exposure").next


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", Status.UNKNOWN),
        ("127.0.0.1", Status.UNKNOWN),
        ("[::1]", Status.UNKNOWN),
        ("gpu-box", Status.UNKNOWN),
        ("gpu.internal", Status.UNKNOWN),
        ("10.1.2.3", Status.UNKNOWN),
        ("[fe80::1]", Status.UNKNOWN),
        ("8.8.8.8", Status.WARN),
        ("gpu.example.com", Status.WARN),
        ("0.0.0.0", Status.WARN),
    ],
)
def test_by_its_url_alone(host, status):
    found = of(at(f"http://{host}:8000", home=None), "exposure")
    assert found.status is status, found


def test_who_fits_alone_when_all_others_sleep():
    small = well("small", residual_bytes=2 * GIB)
    large = replace(well("large"), learned=Learned(awake_by_gpu={0: 139 * GIB}))
    found = {one.server: one for one in doctor.examine(scene(small, large)) if "room" in one.id}
    assert found["large"].status is Status.BAD
    assert "139.0 GiB of 138.0 GiB on GPU 0" in found["large"].what
    assert found["small"].status is Status.UNKNOWN, "nobody has seen the large one asleep"
    assert "what large would still hold" in found["small"].what


def test_a_need_that_was_not_seen_is_the_share_it_was_started_with():
    view = well(learned=Learned())
    found = of(view, "room.gpu0")
    assert found.status is Status.OK
    assert "42.0 GiB of 140.0 GiB" in found.what
    assert found.known == "its --gpu-memory-utilization, 0.3"
    untold = of(well(learned=Learned(), metrics=make.metrics()), "room.gpu0")
    assert untold.status is Status.UNKNOWN


def test_what_holds_memory_beside_the_servers_counts():
    gpus = (make.gpu_view(processes=(make.process(),), other_bytes=101 * GIB),)
    assert of(well(), "room.gpu0", gpus=gpus).status is Status.BAD


def test_what_a_server_itself_may_hold_is_not_blamed_on_others():
    gpus = (make.gpu_view(processes=(make.process(),), other_bytes=101 * GIB),)
    found = of(well(memory=None), "room.gpu0", gpus=gpus)
    assert found.status is Status.UNKNOWN
    assert "what others hold on it is not known" in found.what


def test_a_residual_from_an_earlier_run_or_from_now_is_good_enough():
    before = Learned(cycles=(Cycle(process_start_s=1.0, level=1, residual_bytes=3 * GIB),))
    for other in (
        well("other", learned=before),
        well("other", state=State.ASLEEP, level=2, memory=make.memory(3 * GIB)),
    ):
        found = [one for one in doctor.examine(scene(well(), other)) if one.server == "qwen"]
        room = next(one for one in found if one.id == "room.gpu0")
        assert room.status is Status.OK
        assert "of 137.0 GiB" in room.what


def test_a_server_on_an_unknown_gpu():
    gpus = (make.gpu_view(0), make.gpu_view(1))
    found = of(well(home=None, memory=None), "room", gpus=gpus)
    assert found.status is Status.UNKNOWN
    assert "gpus = [0]" in found.next


@pytest.mark.parametrize(("share", "words"), [(0.6, "they take turns"), (0.4, "fit together")])
def test_servers_that_share_a_gpu(share, words):
    metrics = make.metrics(gpu_memory_utilization=share)
    views = [well(name, learned=Learned(), metrics=metrics) for name in "ab"]
    found = findings(*views)["together.gpu0"]
    assert found.status is Status.OK
    assert words in found.what


HOST = HostMemory(total_bytes=64 * GIB, available_bytes=30 * GIB)


def host_finding(*views, available=30 * GIB):
    return findings(*views, host=replace(HOST, available_bytes=available)).get("host_memory")


def cycle(start_s=1.0, host_bytes=9 * GIB):
    return Cycle(process_start_s=start_s, level=1, host_bytes=host_bytes)


def test_a_copy_that_is_pinned_takes_nothing_more():
    pinned = well(learned=Learned(cycles=(cycle(LIFE_S),)))
    asleep = well("b", state=State.ASLEEP, level=1)
    found = host_finding(pinned, asleep, available=GIB)
    assert found.status is Status.OK
    assert "take 0 MiB more" in found.what


def test_a_copy_of_which_an_earlier_life_tells():
    view = well(learned=Learned(cycles=(cycle(),)), home=make.home(host_bytes=4 * GIB))
    assert "take 5.0 GiB more" in host_finding(view).what
    tight = host_finding(view, available=2 * GIB)
    assert tight.status is Status.BAD
    assert "use level 2" in tight.next


def test_a_copy_that_nobody_has_seen_is_at_most_what_is_on_the_gpus():
    view = well()
    assert "at most 40.0 GiB more" in host_finding(view, available=50 * GIB).what
    tight = host_finding(view)
    assert tight.status is Status.UNKNOWN
    assert "at most 40.0 GiB" in tight.what
    blind = host_finding(well(learned=Learned(), metrics=None))
    assert "qwen take is not known; 30.0 GiB are free" in blind.what


def test_host_memory_matters_only_where_weights_go_there():
    assert host_finding(well(spec=make.spec(level=2))) is None
    assert "host_memory" not in findings(well())


def test_no_copy_is_asked_for_where_sleep_mode_is_off():
    off = well(facts=make.facts(sleep_enabled=False))
    assert host_finding(off) is None
    assert (
        "take 0 MiB more"
        in host_finding(off, well("b", learned=Learned(cycles=(cycle(LIFE_S),)))).what
    )


def test_no_server_at_all():
    found = findings(notes=(), gpus=())
    assert found["servers"].status is Status.BAD
    assert "--server NAME=" in found["servers"].next


def test_what_was_found_and_cannot_be_watched_is_told_where_nothing_else_is():
    notes = ("container a: it is paused: docker unpause a", "Docker is not running")
    picture = doctor.examine(
        replace(scene(), fleet=make.fleet([], [], notes=notes), notes=("Docker is not running",))
    )
    found = {one.id: one for one in picture}
    assert found["found.0"].what == notes[0]
    assert "found.1" not in found, "it is said as what could not be looked at"


@pytest.mark.parametrize(
    ("gpu", "status", "words"),
    [
        (make.gpu_view(processes=()), Status.OK, "NVIDIA H200, 60.0 GiB of 140.0 GiB used"),
        (make.gpu_view(), Status.WARN, "cannot be listed"),
        (make.gpu_view(0, None), Status.WARN, "cannot be read"),
        (make.gpu_view(problem="lost"), Status.BAD, "lost"),
    ],
)
def test_each_gpu(gpu, status, words):
    found = findings(gpus=(gpu,))["gpu.0"]
    assert found.status is status
    assert words in found.what


def test_no_driver():
    found = findings(well(), gpus=(), gpu_problem="No NVIDIA driver on this machine")["nvml"]
    assert found.status is Status.WARN
    assert found.what == "No NVIDIA driver on this machine"


def test_docker_matters_where_a_server_is_missing_or_named_by_its_container():
    notes = ("Docker is not running: there is no socket. Start it, or set DOCKER_HOST.",)
    idle = findings(well(), notes=notes)["containers.0"]
    assert idle.status is Status.UNKNOWN
    assert idle.what == "Docker is not running: there is no socket"
    assert idle.next == "start it, or set DOCKER_HOST"
    assert findings(well(home=None), notes=notes)["containers.0"].status is Status.WARN
    named = well(spec=make.spec(container="vllm-a"))
    assert findings(named, notes=notes)["containers.0"].status is Status.WARN
