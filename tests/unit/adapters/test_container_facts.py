"""Container facts from inspections: what is a vLLM server, where it answers, what it lacks."""

import copy
from typing import Any

import pytest

from sleeptui.adapters.container_facts import PublishedPort, read_facts
from sleeptui.core.errors import ContainerError

ID = "0123456789abcdef" * 4
# The shape of Engine API 1.41, cut to what has a meaning here, with neighbours left in.
INSPECTION: dict[str, Any] = {
    "Id": ID,
    "Created": "2026-11-23T15:40:56.380745283Z",
    "Name": "/vllm-a",
    "Path": "vllm",
    "Args": ["serve", "org/Model-7B", "--port", "8000", "--enable-sleep-mode"],
    "RestartCount": 2,
    "State": {
        "Status": "running",
        "Running": True,
        "OOMKilled": False,
        "Pid": 4711,
        "ExitCode": 0,
        "StartedAt": "2026-11-23T15:40:56.548115471Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []},
    },
    "Config": {
        "Image": "vllm/vllm-openai:v0.32.0",
        "Env": ["PATH=/usr/bin", "VLLM_SERVER_DEV_MODE=1"],
        "Labels": {"ai.vllm.image.tag": "v0.32.0", "com.docker.compose.service": "chat"},
    },
    "HostConfig": {"NetworkMode": "default", "PortBindings": {}},
    "NetworkSettings": {
        "Ports": {
            "8000/tcp": [
                {"HostIp": "127.0.0.1", "HostPort": "8001"},
                {"HostIp": "::1", "HostPort": "8001"},
            ],
            "9000/tcp": None,
        }
    },
}


def inspection(**changes: object) -> dict[str, Any]:
    """The inspection with changes, ``State__Status="exited"`` for what lies deeper."""
    changed = copy.deepcopy(INSPECTION)
    for path, value in changes.items():
        *above, last = path.split("__")
        place = changed
        for key in above:
            place = place[key]
        place[last] = value
    return changed


def facts(**changes: object):
    return read_facts(inspection(**changes))


def test_all_facts():
    seen = facts()
    assert (seen.id, seen.name, seen.image) == (ID, "vllm-a", "vllm/vllm-openai:v0.32.0")
    assert (seen.state, seen.health, seen.exit_code) == ("running", "healthy", None)
    assert (seen.restarts, seen.pid, seen.compose) == (2, 4711, "chat")
    assert seen.started_at == "2026-11-23T15:40:56+00:00"
    both = ("127.0.0.1", "::1")
    assert seen.published == (PublishedPort(addresses=both, port=8001, inside=8000),)
    assert seen.published[0].address == "127.0.0.1"
    assert seen.is_vllm
    assert seen.is_live


def test_when_it_was_started_and_why_it_could_not():
    seen = facts(
        State__StartedAt="2026-11-23T15:40:56.123456789Z",
        State__FinishedAt="2026-11-23T15:40:55Z",
        State__Error="could not select\ndevice driver",
        State__OOMKilled=True,
    )
    assert seen.started_wall_s == 1795448456.123456
    assert seen.ended_wall_s == 1795448455.0
    assert (seen.error, seen.is_oom_killed) == ("could not select device driver", True)
    never = facts(State__StartedAt="0001-01-01T00:00:00Z", State__FinishedAt="never")
    assert (never.started_wall_s, never.ended_wall_s) == (None, None)
    assert (never.error, never.is_oom_killed) == ("", False)


def test_how_it_was_started_without_its_secrets():
    seen = facts(
        Image="sha256:" + ID,
        Path="sh",
        Args=["-c", "HF_TOKEN=hunter2 vllm serve org/Model-7B --api-key x"],
        Config__Env=["VLLM_SERVER_DEV_MODE=1", "VLLM_API_KEY=hunter2", "HOME=/root", "NCCL_DEBUG"],
    )
    assert seen.image_digest == "sha256:" + ID
    assert "HF_TOKEN=***" in seen.argv[2]
    assert "hunter2" not in repr(seen)
    assert seen.environment == {"NCCL_DEBUG": "", "VLLM_SERVER_DEV_MODE": "1"}


def test_the_least_that_an_engine_may_say():
    seen = read_facts({"Id": ID})
    assert (seen.name, seen.state, seen.health, seen.pid) == (ID[:12], "", None, None)
    assert (seen.started_at, seen.published, seen.is_vllm) == (None, (), False)
    assert (seen.image_digest, seen.argv, seen.environment) == (None, (), {})


@pytest.mark.parametrize("empty", [None, []])
def test_lists_that_are_null(empty):
    seen = facts(
        Args=empty,
        Config__Env=empty,
        Config__Labels=None,
        Config__Image="python:3.12",
        Path="python3",
        NetworkSettings__Ports=None,
        State__Health=None,
    )
    assert not seen.is_vllm
    assert (seen.health, seen.compose) == (None, None)


@pytest.mark.parametrize(
    "broken", [{"State": []}, {"Config": {"Labels": 3}}, {"Id": None}, {"State": {"Pid": "x"}}]
)
def test_an_answer_that_is_not_docker(broken):
    with pytest.raises(ContainerError, match="container vllm-a is not understood"):
        read_facts({**INSPECTION, **broken})


PLAIN = {
    "Config__Labels": {},
    "Config__Env": [],
    "Config__Image": "me/app",
    "Args": [],
    "Path": "x",
}


@pytest.mark.parametrize(
    ("changes", "is_vllm"),
    [
        ({}, False),
        ({"Config__Labels": {"ai.vllm.build.commit": "abc"}}, True),
        ({"Config__Labels": {"ai.vllmish": ""}}, False),
        ({"Config__Env": ["VLLM_IMAGE_TAG=v0.32.0"]}, True),
        ({"Config__Env": ["VLLM_API_KEY=k", "VLLM_BASE_URL=http://a"]}, False),
        ({"Path": "python3", "Args": ["-m", "vllm.entrypoints.openai.api_server"]}, True),
        ({"Path": "/bin/sh", "Args": ["-c", "sleep 5; vllm serve m --port 8123"]}, True),
        ({"Path": "tail", "Args": ["-f", "vllm.log"]}, False),
        ({"Config__Image": "vllm/vllm-openai:latest"}, True),
        ({"Config__Image": "rocm/vllm"}, True),
        ({"Config__Image": "ghcr.io/me/my-vllm-cpu@sha256:00"}, True),
        ({"Config__Image": "localhost:5000/vllm"}, True),
        ({"Config__Image": "me/kvllm"}, False),
        ({"Config__Image": "me/vllmonitor"}, False),
    ],
)
def test_what_is_a_vllm_server(changes, is_vllm):
    assert facts(**{**PLAIN, **changes}).is_vllm is is_vllm


def test_a_candidate_at_its_published_port():
    candidate = facts().candidate("127.0.0.1")
    assert candidate.name == "Model-7B"
    assert candidate.url == "http://127.0.0.1:8001"
    assert (candidate.origin, candidate.container) == ("container vllm-a", "vllm-a")
    assert candidate.problem is None


PORT = "NetworkSettings__Ports"


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({PORT: {"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}]}}, "http://box:80"),
        ({PORT: {"8000/tcp": [{"HostIp": "", "HostPort": "80"}]}}, "http://box:80"),
        ({PORT: {"8000/tcp": [{"HostIp": "10.0.0.5", "HostPort": "80"}]}}, "http://10.0.0.5:80"),
        ({PORT: {"7000/tcp": [{"HostIp": "::", "HostPort": "80"}]}}, "http://box:80"),
        ({"HostConfig__NetworkMode": "host", PORT: {}}, "http://box:8000"),
        ({"HostConfig__NetworkMode": "host", "Args": ["serve", "m"]}, "http://box:8000"),
        ({"HostConfig__NetworkMode": "host", "Args": ["serve", "--port=9"]}, "http://box:9"),
        (
            {
                "Args": ["serve", "m", "--ssl-certfile", "c"],
                PORT: {"8000/tcp": [{"HostIp": "10.0.0.5", "HostPort": "80"}]},
            },
            "https://10.0.0.5:80",
        ),
        (
            {
                PORT: {
                    "7000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "70"}],
                    "8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "80"}],
                }
            },
            "http://box:80",
        ),
    ],
)
def test_where_it_answers(changes, url):
    candidate = facts(**changes).candidate("box")
    assert candidate.url == url
    assert candidate.problem is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({PORT: {}}, "port 8000 is not published to here: run it with -p 8000:8000"),
        ({PORT: {"8000/udp": [{"HostIp": "", "HostPort": "80"}]}}, "port 8000 is not published"),
        ({PORT: {"8000/tcp": [{"HostIp": "", "HostPort": ""}]}}, "port 8000 is not published"),
        ({"Args": ["serve", "m", "--uds", "/s"]}, "it listens on the Unix socket /s, not on a"),
        ({"State__Status": "paused"}, "it is paused: docker unpause vllm-a"),
        ({"State__Status": "restarting"}, "it is restarting"),
        ({"State__Status": "created"}, "it is created"),
        ({"State__Status": "exited", "State__ExitCode": 137}, "it has ended with code 137: docker"),
        ({"State__Status": "dead"}, "it has ended with code 0: docker start vllm-a"),
    ],
)
def test_why_it_cannot_be_watched(changes, problem):
    assert facts(**changes).candidate("127.0.0.1").problem.startswith(problem)


def test_a_port_of_another_machines_loopback_does_not_lead_here():
    assert facts().candidate("127.0.0.1").url == "http://127.0.0.1:8001"
    candidate = facts().candidate("gpu-box")
    assert candidate.url is None
    assert "not published to here" in candidate.problem


def test_the_ports_of_a_stopped_container_are_those_it_will_get():
    seen = facts(
        State__Status="exited",
        NetworkSettings__Ports={},
        HostConfig__PortBindings={"8000/tcp": [{"HostIp": "", "HostPort": "8005"}]},
    )
    assert seen.has_port(8005)
    assert not seen.is_live
    assert seen.candidate("127.0.0.1").url == "http://127.0.0.1:8005"


def test_ports_of_the_host():
    assert facts().has_port(8001)
    assert not facts().has_port(8000)
    on_host = facts(HostConfig__NetworkMode="host", NetworkSettings__Ports={})
    assert on_host.has_port(8000)
    other = facts(**PLAIN, HostConfig__NetworkMode="host", NetworkSettings__Ports={})
    assert not other.has_port(8000)  # its ports are not known


def test_a_published_port_counts_whatever_runs_inside():
    assert facts(**PLAIN).has_port(8001)


def test_without_a_model_the_container_gives_the_name():
    assert facts(Args=["serve"]).candidate("127.0.0.1").name == "vllm-a"


@pytest.mark.parametrize("health", ["", "none", "\x1b[31m"])
def test_no_health_check(health):
    assert facts(State__Health={"Status": health}).health is None


def test_text_is_cleaned():
    seen = facts(Name="/a\x1b[31mb\x07", Config__Image="i\x1b]0;t\x07m", State__Status="run\nning")
    assert (seen.name, seen.image, seen.state) == ("ab", "im", "run ning")


@pytest.mark.parametrize("moment", ["", "0001-01-01T00:00:00Z", "yesterday"])
def test_not_started(moment):
    assert facts(State__StartedAt=moment).started_at is None


def test_a_start_in_another_time_zone():
    assert facts(State__StartedAt="2026-11-23T16:40:56+01:00").started_at == (
        "2026-11-23T15:40:56+00:00"
    )


def bound(*addresses: str, port: str = "8001") -> list[dict[str, str]]:
    return [{"HostIp": address, "HostPort": port} for address in addresses]


@pytest.mark.parametrize(
    ("changes", "port", "addresses"),
    [
        ({}, 8001, ("127.0.0.1", "::1")),
        ({}, None, ("127.0.0.1", "::1")),  # its URL leads to a proxy: by the port inside
        ({"NetworkSettings__Ports": {"8000/tcp": bound("0.0.0.0", "::")}}, 8001, ("0.0.0.0", "::")),
        ({"NetworkSettings__Ports": {"8000/tcp": bound("")}}, 8001, ("0.0.0.0",)),
        (
            {
                "NetworkSettings__Ports": {
                    "8000/tcp": bound("127.0.0.1") + bound("192.0.2.7", port="9001"),
                    "9000/tcp": bound("0.0.0.0", port="9000"),
                }
            },
            9001,
            ("192.0.2.7",),
        ),
        (
            {
                "NetworkSettings__Ports": {
                    "8000/tcp": bound("127.0.0.1") + bound("192.0.2.7", "127.0.0.1", port="9001"),
                    "9000/tcp": bound("0.0.0.0", port="9000"),
                }
            },
            None,
            ("127.0.0.1", "192.0.2.7"),
        ),
        ({"NetworkSettings__Ports": {"8000/tcp": None}}, 8001, ()),
        ({"HostConfig__NetworkMode": "host"}, 8001, ()),
        ({"State__Status": "exited"}, 8001, ()),
        ({"State__Status": "paused"}, 8001, ("127.0.0.1", "::1")),
        ({"NetworkSettings__Ports": {"8000/tcp": bound("\x1b[2J1.2.3.4")}}, 8001, ("1.2.3.4",)),
    ],
)
def test_where_it_listens(changes, port, addresses):
    assert facts(**changes).listens_on(port) == addresses
