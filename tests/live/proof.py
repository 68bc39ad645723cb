"""Prove on two real vLLM servers that share one GPU what the panel claims, and take pictures.

Usage: ``python -m tests.live.proof OUT_FOLDER AWAKE ASLEEP [panel arguments]``, the servers as for
``python -m tests.live``. Verified cycles of both levels, all modes with streams in flight, a plain
wake after level 2 by somebody else, and at the end a wake into a full card: refused, then forced,
which costs ASLEEP its engine where vLLM is older than 0.28.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from tests.live.__main__ import STREAMS, Drive, streams, terminal, urls_of

CYCLES_1, CYCLES_2 = 5, 3


class Proof(Drive):
    """One session of the panel that looks for proof."""

    def verified(self, name: str) -> None:
        """Ask the canary by ``v`` until it has a reference and matches it."""
        self.panel.cursor_to(name)
        self.panel.press("v")
        self.panel.pump_for(2)
        self.panel.press("v")
        self.becomes(name, "AWAKE ✓")

    def cycles(self, name: str, count: int) -> None:
        """Level 1, each wake verified."""
        for _ in range(count):
            self.cycle(name)
            self.becomes(name, "AWAKE ✓")

    def deep_cycles(self, name: str, count: int) -> None:
        """Level 2, each wake verified."""
        for _ in range(count):
            self.level_2(name)
            self.becomes(name, "AWAKE ✓")

    def in_flight(self, name: str, url: str, mode: str) -> None:
        """A sleep with streams in flight, by the options."""
        ends: list[str] = []
        load = threading.Thread(target=lambda: ends.extend(asyncio.run(streams(url, name))))
        load.start()
        self.panel.cursor_to(name)
        self.panel.row_shows(f" {name} ", f" {STREAMS} ")
        self.panel.press("S")
        self.panel.shows(f"Put {name} to sleep")
        self.panel.press("1", mode[0], "s")
        self.becomes(name, "ASLEEP L1")
        self.shot(f"in-flight-{mode}")
        self.panel.press("w")
        self.becomes(name, "AWAKE")
        load.join()
        print(mode, "ended:", ends, flush=True)

    def garbage_from_outside(self, name: str, url: str) -> None:
        """Somebody else sleeps it at level 2 and wakes it plainly; ``w`` mends it."""
        httpx.post(f"{url}/sleep?level=2", timeout=60)
        self.becomes(name, "ASLEEP L2")
        httpx.post(f"{url}/wake_up", timeout=60)
        self.becomes(name, "SUSPECT")
        self.shot("garbage")
        self.panel.cursor_to(name)
        self.panel.press("w")
        self.becomes(name, "AWAKE ✓")
        self.shot("mended")

    def full_card(self, name: str) -> None:
        """A wake without room: asked about, then forced."""
        self.panel.cursor_to(name)
        self.panel.press("w")
        self.panel.shows("No room")
        self.shot("no-room")
        self.panel.press("escape")
        self.panel.pump_for(1)
        self.panel.press("w")
        self.panel.shows("No room")
        self.panel.press("f")
        self.panel.row_shows(f" {name} ", "WEDGED", limit_s=60)
        self.panel.pump_for(2)
        self.shot("wedged")


def doctor(out: Path, label: str, *arguments: str) -> None:
    """What the doctor says, for people and for programs."""
    for name, flags in ((f"{label}.txt", ()), (f"{label}.json", ("--json",))):
        command = [sys.executable, "-m", "sleeptui", *arguments, "doctor", *flags]
        home = {**os.environ, "HOME": str(out / "home")}  # the panel's, for what it has learnt
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=home
        )
        (out / name).write_text(done.stdout)
        print(f"--- {name}, exit code {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
        if flags:
            json.loads(done.stdout)


def main(folder: str, awake: str, asleep: str, *arguments: str) -> None:
    """Drive the panel through all that is to be proven."""
    out = Path(folder)
    urls = urls_of(arguments)
    with terminal(out, arguments) as panel:
        prove(Proof(panel, out), urls, awake, asleep, arguments)
        panel.press("q")
        print("exit code", panel.ended(), "restored", panel.is_restored)


def prove(
    drive: Proof, urls: dict[str, str], awake: str, asleep: str, arguments: tuple[str, ...]
) -> None:
    """All steps, in an order in which each finds what it needs."""
    drive.becomes(awake, "AWAKE")
    drive.becomes(asleep, "ASLEEP")
    doctor(drive.out, "doctor", *arguments)
    drive.verified(awake)
    drive.cycles(awake, CYCLES_1)
    drive.shot("cycles")
    drive.deep_cycles(awake, CYCLES_2)
    drive.shot("deep-cycles")
    drive.panel.cursor_to(asleep)
    drive.panel.press("x")
    drive.becomes(asleep, "AWAKE")
    drive.verified(asleep)
    drive.cycles(asleep, CYCLES_2)
    drive.panel.cursor_to(awake)
    drive.panel.press("x")
    drive.becomes(awake, "AWAKE ✓")
    drive.shot("switched")
    for mode in ("abort", "wait", "keep"):
        drive.in_flight(awake, urls[awake], mode)
    drive.garbage_from_outside(awake, urls[awake])
    drive.panel.press("3")
    drive.panel.pump_for(2)
    drive.shot("doctor")
    drive.panel.press("1")
    drive.full_card(asleep)
    doctor(drive.out, "doctor-after", *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
