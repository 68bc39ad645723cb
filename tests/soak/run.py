"""Soaks two programs side by side, each on a fleet of its own, and judges them.

The *panel* is the real program in a pseudo-terminal, with a recording that runs, driven by random
keys. The *services* are the panel's without a screen, given orders directly. Both are seen from
outside (memory, threads, handles) and from inside (operations, tasks: ``tests.soak.inside``).
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.sim_process import SimProcess, running
from support.terminal import Terminal

from sleeptui.sim.attached import ADDRESS_ENV
from sleeptui.sim.spec import DEMO_KEY, KEY_ENV
from tests.soak.fleet import ANNOUNCED
from tests.soak.keys import Keys
from tests.soak.samples import Watched, keep
from tests.soak.trouble import Troubles, turns

ROOT = Path(__file__).parents[2]
SPEED = 10.0
SAMPLE_S = 5.0
_IDLE_S = 1.0
CALM_S = 3.0
"""At the end nothing goes wrong any more."""
BEGIN_LIMIT_S = 60.0
END_LIMIT_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """One program that was soaked to its end."""

    name: str
    code: int
    watched: Watched
    inside: dict[str, Any]
    """What it has told of itself (``tests.soak.inside``); empty: it has not come to that."""
    sessions: Path
    switched: dict[str, int]
    """Troubles, and how often each has begun."""


class Soak:
    """Both programs while they run."""

    def __init__(self, folder: Path, *, seconds: float, seed: str, recordings: int) -> None:
        """Nothing runs yet.

        Args:
            folder: For all that is recorded and sampled.
            seconds: How long.
            seed: Of keys, orders and troubles.
            recordings: Of each program, one after the other.
        """
        self._folder = folder
        self._recordings = recordings
        self.lost = ""
        """Why the panel could not be driven on, with its screen; empty: it could."""
        self._seconds = seconds
        self._seed = seed

    def run(self, told: Callable[[str], None]) -> list[Soaked]:
        """Run both to their end.

        Args:
            told: Called with a line from time to time.
        """
        with (
            self._fleet("panel") as first,
            self._fleet("services") as second,
            self._services(second) as services,
            self._panel(first) as panel,
        ):
            panel.shows("AWAKE", "● REC", limit_s=BEGIN_LIMIT_S)
            troubles = {"panel": self._troubles("panel", first)}
            troubles["services"] = self._troubles("services", second)
            watched = {"panel": Watched(panel.pid), "services": Watched(services.pid)}
            keys = Keys(panel, random.Random(f"keys-{self._seed}"))
            self._drive(keys, list(troubles.values()), watched, told)
            codes = {"panel": self._leave(panel, keys), "services": services.wait(END_LIMIT_S)}
        return [
            self._soaked(name, codes[name], watched[name], dict(troubles[name].switched))
            for name in codes
        ]

    def _drive(
        self,
        keys: Keys,
        troubles: list[Troubles],
        watched: dict[str, Watched],
        told: Callable[[str], None],
    ) -> None:
        """Press keys, let things go wrong, take samples, until the time is over."""
        keys.press("v")  # something is asked of a server in any case
        began_s = time.monotonic()
        sampled_s, rotated_s, told_s = -SAMPLE_S, 0.0, 0.0
        while (now_s := time.monotonic() - began_s) < self._seconds:
            for trouble in troubles:
                trouble.follow(now_s)
            if now_s - sampled_s >= SAMPLE_S:
                sampled_s = now_s
                for one in watched.values():
                    one.look(now_s)
            if now_s - rotated_s >= self._seconds / self._recordings:
                rotated_s = now_s
                self._press(keys, rotate=True)
            if now_s - told_s >= 60:
                told_s = now_s
                told(
                    f"{now_s / 60:.0f} min; "
                    + "; ".join(f"{name} {one.words()}" for name, one in watched.items())
                )
            self._press(keys)
        for trouble in troubles:
            trouble.end()

    def _press(self, keys: Keys, *, rotate: bool = False) -> None:
        """Drive the panel on; where it does not go on, the services do."""
        if self.lost:
            time.sleep(_IDLE_S)
            return
        try:
            if rotate:
                keys.rotate()
            else:
                keys.act()
        except AssertionError as error:
            self.lost = str(error)

    def _leave(self, panel: Terminal, keys: Keys) -> int:
        """Quit as a user does; operations and a recording run, so that it asks."""
        if self.lost:
            (self._folder / "panel-lost.txt").write_text(self.lost)
            return 1
        panel.pump_for(CALM_S)
        keys.leave()
        return panel.ended(END_LIMIT_S)

    def _troubles(self, name: str, simulation: SimProcess) -> Troubles:
        planned = turns(f"{self._seed}-{name}", self._seconds)
        (self._folder / f"{name}-troubles.txt").write_text("".join(f"{one}\n" for one in planned))
        return Troubles(simulation, planned)

    @contextmanager
    def _fleet(self, name: str) -> Iterator[SimProcess]:
        (self._folder / name).mkdir()
        with running("tests.soak.fleet", str(SPEED)) as simulation:
            yield simulation

    @contextmanager
    def _services(self, simulation: SimProcess) -> Iterator[subprocess.Popen[bytes]]:
        folder = self._folder / "services"
        words = [str(folder / "inside.json"), str(self._seconds), self._seed, str(folder)]
        words.append(str(self._recordings))
        with (self._folder / "services.txt").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.services", *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=ROOT,
                env=os.environ | self._environment("services", simulation),
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    @contextmanager
    def _panel(self, simulation: SimProcess) -> Iterator[Terminal]:
        folder = self._folder / "panel"
        inside = [sys.executable, "-m", "tests.soak.panel", str(folder / "inside.json")]
        with Terminal(
            ["--demo", ANNOUNCED, "--record", str(folder)],
            environment=self._environment("panel", simulation),
            cwd=ROOT,
            wrapper=inside,
        ) as panel:
            yield panel

    def _environment(self, name: str, simulation: SimProcess) -> dict[str, str]:
        return {
            ADDRESS_ENV: simulation.address.announce(),
            KEY_ENV: DEMO_KEY,
            "HOME": str(self._folder / name),
        }

    def _soaked(self, name: str, code: int, watched: Watched, switched: dict[str, int]) -> Soaked:
        told = self._folder / name / "inside.json"
        keep(self._folder / f"{name}-samples.csv", watched.samples)
        return Soaked(
            name=name,
            code=code,
            watched=watched,
            inside=json.loads(told.read_text()) if told.exists() else {},
            sessions=self._folder / name,
            switched=switched,
        )
