"""Which runtime a server has."""

from sleeptui.adapters.clock import SystemClock
from sleeptui.adapters.docker_runtime import DockerRuntime
from sleeptui.adapters.process_runtime import ProcessRuntime
from sleeptui.adapters.runtimes import LocalRuntimes
from sleeptui.core.settings import ServerSpec


def spec(**fields: object) -> ServerSpec:
    return ServerSpec(name="a", url="http://127.0.0.1:8001", **fields)


async def test_of_each_server(tmp_path):
    runtimes = LocalRuntimes(SystemClock(), base=tmp_path)
    assert isinstance(runtimes.of(spec(container="a")), DockerRuntime)
    assert isinstance(runtimes.of(spec(compose="a", command=("x",))), DockerRuntime)
    assert isinstance(runtimes.of(spec(command=("x",))), ProcessRuntime)
    assert runtimes.of(spec()) is None
    await runtimes.close()
