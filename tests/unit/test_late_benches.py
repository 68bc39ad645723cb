"""Which options a benchmark of the panel is started with."""

import pytest
from support import journals
from support.builders import spec
from support.clock import ManualClock

from sleeptui.adapters import bench_process
from sleeptui.core.settings import RecordingDefaults, Settings
from sleeptui.late_benches import LateBenches

SERVERS = (spec("code", url="http://127.0.0.1:8001"), spec("chat", url="http://127.0.0.1:8002"))


@pytest.fixture
def asked(monkeypatch):
    calls = []

    async def started(arguments, environment, *, is_bound):
        calls.append((list(arguments), dict(environment), is_bound))

    monkeypatch.setattr(bench_process, "started", started)
    return calls


async def start(settings, announced=None):
    benches = LateBenches(settings, ManualClock(), lambda: announced)
    await benches.start("quick", SERVERS)


async def test_servers_that_were_found_are_named(asked):
    await start(Settings())
    begin = ["bench", "quick", "--yes", "--announce"]
    named = ["--server=code=http://127.0.0.1:8001", "--server=chat=http://127.0.0.1:8002"]
    assert asked == [([*begin, *named], {}, False)]


async def test_the_file_of_the_panel_is_given_and_only_others_are_named(asked, tmp_path):
    path = tmp_path / "fleet.toml"
    path.write_text('[[server]]\nname = "code"\nurl = "http://127.0.0.1:8001"\n')
    recording = RecordingDefaults(folder="/data/s")
    await start(Settings(source=str(path), recording=recording))
    ((arguments, _, _),) = asked
    assert arguments[4:] == [
        f"--fleet={path}", "--server=chat=http://127.0.0.1:8002", "--to=/data/s",
    ]  # fmt: skip


async def test_the_simulated_fleet_of_the_panel_is_used_and_it_ends_with_it(asked):
    await start(Settings(demo="two-gpus"), announced='{"sleeptui_sim": 1}')
    ((arguments, environment, is_bound),) = asked
    assert arguments[4:] == ["--demo=two-gpus"]
    assert environment == {"SLEEPTUI_SIM_ADDRESS": '{"sleeptui_sim": 1}'}
    assert is_bound


async def test_plans_and_journals_are_read(tmp_path):
    benches = LateBenches(Settings(), ManualClock(), lambda: None)
    assert [plan.name for plan in benches.plans()] == ["quick", "standard", "careful"]
    session = journals.folder(tmp_path)
    found = [events async for events in benches.follow(str(session))]
    assert found
