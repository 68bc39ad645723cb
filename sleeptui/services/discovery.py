"""Finds the fleet: what is configured, else what answers like vLLM on this machine."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sleeptui.core.errors import BadReply, EngineError, Refused, SleeptuiError, Unreachable
from sleeptui.core.events import Discovered
from sleeptui.core.ports import Candidate, Clock, EngineClients, HomeFinder
from sleeptui.core.settings import ServerSpec, Settings
from sleeptui.core.text import one_line
from sleeptui.services.bus import Bus
from sleeptui.services.supervisor import Supervisor

LONGEST_RETRY_S = 60.0
"""Something that is no vLLM is asked again after so long at most: it may become one."""
_NAME_LENGTH = 40
_THIS_MACHINE = frozenset({"localhost", "0.0.0.0", "::1", "::"})  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Something that was asked and is no server that can be watched."""

    note: str
    gap_s: float
    again_s: float


def address(url: str) -> str:
    """Host and port of a URL; the names of this machine are one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{'127.0.0.1' if host in _THIS_MACHINE else host}:{port}"


class Discovery:
    """Adds servers to the supervisor. What has been added stays: a server that is gone is DOWN."""

    def __init__(
        self,
        *,
        servers: Sequence[ServerSpec],
        settings: Settings,
        bus: Bus,
        supervisor: Supervisor,
        clients: EngineClients,
        finder: HomeFinder,
        clock: Clock,
    ) -> None:
        self._servers = servers
        self._settings = settings
        self._bus = bus
        self._supervisor = supervisor
        self._clients = clients
        self._finder = finder
        self._clock = clock
        self._found: dict[str, str] = {}
        self._refused: dict[str, _Refusal] = {}
        self._told: tuple[str, ...] | None = None

    async def run(self) -> None:
        """Add the configured servers, and end; with none, look around until cancelled."""
        for spec in self._servers:
            self._supervisor.add(spec)
        if self._servers:
            self._tell(())
            return
        while True:
            await self.look_around()
            await self._clock.sleep(self._settings.sampling.discovery_s)

    async def look_around(self) -> None:
        """Ask everything that looks like vLLM, add what is, and say what was found and why not."""
        try:
            candidates = await self._finder.candidates()
        except SleeptuiError as error:
            self._tell((*self._found.values(), one_line(str(error))))
            return
        notes = [one_line(note) for note in self._finder.notes()]
        asked: dict[str, asyncio.Task[str | None]] = {}
        async with asyncio.TaskGroup() as group:
            for candidate in candidates:
                if candidate.url is None or candidate.problem is not None:
                    notes.append(_cannot(candidate))
                    continue
                key = address(candidate.url)
                if key not in asked and key not in self._found:
                    asked[key] = group.create_task(self._ask(key, candidate, candidate.url))
        notes.extend(note for task in asked.values() if (note := task.result()))
        self._tell((*self._found.values(), *notes))

    async def _ask(self, key: str, candidate: Candidate, url: str) -> str | None:
        """Add the candidate if it is a vLLM server; else say why not."""
        before = self._refused.get(key)
        if before is not None and self._clock.now_s() < before.again_s:
            return before.note
        try:
            names = await self._served_names(candidate, url)
        except (BadReply, Refused) as error:
            return self._refuse(key, before, f"{candidate.origin} at {url}: {error}")
        except EngineError as error:
            if candidate.container is None or not isinstance(error, Unreachable):
                return one_line(f"{candidate.origin} at {url}: {error}; it is asked again")
            # A container that runs vLLM and does not listen yet is a server that starts.
            names = (candidate.name,)
        self._refused.pop(key, None)
        spec = ServerSpec(
            name=self._unique(names[0] if names else candidate.name, url),
            url=url.rstrip("/"),
            container=candidate.container,
        )
        self._found[key] = one_line(f"{candidate.origin} at {url}: {spec.name}")
        self._supervisor.add(spec)
        return None

    async def _served_names(self, candidate: Candidate, url: str) -> tuple[str, ...]:
        client = self._clients(
            ServerSpec(name=one_line(candidate.name, _NAME_LENGTH), url=url.rstrip("/"))
        )
        try:
            return (await client.facts()).models
        finally:
            await client.close()

    def _refuse(self, key: str, before: _Refusal | None, text: str) -> str:
        gap_s = self._settings.sampling.discovery_s if before is None else before.gap_s * 2
        gap_s = min(gap_s, LONGEST_RETRY_S)
        refusal = _Refusal(note=one_line(text), gap_s=gap_s, again_s=self._clock.now_s() + gap_s)
        self._refused[key] = refusal
        return refusal.note

    def _unique(self, wanted: str, url: str) -> str:
        taken = {spec.name for spec in self._supervisor.specs}
        name = one_line(wanted, _NAME_LENGTH) or "server"
        if name not in taken:
            return name
        name = f"{name}-{urlsplit(url).port or 80}"
        number, unique = 2, name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        return unique

    def _tell(self, notes: tuple[str, ...]) -> None:
        if notes == self._told:
            return
        self._told = notes
        self._bus.publish(Discovered(at_s=self._clock.now_s(), notes=notes))


def _cannot(candidate: Candidate) -> str:
    reason = candidate.problem or "it has no port that can be reached from here"
    return one_line(f"{candidate.origin}: {reason}")
