"""The panel in a pty on the simulated fleet: what it costs, and how well it times a wake.

The baseline is the same program that paints and looks at nothing (``--interval 10``), in the same
run: the difference is what watching costs.
"""

import re
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from support.terminal import Terminal

BARS = {"two-gpus": 0.08, "sixty-four": 0.35}
SECONDS = 20.0
TIMED_BAR_S = 0.010
WAKES = 5
_ENDED = re.compile(r"wake of \S+: done,.* (?P<ours>[\d.]+) s, by the server (?P<server>[\d.]+) s")


def _share(panel: Terminal, seconds: float) -> float:
    """CPU time of the panel's own process over a time, as a share of one core."""
    process = psutil.Process(panel.pid)
    before, began = process.cpu_times(), time.monotonic()
    panel.pump_for(seconds)
    after, took = process.cpu_times(), time.monotonic() - began
    return (after.user + after.system - before.user - before.system) / took


def cost(scenario: str) -> tuple[str, bool]:
    """One line with the CPU share at 2 Hz, and whether the bar holds."""
    shares = {}
    for interval in ("10", "0.5"):
        with Terminal(["--demo", scenario, "--interval", interval], columns=120, rows=36) as panel:
            panel.shows("AWAKE")
            panel.pump_for(5)
            shares[interval] = _share(panel, SECONDS)
            panel.press("q")
            panel.ended()
    share, idle, bar = shares["0.5"], shares["10"], BARS[scenario]
    line = f"{scenario} at 2 Hz: {share:.1%} of a core (bar {bar:.0%})"
    return f"{line}; looking every 10 s: {idle:.1%}", share <= bar


def timing() -> tuple[str, bool]:
    """Wakes timed by the panel against the server's own figure, while 64 servers are watched."""
    with TemporaryDirectory() as home:
        with Terminal(["--demo", "sixty-four"], environment={"HOME": home}) as panel:
            panel.shows("AWAKE")
            panel.press("/")
            panel.type("-0")
            panel.press("enter")
            for _ in range(WAKES):
                for name in ("classify-0", "chat-0"):
                    panel.cursor_to(name)
                    panel.press("x")
                    panel.row_shows(name, "AWAKE", limit_s=60)
            panel.press("q")
            panel.ended()
        log = next(Path(home).rglob("sleeptui.log")).read_text()
    off = [
        float(found["ours"]) - float(found["server"])
        for found in map(_ENDED.search, log.splitlines())
        if found
    ]
    if len(off) < WAKES:
        return f"wakes with a figure of the server: {len(off)} of {WAKES}", False
    worst = max(map(abs, off))
    line = (
        f"a wake against the server's own figure, 64 servers watched: median"
        f" {statistics.median(off) * 1000:+.1f} ms, worst {worst * 1000:.1f} ms of {len(off)}"
        f" (bar {TIMED_BAR_S * 1000:.0f} ms)"
    )
    return line, worst <= TIMED_BAR_S
