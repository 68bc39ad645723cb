"""Benchmarks of the panel, imported when the first is asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptui.core.events import Event
from sleeptui.core.ports import Clock
from sleeptui.core.settings import ServerSpec, Settings

if TYPE_CHECKING:
    # No first frame shows a benchmark, and their classes take long to make.
    from sleeptui.core.plan import Plan
    from sleeptui.core.runtime import BenchChild


class LateBenches:
    """Implements the port Benches: they run as ``sleeptui bench``, on what this panel watches."""

    def __init__(
        self, settings: Settings, clock: Clock, announced: Callable[[], str | None]
    ) -> None:
        """Nothing is started yet.

        Args:
            settings: Of this panel.
            clock: For the steps in which a journal is followed.
            announced: Where the simulated fleet of this panel is, if it has one.
        """
        self._settings = settings
        self._clock = clock
        self._announced = announced

    def plans(self) -> "Sequence[Plan]":
        """The plans that come with the program."""
        from sleeptui.config_plan import BUILT_IN, read_plan  # noqa: PLC0415

        return tuple(read_plan(name) for name in BUILT_IN)

    async def start(self, plan: str, servers: Sequence[ServerSpec]) -> "BenchChild":
        """Run a plan on these servers; it goes on when this program ends.

        Raises:
            ProcessError: It cannot be started, and why.
        """
        from sleeptui.adapters.bench_process import started  # noqa: PLC0415
        from sleeptui.sim.attached import ADDRESS_ENV  # noqa: PLC0415

        address = self._announced()
        fleet = await asyncio.to_thread(self._fleet, servers)
        return await started(
            ["bench", plan, "--yes", "--announce", *fleet, *self._folder()],
            {} if address is None else {ADDRESS_ENV: address},
            is_bound=address is not None,
        )

    def follow(self, session: str) -> AsyncIterator[Sequence[Event]]:
        """What is new in a journal, again and again, until its end has come."""
        from sleeptui.recorder.following import JournalFollower  # noqa: PLC0415

        return JournalFollower(self._clock).follow(session)

    def _fleet(self, servers: Sequence[ServerSpec]) -> list[str]:
        """The options that name the servers: the file of this panel, and those not in it."""
        demo, source = self._settings.demo, Path(self._settings.source)
        if demo is not None:
            return [f"--demo={demo}"]
        options, known = [], frozenset[str]()
        if source.is_file():
            from sleeptui.config import read_file  # noqa: PLC0415

            options = [f"--fleet={source}"]
            known = frozenset(one.name for one in read_file(source).servers)
        options += [f"--server={one.name}={one.url}" for one in servers if one.name not in known]
        return options

    def _folder(self) -> list[str]:
        folder = self._settings.recording.folder
        return [] if folder is None else [f"--to={folder}"]
