"""The output of a simulated server, in the shape of vLLM's own log lines.

Follows ``*.sleep-lines.log`` of the 0.25.1 capture: process, level, date, place, text.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence

_LINES = 400


class ServerLog:
    """The last lines that a server wrote."""

    def __init__(
        self,
        *,
        api_pid: int,
        core_pid: int,
        wall_s: Callable[[], float],
        sink: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is written yet.

        Args:
            api_pid: Of the process that listens.
            core_pid: Of the process with the engine.
            wall_s: Seconds since the epoch.
            sink: Takes each line as well: the output of a server that runs on its own.
        """
        self._wall_s = wall_s
        self._sink = sink
        self._lines: deque[str] = deque(maxlen=_LINES)
        self.belongs_to(api_pid, core_pid)

    def belongs_to(self, api_pid: int, core_pid: int) -> None:
        """Other processes write from now on: the server was started anew, and so was its log."""
        self._lines.clear()
        self._api = f"(APIServer pid={api_pid})"
        self._core = f"(EngineCore pid={core_pid})"

    def core(self, place: str, text: str, level: str = "INFO") -> None:
        """A line of the engine process."""
        self._write(f"{self._core} {level} {self._stamp()} [{place}] {text}")

    def api(self, place: str, text: str, level: str = "INFO") -> None:
        """A line of the API process."""
        self._write(f"{self._api} {level} {self._stamp()} [{place}] {text}")

    def web(self, text: str) -> None:
        """A line of the web server in the API process."""
        self._write(f"{self._api} INFO:     {text}")

    def access(self, client: str, request: str, status: str) -> None:
        """Uvicorn's access line.

        Only for POST: with a panel polling, the looks would push everything else out.
        """
        self.web(f'{client} - "{request} HTTP/1.1" {status}')

    def tail(self, lines: int) -> Sequence[str]:
        """The last lines, oldest first."""
        return list(self._lines)[-lines:] if lines > 0 else []

    def _write(self, line: str) -> None:
        self._lines.append(line)
        if self._sink is not None:
            self._sink(line)

    def _stamp(self) -> str:
        return time.strftime("%m-%d %H:%M:%S", time.gmtime(self._wall_s()))
