"""vLLM servers that run as plain processes of this machine, through psutil.

A server is a tree: the API server listens, its children ``VLLM::EngineCore`` and ``VLLM::Worker``
hold the GPU memory. So a home is the whole tree, from the topmost vLLM process down.

All methods block (a pass over /proc); one call at a time is carried out.
"""

import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sleeptui.adapters import command_lines, launch, process_logs, process_table
from sleeptui.adapters.command_lines import ServerCommand
from sleeptui.adapters.local_address import LocalAddresses, answers, reachable_at
from sleeptui.adapters.process_table import Listener, ProcessTable
from sleeptui.core.errors import ProcessError
from sleeptui.core.home import Home
from sleeptui.core.ports import Candidate
from sleeptui.core.settings import ServerSpec
from sleeptui.core.text import one_line

USUAL_PORTS = range(8000, 8011)
"""Looked at when nothing is configured: vLLM's default and its neighbours."""

_FORWARDERS = frozenset(
    {
        "autossh",
        "conmon",
        "docker-proxy",
        "haproxy",
        "kubectl",
        "nginx",
        "pasta",
        "rootlesskit",
        "rootlessport",
        "slirp4netns",
        "socat",
        "ssh",
        "sshd",
    }
)
"""Programs that listen for a server that is elsewhere: their memory is not the server's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundHomes:
    """Homes by server name, and what could not be seen."""

    homes: Mapping[str, Home] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    """Why the process of a server is not known though something listens, by server name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Root:
    """The topmost process of a server, as found before."""

    pid: int
    started_s: float
    listens_on: tuple[str, ...] = ()
    """Addresses of its sockets on the port; none while it starts: looked for again."""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class LocalProcesses:
    """Finds servers among the processes of this machine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._roots: dict[str, _Root] = {}
        """By URL: while the process lives, its port is not looked for again."""

    def homes(self, specs: Sequence[ServerSpec]) -> FoundHomes:
        """Where those servers run whose URL leads to this machine.

        A server that does not listen yet is found by the port on its command line.

        Raises:
            ProcessError: The processes or sockets cannot be read at all.
        """
        with self._lock:
            here = LocalAddresses.read()
            wanted = {
                spec.name: (spec.url, port)
                for spec in specs
                if (port := here.port_of(spec.url)) is not None
            }
            if not wanted:
                return FoundHomes()
            table = ProcessTable.read()
            unseen = self._find_roots(table, dict(wanted.values()))
            return FoundHomes(
                homes={
                    name: _home(table, self._roots[url])
                    for name, (url, _port) in wanted.items()
                    if url in self._roots
                },
                notes={name: unseen[url] for name, (url, _) in wanted.items() if url in unseen},
            )

    def candidates(self, *, known: Container[int] = ()) -> Sequence[Candidate]:
        """Servers of vLLM by their command lines, and whatever listens on the usual ports.

        Args:
            known: Processes that are found already, in containers; they are left out.

        Raises:
            ProcessError: The processes or sockets cannot be read at all.
        """
        with self._lock:
            table = ProcessTable.read()
            listeners = process_table.listeners()
            found = [
                _candidate(table, root, command, listeners)
                for root, command in _server_roots(table).items()
                if root not in known
            ]
            taken = {candidate.url for candidate in found}
            return [*found, *_usual_ports(listeners, taken)]

    def log_tail(self, home: Home, lines: int) -> Sequence[str]:
        """The last lines of the file that the server's output goes to, cleaned.

        Raises:
            ProcessError: Its output does not go to a file that can be read, and where it goes.
        """
        path = home.log_path
        if path is None:
            path = process_logs.log_path(_top(ProcessTable.read(), home))
        return process_logs.tail(path, lines)

    def _find_roots(self, table: ProcessTable, wanted: Mapping[str, int]) -> Mapping[str, str]:
        """Bring ``_roots`` up to date for these ports by URL; what could not be seen, by URL."""
        self._roots = {
            url: root
            for url, root in self._roots.items()
            if url in wanted and table.started_s(root.pid) == root.started_s
        }
        missing = {
            url: port
            for url, port in wanted.items()
            if url not in self._roots or not self._roots[url].listens_on
        }
        if not missing:
            return {}
        listeners = process_table.listeners()
        by_port = _servers_by_port(table)
        unseen: dict[str, str] = {}
        for url, port in missing.items():
            owner = _owner(table, url, port, listeners)
            pid = by_port.get(port) if owner.pid is None and not owner.forwards else owner.pid
            started_s = None if pid is None else table.started_s(pid)
            if pid is not None and started_s is not None:
                self._roots[url] = _Root(
                    pid=pid,
                    started_s=started_s,
                    listens_on=_bound(table.tree(pid), port, listeners),
                    command=_command(table, pid),
                    environment=launch.steering(table.environment(pid).items()),
                )
            elif owner.note:
                unseen[url] = owner.note
        return unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    """Who listens on a port."""

    pid: int | None = None
    forwards: bool = False
    note: str = ""
    """Why its process is not known, where something does listen."""


def _owner(table: ProcessTable, url: str, port: int, listeners: Iterable[Listener]) -> _Owner:
    """The topmost process of the server that listens on a port of this machine."""
    host = urlsplit(url).hostname or ""
    on_port = [listener for listener in listeners if listener.port == port]
    # First the socket that is bound to the very address; forwarders often share the port.
    on_port.sort(key=lambda listener: not answers(listener.address, host))
    known = [listener.pid for listener in on_port if listener.pid is not None]
    servers = [pid for pid in known if table.program(pid) not in _FORWARDERS]
    if servers:
        return _Owner(pid=_climb(table, servers[0]))
    if known:
        program = one_line(table.program(known[0]))
        note = (
            f"Port {port} is forwarded by {program} (process {known[0]}): its server is elsewhere"
        )
        return _Owner(forwards=True, note=note)
    if on_port:
        note = f"Port {port} belongs to another user's process: only root sees its memory"
        return _Owner(note=note)
    return _Owner()


def _bound(tree: Container[int], port: int, listeners: Iterable[Listener]) -> tuple[str, ...]:
    """Addresses that a server's port is bound to; without those of what forwards to it."""
    found = {
        listener.address
        for listener in listeners
        # The sockets of another user's process are listed without it.
        if listener.port == port and (listener.pid is None or listener.pid in tree)
    }
    return tuple(sorted(found))


def _climb(table: ProcessTable, pid: int) -> int:
    """The topmost process of the vLLM server that this process is a part of."""
    parent = table.parent(pid)
    while parent is not None and command_lines.is_part(table.argv(parent)):
        pid, parent = parent, table.parent(parent)
    return pid


def _top(table: ProcessTable, home: Home) -> int:
    for pid in home.pids:
        if table.parent(pid) not in home.pids and table.tree(pid):
            return pid
    raise ProcessError("The server's process has ended", hint="Its output can no longer be found.")


def _home(table: ProcessTable, root: _Root) -> Home:
    pids = table.tree(root.pid)
    try:
        path = process_logs.log_path(root.pid)
    except ProcessError:  # said when somebody asks for the log
        path = None
    return Home(
        pids=pids,
        started_at=table.started_at(root.pid),
        listens_on=root.listens_on,
        log_path=path,
        host_bytes=table.host_bytes(pids),
        command=root.command,
        environment=root.environment,
    )


def _command(table: ProcessTable, root: int) -> tuple[str, ...]:
    """What it was started with; nothing where a title has taken the place of that."""
    argv = table.argv(root)
    return () if command_lines.is_titled(argv) else launch.without_secrets(argv)


def _server_roots(table: ProcessTable) -> dict[int, ServerCommand | None]:
    """The topmost process of each vLLM server; its command, unless a title has replaced it."""
    roots: dict[int, ServerCommand | None] = {}
    for pid in table.pids:
        argv = table.argv(pid)
        command = command_lines.read_command(argv)
        if command is not None or command_lines.is_titled_server(argv):
            root = _climb(table, pid)
            roots[root] = roots.get(root) or command
    return roots


def _servers_by_port(table: ProcessTable) -> dict[int, int]:
    """Servers by the port of their command line, listening or not yet."""
    return {
        command.port: root
        for root, command in _server_roots(table).items()
        if command and not command.uds and process_table.sees_our_ports(root)
    }


def _candidate(
    table: ProcessTable, root: int, command: ServerCommand | None, listeners: Sequence[Listener]
) -> Candidate:
    origin = f"process {root}"
    name = (command.name if command else None) or origin
    if command and command.uds:
        problem = f"it listens on the Unix socket {command.uds}, not on a port"
        return Candidate(name=name, url=None, origin=origin, problem=problem)
    if not process_table.sees_our_ports(root):
        problem = "it runs in a container: its port cannot be seen from here"
        return Candidate(name=name, url=None, origin=origin, problem=problem)
    listener = _listener(table, root, command, listeners)
    if listener is None:
        problem = "it is starting: it does not listen yet"
        return Candidate(name=name, url=None, origin=origin, problem=problem)
    return Candidate(
        name=name, url=_url(listener, tls=command is not None and command.tls), origin=origin
    )


def _listener(
    table: ProcessTable, root: int, command: ServerCommand | None, listeners: Iterable[Listener]
) -> Listener | None:
    """The socket of its API; engine and workers listen too, for each other."""
    tree = table.tree(root)
    heads = {pid for pid in tree if command_lines.is_titled_server(table.argv(pid))} | {root}
    port = command.port if command else None
    own = sorted(
        (listener for listener in listeners if listener.pid in heads),
        key=lambda listener: listener.port,
    )
    for listener in own:
        if listener.port == port:
            return listener
    if own and (command is None or command.given_port is None):
        return own[0]
    # A socket of another user is listed without its process.
    return next((one for one in listeners if one.pid is None and one.port == port), None)


def _usual_ports(listeners: Iterable[Listener], taken: Container[str | None]) -> list[Candidate]:
    """Whatever listens on a usual port, once a port."""
    by_port: dict[int, str] = {}
    for listener in sorted(listeners, key=lambda one: ":" in one.address):
        if listener.port in USUAL_PORTS:
            by_port.setdefault(listener.port, _url(listener))
    return [
        Candidate(name=f"port-{port}", url=url, origin=f"port {port}")
        for port, url in sorted(by_port.items())
        if url not in taken
    ]


def _url(listener: Listener, *, tls: bool = False) -> str:
    scheme = "https" if tls else "http"
    return f"{scheme}://{reachable_at(listener.address)}:{listener.port}"
