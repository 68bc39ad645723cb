"""``sleep``, ``wake``, ``switch``, ``verify``, ``prompt`` and ``log`` as processes, on a fleet that
runs beside them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from http.client import HTTPException

import pytest
from support.processes import wait_until
from support.sim_process import simulated
from support.terminal import Terminal

from sleeptui.adapters.bench_lock import holding
from sleeptui.services.json_shapes import (
    ActedJson,
    LogJson,
    PromptedJson,
    RecordJson,
    ResultJson,
    ServerJson,
)
from sleeptui.sim.attached import ADDRESS_ENV

pytestmark = pytest.mark.timeout(180)


class Shell:
    """The program on a simulated fleet that goes on between two commands."""

    def __init__(self, sim, folder):
        self.sim = sim
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            ADDRESS_ENV: sim.address.announce(),
        }
        self.folder = folder

    def words(self, *arguments):
        return [*arguments, "--demo", self.sim.address.scenario]

    def run(self, *arguments, stdin=None):
        """The finished process of ``sleeptui ARGUMENTS`` without a terminal."""
        given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [sys.executable, "-m", "sleeptui", *self.words(*arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            cwd=self.folder,
            env=self.environment,
            timeout=120,
            **given,
        )

    def document(self, *arguments):
        """What it prints with ``--json``, and its exit code."""
        done = self.run(*arguments, "--json")
        return json.loads(done.stdout), done.returncode

    @contextmanager
    def begun(self, *arguments):
        """The process while it runs."""
        process = subprocess.Popen(
            [sys.executable, "-m", "sleeptui", *self.words(*arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env=self.environment,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def terminal(self, *arguments, **fields):
        return Terminal(self.words(*arguments), environment=self.environment, **fields)

    def asleep(self, name):
        return bool(self.server(name)["asleep"])

    def server(self, name):
        servers = self.sim._control("GET", "/state")["servers"]
        return next(server for server in servers if server["name"] == name)

    def posts(self, name, path):
        """How many requests of that kind the server has seen."""
        return sum(f'"POST {path}' in line for line in self.sim.log(name))

    def stands(self, **awake):
        """Put the servers where a test wants them, past the program."""
        for name in awake:
            self.sim._control("DELETE", f"/faults/{name}")
        for name, is_awake in sorted(awake.items(), key=lambda one: one[1]):
            if self.asleep(name) is is_awake:
                self.sim.post(name, "/wake_up" if is_awake else "/sleep?level=1")

    @contextmanager
    def streaming(self, name):
        """Requests of somebody else: there is always one in flight."""
        body = {"model": name, "prompt": "Tell", "max_tokens": 7900, "ignore_eos": True}
        request = urllib.request.Request(
            f"{self.sim.url(name)}/v1/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        over = threading.Event()

        def ask():
            with suppress(OSError, HTTPException):
                reason = ""
                while reason != "abort" and not over.is_set():
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        reason = json.loads(answer.read())["choices"][0]["finish_reason"]

        for number in range(2):
            threading.Thread(target=ask, daemon=True).start()
            wait_until(lambda n=number: self.server(name)["running"] > n, what="the request")
            time.sleep(1.5)  # so that they do not end together
        try:
            yield
        finally:
            over.set()  # the last ones end with their answers, or with the fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with simulated("exp1", speed=2) as sim:
        yield Shell(sim, tmp_path_factory.mktemp("exp1"))


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    with simulated("faults", speed=4) as sim:
        yield Shell(sim, tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    with simulated("versions") as sim:
        yield Shell(sim, tmp_path_factory.mktemp("versions"))


def row_of(text, name):
    return next(line.split() for line in text.splitlines() if line.startswith(f"{name} "))


def row(done, name):
    return row_of(done.stdout, name)


def results(document):
    return {one["server"]: one["result"] for one in document["results"]}


def test_a_sleep_is_measured_and_told_once(fleet):
    fleet.stands(code=False, summarize=True)
    done = fleet.run("sleep", "summarize")
    assert (done.returncode, done.stderr) == (0, "")
    said, *known = done.stdout.splitlines()
    assert said.startswith("summarize: asleep at level 1, freed 83.7 GiB")
    assert "  /is_sleeping: true" in known
    assert row(done, "summarize")[1:3] == ["asleep", "L1"]
    assert "\x1b" not in done.stdout
    sent = fleet.posts("summarize", "/sleep")

    again = fleet.run("sleep", "summarize", "code")
    assert again.returncode == 0
    assert "summarize: asleep at level 1 already; nothing was sent" in again.stdout
    assert fleet.posts("summarize", "/sleep") == sent

    deeper = fleet.run("sleep", "summarize", "--level", "2")
    assert deeper.returncode == 1
    assert "wake it first to change its level" in deeper.stderr


def test_a_wake_as_json(fleet):
    fleet.stands(code=False, summarize=False)
    document, code = fleet.document("wake", "code")
    assert code == 0
    assert (document["schema"], document["v"]) == ("sleeptui.wake", 1)
    assert set(document) == {"schema", "v", *ActedJson.__annotations__}
    assert (document["done"], document["problem"], document["hint"]) == (True, "", "")
    [result] = document["results"]
    assert set(result) == set(ResultJson.__annotations__)
    assert (result["server"], result["result"]) == ("code", "done")
    [record] = document["operations"]
    assert set(record) == set(RecordJson.__annotations__)
    assert record["id"] == result["operation"]
    assert record["verification"]["decodes"]
    assert set(document["servers"][0]) == set(ServerJson.__annotations__)
    assert [one["state"] for one in document["servers"]] == ["awake"]

    document, code = fleet.document("wake", "code")
    assert (code, results(document)) == (0, {"code": "already so"})
    assert document["operations"] == []


def test_a_wake_without_room_is_not_sent_and_a_switch_makes_it(fleet):
    fleet.stands(code=False, summarize=True)
    sent = fleet.posts("code", "/wake_up")
    done = fleet.run("wake", "code")
    assert done.returncode == 1
    for words in (
        "are missing",
        "summarize could give",
        "sleeptui switch code makes room",
        "--force",
    ):
        assert words in done.stderr
    assert row(done, "code")[-3:] == ["refused", "--", "--"]
    assert fleet.posts("code", "/wake_up") == sent

    document, code = fleet.document("switch", "code")
    assert code == 0
    assert [one["kind"] for one in document["operations"]] == ["sleep", "wake", "switch"]
    assert "put summarize to sleep" in document["results"][0]["message"]
    assert (fleet.asleep("code"), fleet.asleep("summarize")) == (False, True)
    assert fleet.run("switch", "code").returncode == 0, "it is awake already"


def test_two_wakes_on_a_gpu_take_turns_and_only_one_fits(fleet):
    fleet.stands(code=False, summarize=False)
    document, code = fleet.document("wake", "summarize", "code", "--no-verify")
    assert code == 1
    assert results(document) == {"summarize": "done", "code": "failed"}
    assert "no room" in document["problem"]
    assert document["hint"].startswith("sleeptui switch code makes room")


def test_all_but_the_pinned_go_to_sleep(fleet):
    fleet.stands(code=False, summarize=True)
    document, code = fleet.document("sleep", "--all")
    assert code == 0
    assert results(document) == {"summarize": "done", "code": "already so"}


def test_a_prompt_is_data_and_its_times_are_talk(fleet):
    fleet.stands(summarize=False, code=True)
    done = fleet.run("prompt", "code", "Hello", "--max-tokens", "8")
    assert done.returncode == 0
    assert len(done.stdout.split()) > 4
    assert done.stdout.endswith("\n")
    for words in ("first token", "tokens/s", "8 tokens", "finish length"):
        assert words in done.stderr

    piped = fleet.run("prompt", "code", "--max-tokens", "8", stdin="Hello")
    said = fleet.run("prompt", "code", "-", "--max-tokens", "8", stdin="Hello")
    assert piped.stdout == said.stdout == done.stdout

    document, code = fleet.document("prompt", "code", "Hello", "--max-tokens", "8")
    assert code == 0
    assert set(document) == {"schema", "v", *PromptedJson.__annotations__}
    assert document["answer"].strip() == done.stdout.strip()
    assert (document["finish_reason"], document["completion_tokens"]) == ("length", 8)
    assert document["operations"][0]["first_token_s"] > 0

    empty = fleet.run("prompt", "code", "-", stdin="")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "there is no text to send" in empty.stderr


def test_a_prompt_to_one_that_sleeps_says_what_wakes_it(fleet):
    fleet.stands(summarize=False)
    done = fleet.run("prompt", "summarize", "Hello")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a prompt would hang until it wakes" in done.stderr


def test_a_reader_that_goes_ends_the_prompt(fleet):
    fleet.stands(summarize=False, code=True)
    with fleet.begun("prompt", "code", "Hello", "--max-tokens", "4000") as process:
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.wait(60) == 0
        wait_until(lambda: fleet.server("code")["running"] == 0, what="the end of the request")
        assert process.stderr.read() == ""


def test_control_sequences_of_a_model_do_not_reach_the_terminal(faults):
    done = faults.run("prompt", "escapes", "Hello", "--max-tokens", "8")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "owned" not in done.stdout


def test_a_verify_takes_a_reference_where_there_is_none(fleet):
    fleet.stands(summarize=False, code=True)
    done = fleet.run("verify", "code")
    assert done.returncode == 0, done.stderr
    assert "code: answers; kept as the reference" in done.stdout


def test_a_log_is_its_last_lines(fleet):
    done = fleet.run("log", "code", "-n", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert 0 < len(done.stdout.splitlines()) <= 3
    assert "APIServer" in done.stdout
    document, code = fleet.document("log", "code")
    assert code == 0
    assert set(document) == {"schema", "v", *LogJson.__annotations__}
    assert document["server"] == "code"
    assert "\n".join(document["lines"]).endswith(done.stdout.strip())
    assert document["source"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sleep"], ["name the servers, or say --all"]),
        (["sleep", "code", "--all"], ["name the servers, or say --all"]),
        (["sleep", "code", "--level", "3"], ["--level"]),
        (["sleep", "code", "--mode", "hard"], ["--mode"]),
        (["wake"], ["NAME"]),
        (["wake", "cod"], ["no server is called “cod”", "Did you mean “code”?", "summarize"]),
        (["switch", "nosuch"], ["no server is called “nosuch”", "There are summarize, code"]),
        (["prompt", "code", "Hi", "--max-tokens", "0"], ["--max-tokens"]),
        (["log", "nosuch"], ["no server is called “nosuch”"]),
        (["verify", "code", "--timeout", "0"], ["--timeout"]),
        (["--readonly", "sleep", "code"], ["sleep changes servers, and readonly is on"]),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_sent(fleet, arguments, words):
    done = fleet.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert all(word in done.stderr for word in words), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_requests_are_cut_off_only_where_that_is_said(fleet):
    fleet.stands(code=False, summarize=True)
    idle = fleet.run("sleep", "summarize", "--mode", "abort")
    assert idle.returncode == 0, "nothing is lost, so nobody is asked"
    fleet.stands(summarize=True)
    with fleet.streaming("summarize"):
        done = fleet.run("sleep", "summarize", "--mode", "abort")
        assert (done.returncode, done.stdout) == (2, "")
        assert "2 running requests are cut off" in done.stderr
        assert "--yes" in done.stderr
        with fleet.terminal("sleep", "summarize", "--mode", "abort") as terminal:
            terminal.shows("put summarize to sleep? 2 running requests are cut off [y/N]")
            terminal.type("n\r")
            assert terminal.ended() == 1
        assert not fleet.asleep("summarize")
        done = fleet.run("sleep", "summarize", "--mode", "abort", "--yes")
        assert done.returncode == 0
        assert "of 2 in flight 2 were aborted" in done.stdout


def test_a_signal_takes_back_what_waits_and_tells_what_goes_on(fleet, tmp_path):
    fleet.stands(summarize=False, code=True)
    fleet.sim.fault("code", fault="lose", every=1, paths=["/sleep"])
    with fleet.begun("--record", str(tmp_path), "sleep", "code") as first:
        wait_until(lambda: fleet.asleep("code"), what="the sleep, which is never answered")
        first.send_signal(signal.SIGHUP)
        out, words = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "interrupted: code: its sleep was sent, and goes on in the server" in words
    assert "code: sleeptui ended before the answer came; the server goes on" in words
    assert "unknown" in row_of(out, "code")
    (journal,) = tmp_path.glob("*/journal.jsonl")
    assert "sleeptui ended before the answer came" in journal.read_text()


def test_what_waits_for_its_turn_is_taken_back(fleet, tmp_path):
    fleet.stands(code=False, summarize=False)
    fleet.sim.fault("summarize", fault="lose", every=1, paths=["/wake_up"])
    with fleet.begun("--record", str(tmp_path), "wake", "summarize", "code", "--json") as process:
        wait_until(lambda: not fleet.asleep("summarize"), what="the wake, which is never answered")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        out, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "code: its wake is taken back" in words
    document = json.loads(out)
    assert results(document) == {"summarize": "unknown", "code": "cancelled"}
    assert document["problem"].startswith("interrupted: ")
    assert fleet.asleep("code")


def test_too_little_time(fleet):
    fleet.stands(code=False, summarize=False)
    fleet.sim.fault("code", fault="slow", seconds=40, paths=["/wake_up"])
    document, code = fleet.document("wake", "code", "--timeout", "8")
    assert code == 4
    assert document["problem"].startswith("not done within 8.00 s: code: its wake was sent")
    assert results(document) == {"code": "unknown"}
    wait_until(lambda: not fleet.asleep("code"), what="the wake that was sent")
    none = fleet.run("wake", "code", "--timeout", "0.01")
    assert (none.returncode, none.stdout) == (4, "")
    assert "nothing was begun" in none.stderr


def test_a_drain_of_our_own_is_taken_back(versions):
    versions.sim.traffic(on=False)
    with versions.streaming("v0-10"):
        with versions.terminal("sleep", "v0-10", columns=80, rows=24) as terminal:
            terminal.shows("v0-10: draining, for")
            terminal.press("ctrl+c")
            terminal.shows("interrupted: v0-10: its sleep is taken back")
            terminal.shows("stopped; nothing was sent")
            assert terminal.ended() == 130
        assert versions.posts("v0-10", "/sleep") == 0


def test_what_a_server_cannot_do_is_refused_before_it_is_asked(versions):
    document, code = versions.document("sleep", "no-dev-mode")
    assert (code, results(document)) == (1, {"no-dev-mode": "refused"})
    assert "VLLM_SERVER_DEV_MODE=1" in document["hint"] + document["problem"]
    done = versions.run("sleep", "v0-10", "--mode", "keep")
    assert done.returncode == 1
    assert "this version cannot keep requests, only wait for them" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "result", "words"),
    [
        (["sleep", "keeps-memory"], 1, "suspect", "freed"),
        (["wake", "oom"], 1, "failed", "out of memory"),
        (["wake", "wedged"], 1, "failed", "restart it"),
        (["verify", "mute"], 5, "wrong answers", "does not answer"),
        (["wake", "refuses"], 3, "unreachable", "nothing listens"),
        (["prompt", "refuses", "Hi"], 3, "unreachable", "nothing listens"),
        (["wake", "hangs"], 3, "unreachable", "unknown"),
        (["wake", "web-page"], 3, "unreachable", "with an HTML page"),
    ],
)
def test_each_fault_has_its_exit_code(faults, arguments, code, result, words):
    document, found = faults.document(*arguments)
    name = arguments[1]
    assert (found, results(document)) == (code, {name: result})
    assert not document["done"]
    assert words in document["problem"] + document["hint"]


def test_garbage_after_a_wake_is_code_5(tmp_path):
    """Over the network, where what is learnt is kept from command to command."""
    with simulated("faults", speed=4) as sim:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

        def run(*arguments):
            return subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "sleeptui",
                    *arguments,
                    "--server",
                    f"g={sim.url('garbage')}",
                ],
                capture_output=True,
                text=True,
                encoding="utf-8",
                check=False,
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                env=environment,
                timeout=60,
            )

        assert run("sleep", "g").returncode == 0
        done = run("wake", "g")
        assert done.returncode == 5
        assert "its answers are garbage" in done.stderr
        assert "sleeptui sleep g --level 2, then sleeptui wake g, reads its weights" in done.stderr
        assert row(done, "g")[1] == "suspect"
        assert run("verify", "g").returncode == 5
        assert run("sleep", "g", "--level", "2").returncode == 0
        mended = run("wake", "g")
        assert mended.returncode == 0, mended.stderr
        assert row(mended, "g")[2] == "verified"


def test_what_a_benchmark_moves_is_left_alone(fleet):
    spec = next(one for one in fleet.sim.address.servers if one.name == "code")
    folder = fleet.folder / ".local" / "state" / "sleeptui" / "bench"
    with holding([spec], "sleeptui bench quick, process 7", folder=folder):
        done = fleet.run("verify", "code")
        assert (done.returncode, done.stdout) == (1, "")
        assert "a benchmark runs on code already: sleeptui bench quick, process 7" in done.stderr
        assert fleet.run("log", "code").returncode == 0


def test_a_closed_stdout_is_no_bug(fleet):
    fleet.stands(code=False)
    line = f"{sys.executable} -m sleeptui sleep code --demo exp1 >&-"
    done = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        cwd=fleet.folder,
        env=fleet.environment,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ascii_is_ascii(fleet):
    fleet.stands(code=False)
    done = fleet.run("--ascii", "wake", "summarize", "code")
    assert (done.stdout + done.stderr).isascii()


def test_each_command_teaches_by_example(fleet):
    for name in ("sleep", "wake", "switch", "verify", "prompt", "log"):
        done = subprocess.run(
            [sys.executable, "-m", "sleeptui", name, "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert "Exit code: 0" in done.stdout
        assert f"  sleeptui {name} code" in done.stdout
