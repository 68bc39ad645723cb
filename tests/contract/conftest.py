"""Fixtures of the contract suites."""

import pytest
from contract.backends import BACKENDS

from sleeptui.adapters.vllm import VllmClients
from sleeptui.core.settings import ServerSpec, Timeouts

PATIENT = Timeouts(connect_s=10, probe_s=30, sleep_s=60, wake_s=60, prompt_s=60)
"""A busy machine is no failure of a server."""


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.live) if name == "live" else name for name in BACKENDS
    ]
)
async def backend(request):
    async with BACKENDS[request.param]() as server:
        yield server


@pytest.fixture
async def clients():
    made = VllmClients()
    yield made
    await made.close()


@pytest.fixture
async def connect(clients):
    """Makes clients that are closed at the end of the test."""
    opened = []

    def connect(url: str, *, timeouts: Timeouts = PATIENT, **fields):
        client = clients(ServerSpec(name="qwen", url=url, timeouts=timeouts, **fields))
        opened.append(client)
        return client

    yield connect
    for client in opened:
        await client.close()


@pytest.fixture
def client(backend, connect):
    return connect(backend.url)
