"""Record a session of the panel on two real vLLM servers that share one GPU.

Usage: ``python -m tests.live.session OUT_FOLDER AWAKE ASLEEP [panel arguments]``, the servers as
for ``python -m tests.live``. Cycles of both levels on both models, switches, prompts, sleeps in all
modes with streams in flight, and one by somebody else while a prompt of ours streams. The session
is in ``OUT_FOLDER/sessions``; its report can be made on any machine.
"""

import asyncio
import sys
import threading
from pathlib import Path

import httpx

from tests.live.__main__ import SLOW_S, STREAMS, Drive, streams, terminal, urls_of

CYCLES = 7
PROMPTS = 3
SWITCHES = 2


class Recorded(Drive):
    """One session of the panel, with the recording on."""

    def becomes(self, name: str, state: str) -> None:
        """Wait for a state in the fleet table, and a moment."""
        self.panel.row_shows(f" {name} ", state, limit_s=SLOW_S)
        self.panel.pump_for(0.8)

    def mark(self) -> None:
        """A moment that the report shows."""
        self.panel.press("m")
        self.panel.pump_for(0.5)

    def verified(self, name: str) -> None:
        """Ask the canary until it has a reference and matches it."""
        self.panel.cursor_to(name)
        self.panel.press("v")
        self.panel.pump_for(2)
        self.panel.press("v")
        self.becomes(name, "AWAKE ✓")

    def cycles(self, name: str, level: int) -> None:
        """Sleep by the options, wake, verified."""
        self.mark()
        self.panel.cursor_to(name)
        for _ in range(CYCLES):
            self.panel.press("S")
            self.panel.shows("abort", "keep")
            self.panel.press(str(level), "s")
            self.becomes(name, f"ASLEEP L{level}")
            self.panel.press("w")
            self.becomes(name, "AWAKE ✓")

    def prompts(self, name: str) -> None:
        """Some test prompts on a warm model."""
        self.panel.cursor_to(name)
        self.panel.press("t")
        self.panel.shows("Send")
        for _ in range(PROMPTS):
            self.panel.press("ctrl+j")
            self.panel.shows("finish length", limit_s=SLOW_S)
            self.panel.pump_for(1.5)
        self.panel.press("escape")
        self.panel.shows("Fleet")

    def in_flight(self, name: str, url: str) -> None:
        """A sleep in each mode while streams of somebody else run."""
        self.mark()
        for mode in ("abort", "wait", "keep"):
            ends: list[str] = []

            def run(into: list[str] = ends) -> None:
                """The streams, to their ends."""
                into.extend(asyncio.run(streams(url, name)))

            load = threading.Thread(target=run)
            load.start()
            self.panel.cursor_to(name)
            self.panel.row_shows(f" {name} ", f" {STREAMS} ")
            self.panel.press("S")
            self.panel.shows(f"Put {name} to sleep")
            self.panel.press("1", mode[0], "s")
            self.becomes(name, "ASLEEP L1")
            self.panel.press("w")
            self.becomes(name, "AWAKE")
            load.join()
            print(mode, "ended:", ends, flush=True)

    def frozen_prompt(self, name: str, url: str) -> None:
        """Somebody else puts the model to sleep while a prompt of ours streams, and wakes it."""
        self.mark()
        self.panel.cursor_to(name)
        self.panel.press("t")
        self.panel.shows("Send")
        self.panel.press("tab")
        self.panel.press(*["backspace"] * 4, *"2000")
        self.panel.press("ctrl+j")
        self.panel.pump_for(2)
        self.shot("streaming")
        httpx.post(f"{url}/sleep?level=1&mode=keep", timeout=60)
        self.panel.pump_for(4)
        self.shot("frozen")
        httpx.post(f"{url}/wake_up", timeout=60)
        self.panel.pump_for(12)
        self.shot("thawed")
        self.panel.press("escape")
        self.panel.shows("Fleet")


def main(folder: str, awake: str, asleep: str, *arguments: str) -> None:
    """Drive the panel through a session."""
    out = Path(folder).resolve()
    urls = urls_of(arguments)
    with terminal(out, ["--record", str(out / "sessions"), *arguments]) as panel:
        drive = Recorded(panel, out)
        drive.becomes(awake, "AWAKE")
        drive.becomes(asleep, "ASLEEP")
        drive.verified(awake)
        drive.prompts(awake)
        for level in (1, 2):
            drive.cycles(awake, level)
        drive.in_flight(awake, urls[awake])
        panel.cursor_to(asleep)
        panel.press("x")
        drive.becomes(asleep, "AWAKE")
        drive.verified(asleep)
        drive.prompts(asleep)
        for level in (1, 2):
            drive.cycles(asleep, level)
        drive.mark()
        for _ in range(SWITCHES):
            for name in (awake, asleep):
                panel.cursor_to(name)
                panel.press("x")
                drive.becomes(name, "AWAKE")
        drive.frozen_prompt(asleep, urls[asleep])
        drive.shot("end")
        panel.press("r")
        panel.pump_for(5)
        drive.shot("recorded")
        panel.press("q")
        print("exit code", panel.ended(SLOW_S), "restored", panel.is_restored)


if __name__ == "__main__":
    main(*sys.argv[1:])
