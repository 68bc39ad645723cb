"""Records what happens: opens and closes journals, and measures what only they want to know."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sleeptui.core.errors import ExportError, JournalError, NotAllowed
from sleeptui.core.events import (
    Described,
    LagMeasured,
    Marked,
    Noted,
    RecordingBegan,
    RecordingEnded,
    RecordingRefused,
    RecordingTroubled,
)
from sleeptui.core.fleet import FleetStore
from sleeptui.core.ports import Clock, Journal, Journals, Reporter, Surveyor
from sleeptui.core.recording import place
from sleeptui.core.settings import Settings
from sleeptui.services.bus import Bus
from sleeptui.services.deadline import end, within
from sleeptui.services.gpus import GpuSampler
from sleeptui.services.lag import LagMeter
from sleeptui.services.prologue import Unfinished, prologue

CHECK_S = 1.0
"""How often the journal is asked for its problem, and the lag of the loop is noted."""
CLOSE_LIMIT_S = 10.0
"""How long the end waits for a disk that is stuck; its journal then has no end, and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recording that has ended."""

    path: str
    problem: str = ""
    """Why it is not whole; empty: it is."""
    has_report: bool = False


class Recordings:
    """At most one recording at a time.

    The journal is opened and closed off the loop. It hears every event after the fleet store, so
    that it can look at the picture that the event has made.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        bus: Bus,
        store: FleetStore,
        gpus: GpuSampler,
        lag: LagMeter,
        clock: Clock,
        journals: Journals | None = None,
        surveyor: Surveyor | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        """Nothing is recorded yet; without ``journals`` nothing ever is."""
        self._settings = settings
        self._bus = bus
        self._store = store
        self._gpus = gpus
        self._lag = lag
        self._clock = clock
        self._journals = journals
        self._surveyor = surveyor
        self._reporter = reporter if settings.recording.report else None
        self._reports: list[asyncio.Task[None]] = []
        self.last: Recorded | None = None
        """The newest recording that has ended."""
        self._unfinished = Unfinished()
        self._group: asyncio.TaskGroup | None = None
        self._journal: Journal | None = None
        self._measuring = ExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._acting: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._marks = 0
        self._is_closed = False
        self._is_aborted = False
        bus.subscribe(self._unfinished.follow)

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Recordings can be started from now on; their tasks belong to ``group``."""
        self._group = group

    @property
    def is_running(self) -> bool:
        """Whether what happens is written down."""
        return self._journal is not None

    @property
    def path(self) -> str | None:
        """The folder of the recording that runs."""
        return self._journal.path if self._journal is not None else None

    def toggle(self) -> None:
        """Begin a recording, or end the one that runs; a second key press waits for the first.

        A recording that cannot begin is an event.

        Raises:
            NotAllowed: The last change still goes on.
        """
        if self._group is None or (self._acting is not None and not self._acting.done()):
            raise NotAllowed("the recording is about to begin or to end", hint="wait a moment")
        work = self.stop() if self.is_running else self.start_or_say()
        self._acting = self._group.create_task(work, name="recording")

    async def start_or_say(self) -> None:
        """Begin a recording; why it cannot is an event."""
        try:
            await self.start()
        except JournalError as error:
            now_s = self._clock.now_s()
            self._bus.publish(RecordingRefused(at_s=now_s, problem=error.message, hint=error.hint))

    async def start(self) -> None:
        """Begin a recording, unless one runs or the services end.

        Raises:
            JournalError: The session cannot be written there, and why.
        """
        async with self._turn:
            group, journals = self._group, self._journals
            if group is None or journals is None or self._journal or self._is_closed:
                return
            journal = await self._opened(journals)
            if self._is_closed:
                await journal.close(aborted=True)
                return
            self._follow(journal, group)

    async def stop(self) -> None:
        """End the recording that runs: from then on nothing is written, then the end is."""
        async with self._turn:
            journal, self._journal = self._journal, None
            if journal is None:
                return
            for task in self._tasks:
                await end(task)
            self._measuring.close()
            try:
                closing = journal.close(aborted=self._is_aborted)
                await within(self._clock, CLOSE_LIMIT_S, closing)
                problem = journal.problem
            except TimeoutError:
                problem = "the disk did not take the end of the journal in time"
            self.last = Recorded(path=journal.path, problem=problem)
            self._bus.publish(
                RecordingEnded(at_s=self._clock.now_s(), path=journal.path, problem=problem)
            )
            self._begin_report(self.last)

    def mark(self, text: str = "") -> None:
        """Mark this moment.

        Args:
            text: What it is; if there is none, its number.

        Raises:
            NotAllowed: Nothing is recorded.
        """
        if self._journal is None:
            raise NotAllowed("nothing is recorded that could be marked", hint="r begins to")
        self._marks += 1
        self._bus.publish(Marked(at_s=self._clock.now_s(), text=text or f"mark {self._marks}"))

    async def written(self) -> None:
        """Wait until what was published is with the operating system; bounded by the journal."""
        if self._journal is not None:
            await self._journal.written()

    def abort(self) -> None:
        """The end that will come is none that the user has ordered: the journal says so."""
        self._is_aborted = True

    async def end(self) -> None:
        """End for good, as the last of the services; a report that is being made is given up."""
        self._is_closed = True
        if self._acting is not None:
            await asyncio.wait({self._acting})
        await self.stop()
        for task in self._reports:
            await end(task)

    def _begin_report(self, recorded: Recorded) -> None:
        """Make the report, unless something made the recording end."""
        if self._reporter is None or self._group is None or self._is_aborted:
            return
        work = self._report(self._reporter, recorded)
        self._reports.append(self._group.create_task(work, name="report"))

    async def _report(self, reporter: Reporter, recorded: Recorded) -> None:
        try:
            await reporter.report(recorded.path)
        except ExportError as error:
            severity, text = "warning", f"no report of {place(recorded.path)}: {error}"
        else:
            severity, text = "good", f"report of {place(recorded.path)}"
            if self.last is recorded:
                self.last = replace(recorded, has_report=True)
        self._bus.publish(
            Noted(at_s=self._clock.now_s(), server=None, severity=severity, text=text)
        )

    async def _opened(self, journals: Journals) -> Journal:
        """A new journal. Cancelling waits for it, and closes it: nobody else could."""
        opening = asyncio.ensure_future(journals.open(self._store.server))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})
            if not opening.cancelled() and opening.exception() is None:
                await opening.result().close(aborted=True)
            raise

    def _follow(self, journal: Journal, group: asyncio.TaskGroup) -> None:
        """From the first line on: in one step, so that no event comes between."""
        now_s = self._clock.now_s()
        for event in (*prologue(self._store.view, now_s), *self._unfinished.events(now_s)):
            journal.heard(event)
        self._journal, self._marks = journal, 0
        self._measuring.callback(self._bus.subscribe(journal.heard))
        self._bus.publish(RecordingBegan(at_s=now_s, path=journal.path))
        interval_s = self._settings.recording.gpu_interval_s
        self._measuring.enter_context(self._gpus.at_least_every(interval_s))
        self._tasks = [group.create_task(self._watch(journal), name="watch the journal")]
        if self._surveyor is not None:
            work = self._describe(self._surveyor)
            self._tasks.append(group.create_task(work, name="describe the machine"))

    async def _watch(self, journal: Journal) -> None:
        """Tell what troubles the journal, and how late the loop was, each second."""
        told = ""
        with self._lag.measuring() as lag:
            while True:
                await self._clock.sleep(CHECK_S)
                now_s = self._clock.now_s()
                self._bus.publish(LagMeasured(at_s=now_s, worst_s=lag.worst_s))
                lag.worst_s = 0.0
                if journal.problem != told:
                    told = journal.problem
                    self._bus.publish(RecordingTroubled(at_s=now_s, problem=told))

    async def _describe(self, surveyor: Surveyor) -> None:
        machine = await surveyor.describe()
        self._bus.publish(Described(at_s=self._clock.now_s(), machine=machine))
