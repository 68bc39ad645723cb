"""What recording costs: 8 GPUs and 64 servers, both looked at ten times a second.

The recorder's share is measured where it works: the CPU time of its thread, and of each event that
it takes in on the event loop. Whether the panel is as before is seen in a pty, with and without
``--record`` in the same run. ``python -m tests.perf.recording SECONDS`` runs it for longer.
"""

import asyncio
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does: ``support`` is importable

from support.journal_file import lines, of, the_session
from support.terminal import Terminal

from sleeptui.core.events import Event, GpuSampled, StateObserved
from sleeptui.core.settings import RecordingDefaults, Sampling, Settings
from sleeptui.recorder.scribe import Scribe
from sleeptui.wiring import open_services

SCENARIO = "sixty-four"
SECONDS = 20.0
WARM_UP_S = 5.0
INTERVAL_S = 0.1
"""Asked for; a machine that is busy otherwise does less, and the line says how much."""
BAR = 0.03
"""Of a core: thread and event loop together."""
PANEL_BAR = 0.10
"""Of a core: what the whole program may need more; it reads the GPUs more often, too."""


@dataclass(slots=True)
class Seen:
    """What the bus has carried, and what taking it in has cost."""

    looks: int = 0
    readings: int = 0
    scribe_s: float = 0.0
    worst_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)


@contextmanager
def _timed(seen: Seen) -> Iterator[None]:
    """Measure the CPU time of each event that the scribe takes in."""
    plain = Scribe.heard

    def timed(self: Scribe, event: Event) -> None:
        """The event, and what it took."""
        before = time.thread_time()
        plain(self, event)
        took = time.thread_time() - before
        seen.scribe_s += took
        seen.worst_s = max(seen.worst_s, took)
        seen.looks += isinstance(event, StateObserved)
        seen.readings += isinstance(event, GpuSampled)

    Scribe.heard = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Scribe.heard = plain  # type: ignore[method-assign]


def _writer_s() -> float:
    """CPU time of the writer's thread so far."""
    (writer,) = (one for one in threading.enumerate() if one.name == "journal")
    times = {one.id: one for one in psutil.Process().threads()}[writer.native_id]
    return float(times.user_time + times.system_time)


async def _record(folder: str, seconds: float) -> tuple[float, float, Seen]:
    """Seconds measured, CPU seconds of the writer, and what was seen in all."""
    settings = Settings(
        demo=SCENARIO,
        sampling=Sampling(interval_s=INTERVAL_S),
        recording=RecordingDefaults(folder=folder, at_start=True, report=False),
    )
    seen = Seen()
    with _timed(seen):
        async with open_services(settings) as services:
            services.begin()
            while len(services.store.view.servers) < 64 or not services.recordings.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(WARM_UP_S)
            began_s, writer_s, scribe_s = time.monotonic(), _writer_s(), seen.scribe_s
            await asyncio.sleep(seconds)
            lasted_s = time.monotonic() - began_s
            writer_s = _writer_s() - writer_s
            busy_s = seen.scribe_s - scribe_s
    return lasted_s, writer_s + busy_s, seen


def cost(seconds: float = SECONDS) -> tuple[str, bool]:
    """The recorder's share of a core, and whether all that was seen is in the journal."""
    with TemporaryDirectory() as folder:
        lasted_s, busy_s, seen = asyncio.run(_record(folder, seconds))
        session = the_session(Path(folder))
        found = lines(session)
        size = (session / "journal.jsonl").stat().st_size
    looks = sum(line.get("looks", 1) for line in of(found, "prom"))
    readings = len(of(found, "gpu"))
    dropped = sum(found[-1].get("dropped", {}).values())
    share = busy_s / lasted_s
    is_whole = (looks, readings, dropped) == (seen.looks, seen.readings, 0)
    words = (
        f"recording 64 servers and 8 GPUs: {share:.2%} of a core (bar {BAR:.0%}), "
        f"{seen.looks / (lasted_s + WARM_UP_S):.0f} of {64 / INTERVAL_S:.0f} looks and "
        f"{seen.readings / (lasted_s + WARM_UP_S):.1f} of {1 / INTERVAL_S:.0f} readings a second, "
        f"{size / (lasted_s + WARM_UP_S) / 1000:.0f} kB/s; in the journal {looks} of {seen.looks} "
        f"looks, {readings} of {seen.readings} readings, {dropped} dropped"
    )
    return words, share <= BAR and is_whole


def panel(seconds: float = SECONDS) -> tuple[str, bool]:
    """The whole program with and without a recording."""
    shares = {}
    with TemporaryDirectory() as folder:
        for name, options in (("without", []), ("with", ["--record", folder])):
            arguments = ["--demo", SCENARIO, *options]
            with Terminal(arguments, environment={"HOME": folder}) as program:
                program.shows("AWAKE")
                program.pump_for(WARM_UP_S)
                process = psutil.Process(program.pid)
                before, began_s = process.cpu_times(), time.monotonic()
                program.pump_for(seconds)
                after, lasted_s = process.cpu_times(), time.monotonic() - began_s
                spent_s = after.user + after.system - before.user - before.system
                shares[name] = spent_s / lasted_s
    more = shares["with"] - shares["without"]
    words = f"panel of 64 servers at 2 Hz: {shares['without']:.1%} of a core, recording"
    return f"{words} {shares['with']:.1%} (bar +{PANEL_BAR:.0%})", more <= PANEL_BAR


if __name__ == "__main__":
    os.environ.setdefault("HOME", "/tmp")
    given = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print(cost(given)[0], flush=True)
    print(panel()[0], flush=True)
