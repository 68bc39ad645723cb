"""What a simulated fleet is told: control, faults, prompts, addresses, and the bank's files."""

import asyncio
import json

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import (
    DEEP,
    HOSTILE,
    RAW,
    VALUES,
    as_json,
    fuzz,
    is_clean,
    is_told,
    mangled,
    mutated,
)

from sleeptui.core.errors import SimError
from sleeptui.core.version import parse
from sleeptui.sim.__main__ import _fault
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.answers import Refusal
from sleeptui.sim.asks import read_ask
from sleeptui.sim.bank import Entry
from sleeptui.sim.clock import RealClock
from sleeptui.sim.control import control_app
from sleeptui.sim.dialect import dialect_of
from sleeptui.sim.faults import Fault, FaultSetting
from sleeptui.sim.machine import SimMachine
from sleeptui.sim.routes import Routes
from sleeptui.sim.scenario import SCENARIOS

TOKEN = "t"
SETTING = {
    "fault": "slow",
    "seconds": 1.5,
    "bytes": 5,
    "status": 503,
    "every": 2,
    "chance": 0.5,
    "factor": 1.5,
    "paths": ["/metrics"],
}
ADDRESS = {
    "sleeptui_sim": 1,
    "scenario": "default",
    "control_url": "http://127.0.0.1:1",
    "token": "t",
    "servers": [{"name": "a", "url": "http://127.0.0.1:2", "api_key_env": None}],
}
ENTRY = {"name": "a", "pid": 5, "held": {"0": 9}, "host_bytes": 4, "batch": 0, "copying": False}
ASK = {
    "model": "code",
    "prompt": "why",
    "max_tokens": 8,
    "temperature": 0.5,
    "n": 2,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logprobs": 1,
    "cache_salt": "x",
    "ignore_eos": True,
}
CHAT = {
    "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
    "logprobs": True,
    "top_logprobs": 2,
    "max_completion_tokens": 5,
}


def bodies(tree: object) -> st.SearchStrategy[bytes]:
    whole = json.dumps(tree).encode()
    return st.one_of(
        mutated(tree).map(as_json), mangled(whole), VALUES.map(as_json), st.sampled_from(RAW)
    )


@fuzz(75)
@given(st.one_of(mutated(SETTING), VALUES))
@example({"fault": "slow", "seconds": float("nan")})
@example({"fault": "slow", "status": float("inf")})
@example({"fault": "slow", "paths": 7})
@example({"fault": ["slow"]})
def test_faults(data):
    try:
        setting = FaultSetting.read(data)
    except SimError as error:
        assert is_told(error)
        return
    assert 0 <= setting.delay_s < 1e16
    assert setting.every >= 1


@fuzz(37)
@given(bodies(SETTING).map(lambda raw: raw.decode(errors="replace")))
def test_faults_of_the_command_line(text):
    try:
        _fault(text)
    except SimError as error:
        assert is_told(error)


@fuzz(50)
@given(bodies(ADDRESS).map(lambda raw: raw.decode(errors="replace")))
@example(DEEP.decode())
def test_addresses(line):
    try:
        found = FleetAddress.read(line)
    except SimError as error:
        assert is_told(error)
        return
    texts = (found.scenario, found.control_url, found.token, *(one.name for one in found.servers))
    assert all(isinstance(text, str) for text in texts)


@fuzz(50)
@given(bodies(ENTRY).map(lambda raw: raw.decode(errors="replace")))
@example('{"pid":1e400,"name":"a"}')
def test_entries_of_a_bank(text):
    entry = Entry.read(text)
    assert entry is None or isinstance(entry.pid, int)


@fuzz(75)
@given(
    st.one_of(mutated(ASK), mutated(CHAT)),
    st.booleans(),
    st.sampled_from(["0.8.5", "0.25.1", "0.32.0"]),
)
@example({"prompt": "x", "n": 1e400}, False, "0.32.0")
@example({"prompt": "x", "stream": True, "stream_options": 7}, False, "0.32.0")
@example({"prompt": "x", "logprobs": "many"}, False, "0.32.0")
def test_what_is_asked_of_a_simulated_server(body, chat, version):
    if not isinstance(body, dict):
        return
    spec = SCENARIOS["default"].engines[0]
    try:
        ask = read_ask(body, chat=chat, spec=spec, dialect=dialect_of(parse(version)))
    except Refusal:
        return
    assert 1 <= ask.max_tokens <= spec.max_model_len
    assert 1 <= ask.choices <= 128


@pytest.fixture(scope="module")
def machine():
    made = SimMachine(SCENARIOS["default"], speed=1.0, clock=RealClock())
    yield made
    for host in made.hosts.values():
        asyncio.run(host.listener.end())


ROUTES = st.one_of(
    st.tuples(st.sampled_from(["GET"]), st.sampled_from(["/gpus", "/homes", "/state", "/faults"])),
    st.tuples(
        st.sampled_from(["GET", "POST", "DELETE"]),
        st.one_of(
            st.sampled_from(
                [
                    "/gpus/0",
                    "/gpus/9",
                    "/nvml",
                    "/faults/code",
                    "/processes/x",
                    "/traffic",
                    "/log/code",
                ]
            ),
            st.text("abc/%0²٣", max_size=8).map(lambda text: f"/x{text}"),
            st.text("0123456789²٣", max_size=5).map(lambda text: f"/log/code?lines={text}"),
            HOSTILE.map(
                lambda text: httpx.URL(
                    "http://x", params={"fault": text, "lines": text}
                ).raw_path.decode()
            ).map(lambda path: path.replace("/?", "/faults/code?")),
        ),
    ),
)


@pytest.fixture(scope="module")
def control(machine):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(control_app(machine, TOKEN)),
        base_url="http://sim",
        headers={"authorization": f"Bearer {TOKEN}"},
    )


@fuzz(50)
@given(
    ROUTES,
    st.one_of(
        bodies({"problem": "lost", "other_bytes": 5}), bodies({"on": True}), bodies({"do": "start"})
    ),
)
@example(("POST", "/gpus/0"), b'{"other_bytes":-5}')
@example(("POST", "/gpus/0"), b'{"problem":' + b"9" * 5000 + b"}")
@example(("GET", "/log/code?lines=\u00b2"), b"")
@example(("POST", "/gpus/" + "9" * 5000), b"{}")
async def test_the_control_server(control, route, body):
    method, path = route
    answer = await control.request(method, path, content=body)
    assert answer.status_code < 500
    if answer.status_code == 400:
        assert is_clean(answer.json()["error"])


@pytest.fixture(scope="module")
def simulated(machine):
    app = machine.hosts["code"].app
    assert isinstance(app._routes, Routes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sim")


@fuzz(25)
@given(bodies({"method": 5}), st.sampled_from(["/collective_rpc", "/v1/completions"]))
@example(b"9" * 5000, "/collective_rpc")
@example(DEEP, "/collective_rpc")
@example(DEEP, "/v1/completions")
async def test_a_simulated_server_refuses_what_it_cannot_read(simulated, body, path):
    head = {"content-type": "application/json"}
    answer = await simulated.post(path, content=body, headers=head)
    assert 400 <= answer.status_code < 500


def test_every_fault_can_be_read():
    assert {FaultSetting.read({"fault": one.value}).fault for one in Fault} == set(Fault)
