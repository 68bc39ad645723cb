"""From what a server starts: prepares it where that is asked, and finds out what it was."""

from collections.abc import Sequence
from dataclasses import replace

from sleeptui.core.cold import NOT_KNOWN, ColdKind, ColdStart, Residency, prove
from sleeptui.core.model import ServerView
from sleeptui.core.runtime import Running, WeightFiles
from sleeptui.core.startup_log import read_phases
from sleeptui.services.health import POLL_S, Health

_UNSEEN = "The page cache is not looked at here"


class Origin:
    """The page cache and the compile caches that a start finds."""

    def __init__(
        self, view: ServerView, weights: WeightFiles | None, asked: ColdKind | None
    ) -> None:
        """Nothing is looked at yet.

        Args:
            view: The server, before its start.
            weights: Its weights as files of this machine; None: nothing is known of them.
            asked: What is prepared; None: nothing.
        """
        self._spec = view.spec
        self._command = view.spec.command or (view.home.command if view.home else ())
        self._weights = weights
        self._asked = asked
        self._resident = Residency(problem=_UNSEEN)
        self._cache = NOT_KNOWN
        self._read_bytes: int | None = None

    async def prepare(self) -> str:
        """Bring about what was asked, and look what is there.

        Returns:
            What could not be done, in one sentence; empty: all was, or nothing was asked.
        """
        weights, spec, command = self._weights, self._spec, self._command
        if weights is None:
            return ""
        problem = ""
        match self._asked:
            case ColdKind.CACHED:
                self._resident = await weights.warm(spec, command)
            case ColdKind.DISK | ColdKind.VIRGIN:
                self._resident = await weights.evict(spec, command)
            case _:
                self._resident = await weights.residency(spec, command)
        if self._asked is ColdKind.VIRGIN:
            problem = await weights.clear_compile_cache(spec)
        self._cache = await weights.compile_cache(spec)
        return problem

    async def count(self, running: Running) -> None:
        """Take in what its processes have read so far."""
        if self._weights is not None and running.pids:
            self._read_bytes = await self._weights.read_bytes(sorted(running.pids))

    def told(
        self, health: Health, *, runtime_s: float | None, lines: Sequence[str] = ()
    ) -> ColdStart:
        """What kind of start it was, and how that is known.

        Args:
            health: How it came to answer.
            runtime_s: From the begin until the runtime's own stamp; None: it has none.
            lines: Of its log.
        """
        return replace(
            prove(
                self._resident,
                read_bytes=self._read_bytes,
                compile_cache=self._cache,
                asked=self._asked,
            ),
            last_bad_s=health.last_bad_s,
            poll_s=POLL_S,
            container_started_s=runtime_s,
            phases=read_phases(lines),
        )
