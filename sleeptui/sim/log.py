"""The output of a simulated server, in the shape of vLLM's own log lines.

Follows ``*.sleep-lines.log`` of the 0.25.1 capture: process, level, date, place, text.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence

_LINES = 400


class ServerLog:
    """The last lines that a server wrote."""

    def __init__(self, *, api_pid: int, core_pid: int, wall_s: Callable[[], float]) -> None:
        self._api = f"(APIServer pid={api_pid})"
        self._core = f"(EngineCore pid={core_pid})"
        self._wall_s = wall_s
        self._lines: deque[str] = deque(maxlen=_LINES)

    def core(self, place: str, text: str, level: str = "INFO") -> None:
        """A line of the engine process."""
        self._lines.append(f"{self._core} {level} {self._stamp()} [{place}] {text}")

    def api(self, place: str, text: str, level: str = "INFO") -> None:
        """A line of the API process."""
        self._lines.append(f"{self._api} {level} {self._stamp()} [{place}] {text}")

    def access(self, client: str, request: str, status: str) -> None:
        """Uvicorn's access line.

        Only for POST: with a panel polling, the looks would push everything else out.
        """
        self._lines.append(f'{self._api} INFO:     {client} - "{request} HTTP/1.1" {status}')

    def tail(self, lines: int) -> Sequence[str]:
        """The last lines, oldest first."""
        return list(self._lines)[-lines:] if lines > 0 else []

    def _stamp(self) -> str:
        return time.strftime("%m-%d %H:%M:%S", time.gmtime(self._wall_s()))
