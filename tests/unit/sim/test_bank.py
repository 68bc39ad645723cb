"""GPU memory that processes share: entries of the living, no byte given twice."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sleeptui.core.environment import Machine
from sleeptui.core.errors import SimError
from sleeptui.core.units import GIB
from sleeptui.sim.bank import Bank, BankGpu, Entry
from sleeptui.sim.bank_probe import SIMULATED, BankProbe
from sleeptui.sim.scenario import SCENARIOS
from sleeptui.sim.spec import GpuSpec

EXP1 = SCENARIOS["exp1"]
SPEC = GpuSpec(total_bytes=10 * GIB, reserve_bytes=GIB, other_bytes=GIB)
HOLDER = """
import sys
from pathlib import Path
from sleeptui.sim.bank import Bank
from sleeptui.sim.scenario import SCENARIOS
account = Bank(Path(sys.argv[1])).join("code", SCENARIOS["exp1"])
account.hold(0, 3 << 30, 9 << 30)
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bank(tmp_path) -> Bank:
    return Bank(tmp_path / "bank")


@pytest.fixture
def other(bank):
    """Another process, which holds 3 GiB of GPU 0."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(bank.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "holds\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_an_account_is_seen_by_all_and_goes_with_its_close(bank):
    account = bank.join("code", EXP1)
    account.hold(0, 5, 100)
    account.load(host_bytes=7, batch=2, copying=True)
    seen = Entry(name="code", pid=os.getpid(), held={0: 5}, host_bytes=7, batch=2, copying=True)
    assert bank.entries() == [seen]
    account.release(0)
    assert bank.entries()[0].held == {}
    account.close()
    assert bank.entries() == []
    assert not list(bank.folder.glob("code*"))


def test_what_does_not_fit_is_taken_as_far_as_it_goes(bank, other):
    account = bank.join("summarize", EXP1)
    gpu = BankGpu(0, SPEC, account)
    assert (gpu.used_bytes, gpu.free_bytes) == (4 * GIB, 5 * GIB)
    assert gpu.hold("summarize", 4 * GIB)
    assert gpu.free_bytes == GIB
    assert not gpu.hold("summarize", 6 * GIB)
    assert (gpu.held("summarize"), gpu.free_bytes) == (5 * GIB, 0)
    gpu.release("summarize")
    assert (gpu.held("summarize"), gpu.free_bytes) == (0, 5 * GIB)
    account.close()


def test_a_process_that_is_killed_holds_nothing(bank, other):
    assert [entry.pid for entry in bank.entries()] == [other.pid]
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert bank.entries() == []
    assert len(list(bank.folder.glob("code*"))) == 2
    bank.join("summarize", EXP1).close()
    assert not list(bank.folder.glob("code*"))


def test_many_that_allocate_at_once_get_no_byte_twice(bank):
    accounts = [bank.join(f"server-{number}", EXP1) for number in range(8)]

    def grow(account) -> None:
        for target in range(1, 40):
            account.hold(0, target, 100)

    threads = [threading.Thread(target=grow, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(account.held(0) for account in accounts) == 100
    for account in accounts:
        account.close()


def test_an_entry_that_is_none_is_left_out(bank):
    account = bank.join("code", EXP1)
    (path,) = bank.folder.glob("*.entry.json")
    for text in ("", "[]", "{}", '{"name": "a", "pid": "x"}'):
        path.write_text(text)
        assert bank.entries() == []
    path.unlink()
    assert bank.entries() == []
    account.close()


def test_a_bank_is_of_one_fleet_while_somebody_uses_it(bank):
    assert bank.scenario.name == "exp1"
    account = bank.join("code", EXP1)
    with pytest.raises(SimError, match="used by servers of exp1"):
        bank.join("chat", SCENARIOS["two-gpus"])
    account.close()
    bank.join("chat", SCENARIOS["two-gpus"]).close()
    assert bank.scenario.name == "two-gpus"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SimError, match="cannot be used"):
        Bank(tmp_path / "file" / "bank").join("code", EXP1)


async def test_the_probe_sees_real_processes(bank, other):
    probe = BankProbe(str(bank.folder))
    reading = await probe.sample()
    (gpu,) = reading.gpus
    assert {process.pid: process.used_bytes for process in gpu.processes}[other.pid] == 3 * GIB
    assert gpu.used_bytes == 3 * GIB + GpuSpec().other_bytes
    assert reading.problem is None
    account = bank.join("summarize", EXP1)
    account.hold(0, GIB, 100 * GIB)
    account.load(host_bytes=GIB, batch=8, copying=False)
    loaded = await probe.sample()
    assert loaded.gpus[0].used_bytes == gpu.used_bytes + GIB
    assert loaded.gpus[0].utilization > 0.8
    assert reading.host.available_bytes - loaded.host.available_bytes == GIB
    account.close()
    await probe.close()


async def test_the_probe_of_an_unused_bank_shows_free_gpus(tmp_path):
    probe = BankProbe(str(tmp_path / "nothing"))
    (gpu,) = (await probe.sample()).gpus
    assert gpu.used_bytes == GpuSpec().other_bytes
    machine = await probe.machine(Machine(host="here", driver="1.2"))
    assert (machine.host, machine.driver, machine.simulated) == ("here", "", SIMULATED)
    assert [card.name for card in machine.cards] == [GpuSpec().name]


async def test_a_bank_of_another_fleet_has_other_gpus(bank):
    probe = BankProbe(str(bank.folder))
    assert len((await probe.sample()).gpus) == 1
    bank.join("chat", SCENARIOS["two-gpus"]).close()
    assert len((await probe.sample()).gpus) == 2


async def test_a_bank_that_cannot_be_read_is_a_problem(bank, monkeypatch):
    def broken(_self: Path, _pattern: str):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "glob", broken)
    reading = await BankProbe(str(bank.folder)).sample()
    assert reading.problem == "The GPU bank cannot be read: Permission denied"
