"""Drive the panel on two real vLLM servers that share one GPU, and take pictures of it.

Usage: ``python -m tests.live OUT_FOLDER AWAKE ASLEEP [panel arguments]``, where AWAKE and ASLEEP
are the names under which the two servers serve their models. They must run on ports 8000 to 8010
of this machine with ``VLLM_SERVER_DEV_MODE=1`` and ``--enable-sleep-mode``: then the panel finds
them by itself. Sleep, wake, switch, level 2, a prompt, and a sleep with eight streams in flight,
each as a person would do it.
"""

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does: ``support`` is importable

from support.terminal import Terminal

STREAMS = 8
SLOW_S = 120.0
"""The first sleep of a process allocates its pinned copy: 12 s for 7 billion parameters."""


class Drive:
    """One session of the panel."""

    def __init__(self, panel: Terminal, out: Path) -> None:
        self.panel, self.out, self.shots = panel, out, 0

    def shot(self, name: str) -> None:
        """A picture and its text."""
        self.shots += 1
        path = self.out / f"{self.shots:02d}-{name}"
        path.with_suffix(".svg").write_text(self.panel.svg())
        path.with_suffix(".txt").write_text(self.panel.text)
        print(f"--- {path.name}\n{self.panel.text}", flush=True)

    def becomes(self, name: str, state: str) -> None:
        """Wait for a state in the fleet table."""
        self.panel.row_shows(f" {name} ", state, limit_s=SLOW_S)
        self.panel.pump_for(1.5)

    def cycle(self, name: str) -> None:
        """Sleep by ``s``, wake by ``w``."""
        self.panel.cursor_to(name)
        self.panel.press("s")
        self.becomes(name, "ASLEEP L1")
        self.panel.press("w")
        self.becomes(name, "AWAKE")

    def prompt(self, name: str) -> None:
        """Send the test prompt twice, the first is the first after a wake."""
        self.panel.cursor_to(name)
        self.panel.press("t")
        self.panel.shows("Send")
        self.panel.press("ctrl+j")
        self.panel.shows("finish length", limit_s=SLOW_S)
        self.panel.pump_for(1)
        self.panel.press("ctrl+j")
        self.panel.pump_for(3)
        self.shot("prompt")
        self.panel.press("escape")
        self.panel.shows("Fleet")

    def level_2(self, name: str) -> None:
        """Sleep at level 2 and wake in steps."""
        self.panel.cursor_to(name)
        self.panel.press("S")
        self.panel.shows("abort", "keep")
        self.panel.press("2")
        self.panel.pump_for(0.5)
        self.shot("level-2-options")
        self.panel.press("s")
        self.becomes(name, "ASLEEP L2")
        self.shot("asleep-level-2")
        self.panel.press("w")
        self.becomes(name, "AWAKE")

    def busy(self, name: str, url: str) -> None:
        """Sleep with streams in flight: the panel asks, and ``wait`` lets them finish."""
        ends: list[str] = []
        load = threading.Thread(target=lambda: ends.extend(asyncio.run(streams(url, name))))
        load.start()
        self.panel.cursor_to(name)
        self.panel.row_shows(f" {name} ", f" {STREAMS} ")
        self.panel.press("s")
        self.panel.shows("abort", "keep")
        self.shot("busy-asks")
        self.panel.press("1", "w", "s")
        self.becomes(name, "ASLEEP L1")
        load.join()
        print("streams ended:", ends, flush=True)
        self.panel.press("w")
        self.becomes(name, "AWAKE")


async def streams(url: str, model: str) -> list[str]:
    """How each of several long streams ended."""
    body = {"model": model, "prompt": "Count", "max_tokens": 3500, "temperature": 0}
    body |= {"ignore_eos": True, "stream": True}

    async def one(client: httpx.AsyncClient) -> str:
        reason = "cut"
        async with client.stream("POST", f"{url}/v1/completions", json=body) as answer:
            async for line in answer.aiter_lines():
                for word in ("length", "abort", "stop"):
                    if f'"finish_reason":"{word}"' in line:
                        reason = word
        return reason

    async with httpx.AsyncClient(timeout=None) as client:
        return await asyncio.gather(*(one(client) for _ in range(STREAMS)))


def urls_of(arguments: Sequence[str]) -> dict[str, str]:
    """URL by name: what the panel is told, and what answers on the usual ports."""
    found = dict(word.split("=", 1) for word in arguments if "=" in word)
    for port in range(8000, 8011):
        url = f"http://127.0.0.1:{port}"
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(f"{url}/v1/models", timeout=2).json()
            found[answer["data"][0]["id"]] = url
    return found


@contextlib.contextmanager
def terminal(out: Path, arguments: Sequence[str]) -> Iterator[Terminal]:
    """The panel in a terminal, with a home of its own; its log is kept in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    home = out / "home"
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    began = time.monotonic()
    try:
        with Terminal(arguments, environment=environment, cwd=home) as panel:
            yield panel
    finally:
        print(f"took {time.monotonic() - began:.0f} s")
        for log in home.rglob("sleeptui.log"):
            text = log.read_text()
            (out / "sleeptui.log").write_text(text)
            print(text)


def main(folder: str, awake: str, asleep: str, *arguments: str) -> None:
    """Drive the panel through all that a switch of models needs."""
    out = Path(folder)
    urls = urls_of(arguments)
    with terminal(out, arguments) as panel:
        drive = Drive(panel, out)
        drive.becomes(awake, "AWAKE")
        drive.becomes(asleep, "ASLEEP")
        drive.shot("found")
        drive.prompt(awake)
        drive.cycle(awake)
        drive.cycle(awake)
        drive.shot("cycled")
        for name in (asleep, awake, asleep, awake):
            panel.cursor_to(name)
            panel.press("x")
            drive.becomes(name, "AWAKE")
        drive.shot("switched")
        drive.level_2(awake)
        drive.prompt(awake)
        drive.busy(awake, urls[awake])
        drive.shot("end")
        panel.press("q")
        print("exit code", panel.ended(), "restored", panel.is_restored)


if __name__ == "__main__":
    main(*sys.argv[1:])
