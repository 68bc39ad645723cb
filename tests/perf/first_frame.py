"""Time from exec to the first painted frame, in a pty: the demo against a bare Textual app."""

import compileall
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import sleeptui

BAR = 1.6
RUNS = 15
LIMIT_S = 30.0
COMMANDS = {
    "bare Textual app": (b"bare Textual", ["-m", "tests.perf.bare"]),
    "sleeptui --demo": (b"sleeptui", ["-m", "sleeptui", "--demo"]),
}


def once(marker: bytes, arguments: list[str]) -> float:
    """Seconds from exec until the marker was written."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    seen, took = b"", LIMIT_S
    while time.perf_counter() - began < LIMIT_S:
        if not select.select([terminal], [], [], 0.02)[0]:
            continue
        try:
            seen += os.read(terminal, 1 << 16)
        except OSError:
            break
        if marker in seen:
            took = time.perf_counter() - began
            break
    _end(pid, terminal)
    return took


def _end(pid: int, terminal: int) -> None:
    """Stop the program as a closed terminal would, and wait for it."""
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.05)[0]:
            with suppress(OSError):
                os.read(terminal, 1 << 16)
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(terminal)


def measure() -> tuple[str, bool]:
    """One line with the medians and their ratio, and whether the bar holds."""
    # As at every start but the first, also where Python may write no bytecode.
    compileall.compile_dir(Path(sleeptui.__file__).parent, quiet=1)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, (marker, arguments) in COMMANDS.items():
            took = once(marker, arguments)
            if run:  # the first of each fills the caches
                times[name].append(took)
    bare, ours = (statistics.median(values) for values in times.values())
    ratio = ours / bare
    spread = ", ".join(
        f"{name} {statistics.median(values) * 1000:.0f} ms"
        f" ({min(values) * 1000:.0f} to {max(values) * 1000:.0f})"
        for name, values in times.items()
    )
    return f"first frame: {spread}; ratio {ratio:.2f} (bar {BAR})", ratio <= BAR
