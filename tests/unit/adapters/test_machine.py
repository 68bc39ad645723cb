"""LocalSurveyor: the files of the kernel as they are on other machines, the driver as it fails."""

import platform
import resource
from pathlib import Path

import psutil
import pytest
from support import nvml

from sleeptui.adapters.cards import read_cards
from sleeptui.adapters.machine import LocalSurveyor
from sleeptui.core.environment import Card

GIB = nvml.GIB
NOT_SUPPORTED, LOST = 3, 15


@pytest.fixture
def driver(tmp_path, monkeypatch) -> nvml.Machine:
    """One H200 whose driver says all that can be said."""
    machine = nvml.Machine(tmp_path / "machine")
    machine.gpu(0)
    machine.card(0)
    nvml.load(monkeypatch, machine)
    return machine


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "root"


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.nvml
def test_everything_of_a_card(driver, root):
    put(root, "0000:4e:00.0/numa_node", "1\n")
    found = read_cards(root)
    assert (found.driver, found.cuda, found.problem) == ("570.133.20", "12.8", None)
    assert found.cards == (
        Card(
            index=0,
            name="NVIDIA H200",
            uuid="GPU-00000000",
            total_bytes=140 * GIB,
            pcie_gen=1,
            pcie_gen_max=5,
            pcie_width=16,
            pcie_width_max=16,
            power_limit_w=700.0,
            persistence=True,
            ecc=True,
            mig=False,
            numa_node=1,
        ),
    )


@pytest.mark.nvml
def test_what_a_driver_does_not_say_is_unknown(driver, root):
    driver.gpu(1)
    driver.fail("nvmlDeviceGetEnforcedPowerLimit", NOT_SUPPORTED)
    driver.fail("nvmlSystemGetCudaDriverVersion_v2", NOT_SUPPORTED)
    driver.fail("nvmlDeviceGetName", NOT_SUPPORTED, gpu=1)
    found = read_cards(root)
    assert found.cuda == ""
    assert found.cards[0].numa_node is None
    assert found.cards[1] == Card(index=1, name="GPU 1", uuid="GPU-00000001", total_bytes=140 * GIB)


@pytest.mark.nvml
@pytest.mark.parametrize("node", ["-1\n", "", "x"])
def test_a_machine_without_numa_nodes(driver, root, node):
    put(root, "0000:4e:00.0/numa_node", node)
    assert read_cards(root).cards[0].numa_node is None


@pytest.mark.nvml
def test_a_lost_card_keeps_its_place(driver, root):
    driver.gpu(1)
    driver.fail("nvmlDeviceGetHandleByIndex_v2", LOST, gpu=0)
    found = read_cards(root)
    assert [card.name for card in found.cards] == ["GPU 0", "NVIDIA H200"]
    assert found.problem == "GPU 0 does not answer"


@pytest.mark.nvml
def test_no_card_and_no_answer(driver, root):
    driver.fail("nvmlDeviceGetCount_v2", LOST)
    assert "fallen off the bus" in read_cards(root).problem
    driver.mend("nvmlDeviceGetCount_v2")
    driver.lines.clear()
    driver.path.write_text("")
    assert read_cards(root).problem == "The NVIDIA driver sees no GPU"


@pytest.mark.nvml
async def test_a_driver_that_hangs_holds_nobody_up(driver):
    driver.hang("nvmlInitWithFlags", 1)
    machine = await LocalSurveyor(deadline_s=0.01).describe()
    assert machine.kernel == platform.release()
    assert machine.problems == ("The NVIDIA driver has not answered for 0.01 s",)


@pytest.fixture
def nothing_there(monkeypatch):
    nvml.unload(monkeypatch)


async def described(root: Path):
    return await LocalSurveyor(deadline_s=60, root=root).describe()


async def test_this_machine(nothing_there):
    machine = await described(Path("/"))
    assert machine.host == platform.node()
    assert machine.cpus == len(psutil.Process().cpu_affinity())
    assert machine.ram_bytes == psutil.virtual_memory().total
    assert len(machine.boot_id) == 36


async def test_files_that_are_not_there(nothing_there, root):
    machine = await described(root)
    assert (machine.cpu, machine.huge_pages, machine.boot_id) == (platform.machine(), "", "")
    assert machine.memory_limit_bytes is None


async def test_files_of_the_kernel(nothing_there, root):
    put(root, "proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9654\x1b[31m\n")
    put(root, "proc/sys/kernel/random/boot_id", "6f2f-1\n")
    put(root, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
    machine = await described(root)
    assert (machine.cpu, machine.huge_pages) == ("AMD EPYC 9654", "madvise")
    assert machine.boot_id == "6f2f-1"


async def test_a_processor_without_a_name(nothing_there, root):
    put(root, "proc/cpuinfo", "processor\t: 0\nCPU part\t: 0xd4f\n")
    assert (await described(root)).cpu == platform.machine()


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/\n", {"memory.max": "max"}, None),
        ("0::/\n", {"memory.max": "1000"}, 1000),
        (
            "0::/a/b\n",
            {"a/b/memory.max": "3000", "a/memory.max": "2000", "memory.max": "max"},
            2000,
        ),
        ("0::/docker/x\n", {"memory.max": "1000"}, 1000),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "1000"}, 1000),
        ("4:cpu,memory:/a\n", {"memory/memory.limit_in_bytes": "1000"}, 1000),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("4:cpu:/a\n", {"a/memory.max": "1000"}, None),
        ("nonsense\n", {"memory.max": "x"}, None),
    ],
)
async def test_the_limit_of_its_control_groups(nothing_there, root, groups, files, limit):
    put(root, "proc/self/cgroup", groups)
    for name, text in files.items():
        put(root, f"sys/fs/cgroup/{name}", f"{text}\n")
    assert (await described(root)).memory_limit_bytes == limit


@pytest.mark.parametrize(("limit", "told"), [(resource.RLIM_INFINITY, None), (8 << 20, 8 << 20)])
async def test_memory_that_may_be_pinned(nothing_there, root, monkeypatch, limit, told):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    assert (await described(root)).memlock_bytes == told


async def test_memory_that_cannot_be_read_is_said(nothing_there, root, monkeypatch):
    def broken():
        raise OSError(2, "No such file or directory", "/proc/meminfo")

    monkeypatch.setattr(psutil, "virtual_memory", broken)
    machine = await described(root)
    assert machine.ram_bytes is None
    assert "memory of this machine cannot be read" in machine.problems[0]
