"""How a line of a document is run in a test: what stands around it, what is shortened, its effect.

A line is typed as it stands; what must differ here (a folder of the user, a duration, a plan) is
said as a swap, in the open.
"""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from support.desk import Desk
from support.documents import README, ROOT, blocks
from support.journals import folder as session_folder
from support.processes import free_port, listens, wait_until
from support.terminal import Terminal

MEASURED = (ROOT / "screenshots" / "session-h200" / "journal.jsonl").read_bytes()
RUNTIME, FLEET = sorted(
    (block for block in blocks(README, "toml") if "[[server]]" in block),
    key=lambda block: block.count("[[server]]"),
)
PLAN = next(block for block in blocks(README, "toml") if block.startswith("version"))
SHORTER = (
    *(("blocks = 6", "blocks = 0"), ("cycles = 4", "cycles = 1"), ("[1, 2]", "[1]")),
    *(('cold = ["cold_cached"] ', ""), ("cycles = 59", "cycles = 1")),
)
"""What makes the plan of the README one of seconds: no restart, one cycle of each."""

Around = Callable[[Desk], AbstractContextManager[Any]]


def nothing(_desk: Desk) -> AbstractContextManager[None]:
    """The line needs nothing."""
    return nullcontext()


def fleet(desk: Desk) -> AbstractContextManager[Any]:
    """The README's own fleet, simulated."""
    desk.variables["CODE_API_KEY"] = "sk-of-the-test"
    return desk.watched(FLEET)


def planned(desk: Desk) -> None:
    """A plan of seconds, by the names that lines use."""
    desk.write(swapped(PLAN, SHORTER), "my-plan.toml", "short.toml")


def benchable(desk: Desk) -> AbstractContextManager[Any]:
    """The same, and a plan of seconds."""
    planned(desk)
    return fleet(desk)


@contextmanager
def benched(desk: Desk) -> Iterator[None]:
    """The same, and a benchmark of before."""
    with benchable(desk):
        done = desk.type("sleeptui bench my-plan.toml --yes")
        assert done.returncode in (0, 1), done.stderr
        yield


@contextmanager
def startable(desk: Desk) -> Iterator[None]:
    """The README's server with a runtime; ``vllm`` is a stand-in. All is ended at last."""
    weights = desk.home / "models" / "coder"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(bytes(4096))
    desk.startable(RUNTIME)
    try:
        yield
    finally:
        assert desk.type("sleeptui down --fleet fleet.toml --yes", cwd=desk.folder).returncode == 0


@contextmanager
def started(desk: Desk) -> Iterator[None]:
    """The same, brought up."""
    with startable(desk):
        assert desk.type("sleeptui up", cwd=desk.folder).returncode == 0
        yield


@contextmanager
def recorded(desk: Desk) -> Iterator[None]:
    """Sessions of two days, from a real GPU."""
    for day in ("20261120", "20261123"):
        made = session_folder(desk.sessions, data=MEASURED)
        made.rename(made.with_name(f"{day}T080000Z-code-summarize"))
    yield


def swapped(text: str, swaps: tuple[tuple[str, str], ...]) -> str:
    """Each must be there."""
    for old, new in swaps:
        assert old in text, f"{old!r} is not in {text!r}"
        text = text.replace(old, new)
    return text


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one line is run."""

    around: Around = nothing
    swaps: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    in_repository: bool = False
    after: Callable[[Desk], object] = lambda _desk: None
    """What must be true when it has ended."""

    def run(self, desk: Desk, line: str) -> None:
        """Run it, and look at what it has done."""
        desk.variables |= dict(self.variables)
        if self.in_repository:
            desk.cwd = ROOT
        with self.around(desk):
            self.perform(desk, swapped(line, self.swaps))
            self.after(desk)

    def perform(self, desk: Desk, line: str) -> None:
        """What is done with the line."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Prints(Recipe):
    """It runs to its end and says something."""

    words: tuple[str, ...] = ()
    on_stderr: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)
    stdin: str = ""

    def perform(self, desk: Desk, line: str) -> None:
        done = desk.type(line, stdin=self.stdin)
        said = f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode in self.codes, said
        assert all(word in done.stdout for word in self.words), said
        assert all(word in done.stderr for word in self.on_stderr), said
        assert "Traceback" not in done.stderr, said


@dataclass(frozen=True, kw_only=True)
class PrintsJson(Recipe):
    """It prints one JSON document of this schema."""

    schema: str
    codes: tuple[int, ...] = (0,)

    def perform(self, desk: Desk, line: str) -> None:
        done = desk.type(line)
        assert done.returncode in self.codes, done.stderr
        assert json.loads(done.stdout)["schema"] == self.schema


@dataclass(frozen=True, kw_only=True)
class Shows(Recipe):
    """It shows something on a terminal, until keys end it."""

    words: tuple[str, ...]
    keys: tuple[str, ...] = ("q",)
    codes: tuple[int, ...] = (0,)
    restores: bool = True
    """It had the whole screen, and has given it back."""

    def perform(self, desk: Desk, line: str) -> None:
        with desk.terminal(line) as terminal:
            terminal.shows(*self.words, limit_s=90)
            self.press(terminal)
            assert terminal.ended(limit_s=120) in self.codes, terminal.text
            assert terminal.is_restored or not self.restores

    def press(self, terminal: Terminal) -> None:
        """Type what ends it."""
        terminal.press(*self.keys)


@dataclass(frozen=True, kw_only=True)
class Serves(Recipe):
    """It serves until it is told to end."""

    ready: Callable[[str], bool] | None = None
    """Of its first line; None: it is ready when it listens."""
    port: str = ""
    """In the line; a free one is taken in its place."""

    def perform(self, desk: Desk, line: str) -> None:
        port = free_port()
        if self.port:
            line = swapped(line, ((self.port, str(port)),))
        # ``env`` so that variables before the program are not taken for its name by ``exec``.
        with desk.running(f"env {line}") as child:
            if self.ready is None:
                wait_until(lambda: listens(port) or child.poll() is not None, what=line)
                assert child.poll() is None, child.stdout and child.stdout.read()
            else:
                assert child.stdout is not None
                assert self.ready(child.stdout.readline())
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=60)
            assert child.returncode in (0, 130)
