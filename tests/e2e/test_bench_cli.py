"""``sleeptui bench`` as a process: what it says, what it leaves, how it ends."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.journal_file import lines, of, the_session
from support.sim_process import simulated
from support.terminal import Terminal

COMMAND = [sys.executable, "-m", "sleeptui"]
SMALL = """version = 1
title = "one cycle"
models = ["code"]
[latency]
blocks = 0
cycles = 1
levels = [1]
dwell_s = [0]
warm_up = 1
steady = 1
settle_s = 0
"""
LONG = SMALL.replace("cycles = 1", "cycles = 500")


@pytest.fixture(scope="module")
def fleet():
    with simulated(speed=20) as running:
        running.traffic(on=False)
        yield running


@pytest.fixture
def environment(tmp_path):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "d"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@pytest.fixture
def bench(environment, tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "long.toml").write_text(LONG)

    def run(*arguments, **more):
        return subprocess.run(
            [*COMMAND, "bench", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            env={**environment, **more},
            timeout=100,
        )

    return run


@pytest.fixture
def start(bench, environment, tmp_path):
    children = []

    def begin(*arguments):
        child = subprocess.Popen(
            [*COMMAND, "bench", "--yes", "--announce", "--no-report", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()


def test_the_plans_are_listed(bench):
    done = bench("--list")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "quick", "standard", "careful",
    ]  # fmt: skip
    assert "for two models" in done.stdout


def test_a_dry_run_says_what_it_would_do_and_touches_nothing(bench, fleet, tmp_path):
    before = [line for line in fleet.log("code") if "POST" in line]
    done = bench("small.toml", *fleet.options, "--dry-run", "--to", "s")
    assert done.returncode == 0, done.stderr
    assert "code is put to sleep and woken" in done.stdout
    assert "Left out: memory figures" in done.stdout
    assert not (tmp_path / "s").exists()
    assert [line for line in fleet.log("code") if "POST" in line] == before


def test_it_measures_judges_and_leaves_a_session_with_its_report(bench, fleet, tmp_path):
    done = bench("small.toml", *fleet.options, "--yes", "--to", "s", "--seed", "7", "--json")
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    session = the_session(tmp_path / "s")
    assert (told["schema"], told["v"]) == ("sleeptui.bench", 1)
    assert (told["session"], told["plan"], told["seed"]) == (str(session), "small", 7)
    assert (told["ended"], told["left"]) == ("ok", [])
    assert told["done"] == told["steps"]
    assert told["verdicts"]
    assert sum(told["counts"].values()) == len(told["verdicts"])
    bad = told["counts"]["FAIL"] + told["counts"]["INVALID"]
    assert done.returncode == (1 if bad else 0)
    found = lines(session)
    assert found[0]["plan"]["name"] == "small"
    assert found[0]["plan"]["latency.levels"] == "1"
    assert found[0]["seed"] == 7
    assert (len(of(found, "plan")), len(of(found, "verdict"))) == (1, len(told["verdicts"]))
    assert found[-1]["k"] == "end"
    assert "step 1 of" in done.stderr
    assert "# " in (session / "report.md").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_signal_restores_the_servers_and_leaves_a_valid_partial_result(
    start, fleet, tmp_path, number
):
    child = start("long.toml", *fleet.options, "--to", "s")
    announced = json.loads(child.stdout.readline())
    session = the_session(tmp_path / "s")
    assert announced == {"sleeptui_bench": 1, "session": str(session)}
    while not of(lines(session), "op.end"):
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "stopping: restoring servers" in err
    assert out.splitlines()[-1] == str(session)
    found = lines(session)
    assert found[-1]["k"] == "end"
    assert not found[-1].get("aborted")
    begun = {line["phase"]["id"] for line in of(found, "phase")}
    assert begun == {line["id"] for line in of(found, "phase.end")}
    assert "user_abort" in {line.get("cls") for line in of(found, "phase.end")}
    states = [line["state"] for line in of(found, "state") if line["s"] == "code"]
    assert states[-1] == states[0] == "asleep"


def test_one_at_a_time_on_a_server(start, bench, fleet, tmp_path):
    child = start("long.toml", *fleet.options, "--to", "s")
    child.stdout.readline()
    second = bench("small.toml", *fleet.options, "--yes", "--to", "t")
    assert second.returncode == 1
    assert f" already: sleeptui bench long, process {child.pid}" in second.stderr
    assert not (tmp_path / "t").exists() or not list((tmp_path / "t").iterdir())
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense"], 2, "there is no such plan"),
        (["--expectations", "none.toml", "--yes"], 2, "none.toml"),
        (["--baseline", "gone", "--yes"], 2, "--baseline: there are no sessions"),
        (["--seed", "-1"], 2, "--seed"),
        (["quick"], 2, "Use --yes"),
        (["quick", "--yes", "--server", "a=http://127.0.0.1:9"], 3, "none of the servers"),
        (["small.toml", "--yes", "--server", "a=http://127.0.0.1:9"], 3, "not watched"),
        (["quick", "--demo", "--yes", "--to", "/proc/none"], 2, "--to"),
    ],
)
def test_what_cannot_begin_says_why(bench, arguments, code, said):
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_terminal_it_asks_and_a_no_touches_nothing(fleet, environment, bench, tmp_path):
    arguments = ["bench", "small.toml", *fleet.options, "--to", "s"]
    for keys, code in (("n", 0), ("ctrl+c", 130)):
        with Terminal(arguments, environment=environment, cwd=tmp_path, columns=80) as terminal:
            terminal.shows("begin? [y/N]")
            terminal.press(keys, *(["enter"] if keys == "n" else []))
            terminal.shows("nothing was touched")
            assert terminal.ended() == code
    assert not (tmp_path / "s").exists() or not list((tmp_path / "s").iterdir())


def test_in_a_terminal_it_paints_and_a_second_ctrl_c_does_not_wait(
    fleet, environment, bench, tmp_path
):
    arguments = ["bench", "long.toml", *fleet.options, "--to", "s", "--no-report"]
    with Terminal(arguments, environment=environment, cwd=tmp_path, columns=80) as terminal:
        terminal.shows("begin? [y/N]")
        terminal.press("y", "enter")
        terminal.shows("now: ", "MODEL")
        terminal.resize(70, 20)
        terminal.shows("step ")
        fleet.fault("code", fault="slow", seconds=100, paths=["/sleep", "/wake_up"])
        terminal.press("ctrl+c")
        terminal.shows("stopping: restoring servers")
        terminal.press("ctrl+c")
        terminal.shows("left: code is")
        assert terminal.ended() == 130
    fleet.clear("code")
    assert lines(the_session(tmp_path / "s"))[-1]["k"] == "end"
