"""Folds the lines of a journal into a session: all that exports, pages and comparisons need.

One way through, whatever the length: of samples only curves are kept, and of those only changes.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sleeptui.core.environment import Machine
from sleeptui.core.errors import JournalError
from sleeptui.core.operation import Kind
from sleeptui.core.session import (
    CanarySeen,
    ImportedSeries,
    Moment,
    ServerSeen,
    Session,
    StateSpan,
)
from sleeptui.recorder import lines
from sleeptui.recorder.fold_attempts import Drafts, answered_sleeps, is_sent
from sleeptui.recorder.fold_bench import BenchFold
from sleeptui.recorder.fold_curves import GpuFold, Holders, Steps, all_gpus, used_points
from sleeptui.recorder.fold_requests import Requests
from sleeptui.recorder.fold_server import ServerFold
from sleeptui.recorder.line import Line, seconds
from sleeptui.recorder.reader import Reading

_ASLEEP = "asleep"


def read(journal: Path) -> Session:
    """The session of a journal, from its file alone.

    Raises:
        JournalError: It cannot be read, and why.
    """
    reading = Reading(journal)
    session = fold(reading)
    return replace(
        session,
        partial=reading.partial or session.partial,
        lines=reading.lines,
        journal_sha256=reading.sha256,
    )


def fold(every: Iterable[Line]) -> Session:
    """The session that lines tell of, in their order.

    Raises:
        JournalError: There is no header, or a number is beyond reason.
    """
    folding = _Folding()
    handlers, count = folding.handlers, 0
    try:
        for line in every:
            count += 1
            handler = handlers.get(type(line))
            if handler is not None:
                handler(line)
            folding.ended_ns = max(folding.ended_ns, line.t)
        return folding.session(count)
    except OverflowError as error:
        raise JournalError(f"line {count} has a number that is beyond reason") from error


class _Folding:
    """All of a session in the making."""

    def __init__(self) -> None:
        self.header: lines.Header | None = None
        self.ended_ns = 0
        self._looks = 0
        self._env_id, self._machine = "", Machine()
        self._servers: dict[str, ServerFold] = {}
        self._gpus: dict[int, GpuFold] = {}
        self._holders = Holders()
        self._drafts, self._requests = Drafts(), Requests()
        self._bench = BenchFold()
        self._states: dict[str, list[StateSpan]] = defaultdict(list)
        self._order: list[tuple[str, int]] = []
        self._canaries: list[CanarySeen] = []
        self._moments: list[Moment] = []
        self._imported: list[ImportedSeries] = []
        self._host, self._lag = Steps(), Steps()
        self._dropped: dict[str, int] = {}
        self.handlers: dict[type, Callable[[Any], None]] = {
            lines.Prom: self._prom,
            lines.Gpu: self._gpu,
            lines.GpuSlow: self._gpu_slow,
            lines.Host: lambda line: self._host.put(line.t, line.avail_b),
            lines.Lag: lambda line: self._lag.put(line.t, seconds(line.max_ns)),
            lines.Header: self._began,
            lines.Env: self._env,
            lines.Server: self._server_line,
            lines.Facts: self._facts,
            lines.HomeLine: self._home,
            lines.Recalled: lambda line: self._server(line.s).learned.append(line.learned),
            lines.OpBegin: self._op_begin,
            lines.OpEnd: self._op_end,
            lines.StateLine: self._state,
            lines.ReqBegin: lambda line: self._requests.begin(line, phase=self._bench.now),
            lines.ReqMark: self._requests.mark,
            lines.ReqEnd: self._requests.end,
            lines.Canary: self._canary,
            lines.Note: self._note,
            lines.Mark: self._mark,
            lines.Anomaly: self._anomaly,
            lines.Series: self._series,
            lines.PlanLine: self._bench.planned,
            lines.PhaseLine: self._bench.begin,
            lines.PhaseEndLine: self._bench.end,
            lines.CountsLine: self._bench.counted,
            lines.VerdictLine: self._bench.judged,
            lines.End: self._end,
        }

    def _server(self, name: str) -> ServerFold:
        found = self._servers.get(name)
        if found is None:
            found = self._servers[name] = ServerFold(name)
        return found

    # --- samples -------------------------------------------------------------------------------

    def _prom(self, line: lines.Prom) -> None:
        self._looks += line.looks
        self._server(line.s).look(line)

    def _gpu(self, line: lines.Gpu) -> None:
        used_points(self._gpus, line.t, line.gpus)
        self._holders.read(line)

    def _gpu_slow(self, line: lines.GpuSlow) -> None:
        for card in line.gpus:
            gpu = self._gpus.get(card.i)
            if gpu is None:
                gpu = self._gpus[card.i] = GpuFold(card.i)
            gpu.slow(line.t, card)

    # --- the session ---------------------------------------------------------------------------

    def _began(self, line: lines.Header) -> None:
        if self.header is not None:
            return
        self.header, self.ended_ns = line, line.t
        for target in line.targets:
            self._server(target.name).url = target.url

    def _env(self, line: lines.Env) -> None:
        self._env_id, self._machine = line.env_id, line.machine

    def _server_line(self, line: lines.Server) -> None:
        if line.gone:
            self._leave(line.s, line.t)
            return
        server = self._server(line.s)
        if line.target is not None:
            server.url = line.target.url

    def _facts(self, line: lines.Facts) -> None:
        self._server(line.s).facts = line.facts

    def _home(self, line: lines.HomeLine) -> None:
        server = self._server(line.s)
        server.home = line.home or server.home
        self._holders.lives(line.s, line.home)

    def _end(self, line: lines.End) -> None:
        self._dropped = dict(line.dropped)

    def _series(self, line: lines.Series) -> None:
        self._imported.append(
            ImportedSeries(
                name=line.name,
                run=line.run,
                unit=line.unit,
                values=line.values,
                stats=line.stats,
                note=line.note,
            )
        )

    # --- what was done -------------------------------------------------------------------------

    def _op_begin(self, line: lines.OpBegin) -> None:
        server = self._server(line.s)
        if line.pre is not None and line.pre.process_start_s is not None:
            server.began(line.pre.process_start_s)
        if line.name == Kind.START:
            server.started()
        self._drafts.begin(
            line,
            life=server.life,
            model=server.model,
            slept_before=server.slept,
            phase=self._bench.now,
        )

    def _op_end(self, line: lines.OpEnd) -> None:
        server = self._server(line.s)
        draft = self._drafts.end(line, life=server.life, model=server.model)
        if line.name == Kind.START and not is_sent(line):
            server.was_not_started()
            draft.life = server.life

    def _state(self, line: lines.StateLine) -> None:
        self._server(line.s).became(line)
        self._leave(line.s, line.t)
        spans = self._states[line.s]
        self._order.append((line.s, len(spans)))
        spans.append(
            StateSpan(
                server=line.s,
                state=line.state,
                level=line.level,
                check=line.check,
                by=line.by,
                reason=line.reason,
                began_ns=line.t,
                ended_ns=-1,
            )
        )

    def _leave(self, server: str, at_ns: int) -> None:
        """The last state of a server is over."""
        spans = self._states[server]
        if spans and spans[-1].ended_ns < 0:
            spans[-1] = replace(spans[-1], ended_ns=max(at_ns, spans[-1].began_ns))

    def _canary(self, line: lines.Canary) -> None:
        if not line.recalled:
            self._canaries.append(
                CanarySeen(
                    at_ns=line.t, server=line.s, operation=line.op, verification=line.verification
                )
            )

    def _note(self, line: lines.Note) -> None:
        self._moments.append(
            Moment(at_ns=line.t, kind="note", text=line.text, server=line.s, severity=line.severity)
        )

    def _mark(self, line: lines.Mark) -> None:
        self._moments.append(Moment(at_ns=line.t, kind="mark", text=line.text))

    def _anomaly(self, line: lines.Anomaly) -> None:
        self._moments.append(
            Moment(
                at_ns=line.t,
                kind="anomaly",
                text=line.detail,
                code=line.code,
                severity="warning",
            )
        )

    # --- the end -------------------------------------------------------------------------------

    def session(self, count: int) -> Session:
        """All of it."""
        header = self.header
        if header is None:
            raise JournalError("the journal has no header", hint="its first line tells what it is")
        for name in self._states:
            self._leave(name, self.ended_ns)
        states = tuple(self._states[name][index] for name, index in self._order)
        models = {name: one.model or name for name, one in self._servers.items()}
        earlier: dict[tuple[str, int], int] = {}
        for server in self._servers.values():
            earlier |= server.earlier()
        attempts = self._drafts.attempts(models, earlier)
        return Session(
            run_id=header.run_id,
            version=header.v,
            tool=header.tool,
            source=header.source,
            demo=header.demo,
            has_text=header.text,
            began_ns=header.t,
            ended_ns=self.ended_ns,
            wall_ns=header.wall_ns,
            lines=count,
            dropped=self._dropped,
            looks=self._looks,
            env_id=self._env_id,
            machine=self._machine,
            settings=header.settings,
            plan=header.plan,
            seed=header.seed,
            servers=tuple(map(self._seen, self._servers.values())),
            gpus=all_gpus(self._gpus, self._machine.cards),
            attempts=attempts,
            requests=self._requests.all(_fallings(answered_sleeps(attempts), states)),
            canaries=tuple(self._canaries),
            states=states,
            moments=tuple(self._moments),
            host_available=self._host.ended(),
            lag_s=self._lag.ended(),
            imported=tuple(self._imported),
            partial=self._bench.cut_short,
            bench=self._bench.plan,
            phases=self._bench.phases(),
            counts=self._bench.counts,
            verdicts=self._bench.verdicts,
        )

    def _seen(self, server: ServerFold) -> ServerSeen:
        memory = self._holders.curves.get(server.name) or Steps()
        return ServerSeen(
            name=server.name,
            url=server.url,
            facts=server.facts,
            home=server.home,
            lives=server.life,
            gpus=self._holders.on_gpus(server.name),
            memory=memory.ended(),
            running=server.running.ended(),
            waiting=server.waiting.ended(),
        )


def _fallings(answered: dict[str, list[int]], states: Sequence[StateSpan]) -> dict[str, list[int]]:
    """When each server fell asleep: by our sleeps, and as its states tell."""
    for span in states:
        if span.state == _ASLEEP:
            answered.setdefault(span.server, []).append(span.began_ns)
    return {server: sorted(moments) for server, moments in answered.items()}
