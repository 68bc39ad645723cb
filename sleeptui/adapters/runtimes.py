"""Which runtime a server of the configuration has; core.runtime.Runtimes."""

from pathlib import Path

from sleeptui.adapters.docker_runtime import DockerRuntime
from sleeptui.adapters.process_runtime import ProcessRuntime
from sleeptui.core.ports import Clock
from sleeptui.core.runtime import Runtime
from sleeptui.core.settings import ServerSpec


class LocalRuntimes:
    """Containers of the Docker engine, and processes of this machine."""

    def __init__(
        self,
        clock: Clock,
        *,
        base: Path,
        docker: DockerRuntime | None = None,
        processes: ProcessRuntime | None = None,
    ) -> None:
        """Nothing is connected or made before the first order.

        Args:
            clock: For pauses.
            base: What a relative folder in the configuration is relative to.
            docker: None: the engine that the environment names.
            processes: None: with the user's own folder for their outputs.
        """
        self._docker = docker or DockerRuntime(clock)
        self._processes = processes or ProcessRuntime(clock, base=base)

    def of(self, spec: ServerSpec) -> Runtime | None:
        """Its container, else its command; None: it is started by others."""
        if spec.container or spec.compose:
            return self._docker
        return self._processes if spec.command else None

    async def close(self) -> None:
        """Let go of connections. What was started goes on."""
        await self._docker.close()
        self._processes.close()
