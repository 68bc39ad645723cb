"""Recorded sessions in memory, for tests of the sessions page."""

import threading
from collections.abc import Sequence

from sleeptui.core.errors import ExportError, JournalError, SleeptuiError
from sleeptui.core.session import Session, SessionSummary

DAY_NS = 86_400 * 10**9


def summary(session: Session, number: int = 0, **fields) -> SessionSummary:
    """The line of the list; each is a day older than the one before it."""
    values = {
        "run_id": session.run_id,
        "path": f"/sessions/{session.run_id}",
        "wall_ns": session.wall_ns - number * DAY_NS,
        "duration_s": session.duration_s,
        "size_bytes": 460_549,
        "partial": session.partial,
        "demo": session.demo,
        "servers": tuple(server.name for server in session.servers),
        "operations": 62,
    }
    return SessionSummary(**{**values, **fields})


class FakeArchive:
    """A test may hold the reading, or make it fail."""

    def __init__(self, *sessions: Session) -> None:
        self.content = {f"/sessions/{one.run_id}": one for one in sessions}
        self.found = [summary(one, number) for number, one in enumerate(sessions)]
        self.listed = 0
        self.read_names: list[str] = []
        self.exported: list[str] = []
        self.may_read = threading.Event()
        self.may_read.set()
        self.problem: SleeptuiError | None = None

    def sessions(self) -> Sequence[SessionSummary]:
        self.listed += 1
        if isinstance(self.problem, JournalError):
            raise self.problem
        return list(self.found)

    def read(self, name: str) -> Session:
        self.read_names.append(name)
        assert self.may_read.wait(30)
        if name not in self.content:
            raise JournalError("its line 3 cannot be understood", hint="it is damaged")
        return self.content[name]

    def export(self, name: str) -> Sequence[str]:
        if isinstance(self.problem, ExportError):
            raise self.problem
        self.exported.append(name)
        return ["report.md", "results.json"]
