"""How a benchmark is seen in a terminal, and where there is none."""

import asyncio
import io
import os
import shutil
import threading

import pyte
import pytest
from support.bench_story import BEGAN_S, running, whole
from support.clock import ManualClock, settle

from sleeptui.cli_bench_paint import BenchScreen, inked, screenful
from sleeptui.cli_output import Paper
from sleeptui.core.bench_picture import BenchFold
from sleeptui.services.bench_words import Piece, Sense, plain

LIVE = Paper(is_ascii=False, has_colour=True, width=99)
LINES = Paper(is_ascii=True, has_colour=False, width=None)


class Screen(io.StringIO):
    """A terminal of 100 by 20."""

    def __init__(self):
        super().__init__()
        self.screen = pyte.Screen(100, 20)
        self._terminal = pyte.Stream(self.screen)

    def write(self, text):
        self._terminal.feed(text.replace("\n", "\r\n"))
        return super().write(text)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()


@pytest.fixture
def size(monkeypatch):
    """The size of the terminal; tests change it."""
    now = {"columns": 100, "lines": 20}
    monkeypatch.setattr(
        shutil,
        "get_terminal_size",
        lambda *_, **__: os.terminal_size((now["columns"], now["lines"])),
    )
    return now


def told(screen, events):
    for event in events:
        screen.heard(event)


async def test_the_picture_is_painted_over_itself_and_lines_stand_above_it(size):
    stream = Screen()
    screen = BenchScreen(stream, LIVE, ManualClock(BEGAN_S + 150))
    screen.say("recording to /s")
    told(screen, running()[:12])
    await screen.paint()
    told(screen, running()[12:])
    screen.say("stopping")
    await screen.paint()
    lines = stream.text.splitlines()
    assert lines[:2] == ["sleeptui: recording to /s", "sleeptui: stopping"]
    assert lines[2].startswith("[███")
    assert sum("step" in line for line in lines) == 1
    assert "now: summarize: cycle" in lines[3]
    await screen.close()
    assert stream.text.splitlines() == lines[:2]
    screen.say("done")
    assert stream.text.endswith("sleeptui: done")


async def test_it_fits_a_small_terminal_and_a_narrower_one_is_cleared(size):
    stream = Screen()
    screen = BenchScreen(stream, LIVE, ManualClock(BEGAN_S + 150))
    told(screen, running())
    size["lines"] = 6
    await screen.paint()
    assert len(stream.text.splitlines()) == 5
    size["columns"] = 50
    before = len(stream.getvalue())
    await screen.paint()
    assert "\x1b[9A" in stream.getvalue()[before:]  # all but the blank line take two rows now


async def test_in_ascii_no_line_is_wider_than_the_terminal(size):
    size["columns"] = 60
    stream = Screen()
    plain_paper = Paper(is_ascii=True, has_colour=False, width=59)
    screen = BenchScreen(stream, plain_paper, ManualClock(BEGAN_S + 150))
    told(screen, running())
    await screen.paint()
    now = next(line for line in stream.text.splitlines() if line.startswith("now:"))
    assert now.endswith("...")
    assert len(now) <= 59


async def test_where_nobody_sees_it_each_step_is_a_line():
    stream = io.StringIO()
    screen = BenchScreen(stream, LINES, ManualClock(BEGAN_S))
    told(screen, whole())
    await screen.paint()
    await screen.run()
    await screen.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "sleeptui: step 1 of 3: code: cold 1, about 10 m 00 s left"
    assert [line.partition(":")[2][:12] for line in lines] == [f" step {n} of 3" for n in (1, 2, 3)]
    blocks = BenchScreen(io.StringIO(), LINES, ManualClock(BEGAN_S))
    told(blocks, running()[:2])
    assert blocks._stream.getvalue() == ""


async def test_a_terminal_that_is_held_does_not_hold_up_the_loop(size):
    may_write = threading.Event()

    class Held(io.StringIO):
        def write(self, text):
            may_write.wait(20)
            return super().write(text)

    clock = ManualClock(BEGAN_S)
    screen = BenchScreen(Held(), LIVE, clock)
    told(screen, running())
    task = asyncio.ensure_future(screen.run())
    await settle()
    told(screen, whole())  # the loop goes on
    assert not task.done()
    may_write.set()
    closing = asyncio.ensure_future(screen.close())
    clock.run_free()
    await asyncio.wait_for(asyncio.gather(task, closing), 20)


@pytest.mark.parametrize("error", [OSError(5, "gone"), ValueError("closed")])
async def test_a_terminal_that_is_gone_ends_the_painting(size, error):
    class Gone(io.StringIO):
        def write(self, text):
            raise error

    screen = BenchScreen(Gone(), LIVE, ManualClock(BEGAN_S))
    told(screen, running())
    await asyncio.wait_for(screen.run(), 20)


async def test_it_is_painted_again_and_again(size, monkeypatch):
    async def at_once(write, *about):
        """Time stands still while it writes: no thread is waited for."""
        write(*about)

    monkeypatch.setattr(asyncio, "to_thread", at_once)
    stream, clock = Screen(), ManualClock(BEGAN_S)
    screen = BenchScreen(stream, LIVE, clock)
    task = asyncio.ensure_future(screen.run())
    await clock.until(lambda: "step" in stream.text)
    told(screen, running())
    await clock.until(lambda: "step 12 of 40" in stream.text)
    closing = asyncio.ensure_future(screen.close())
    clock.run_free()
    await asyncio.gather(task, closing)


def test_a_line_has_the_colours_and_the_characters_of_the_paper():
    line = (Piece("[█░] ", Sense.GOOD), Piece("a…", Sense.BAD), Piece(" "))
    assert inked(line, LIVE) == "\x1b[32m[█░] \x1b[0m\x1b[31m\x1b[1ma…\x1b[0m"
    assert inked(line, LINES) == "[#-] a..."


def test_what_matters_most_stands_first():
    fold = BenchFold()
    told(type("", (), {"heard": staticmethod(fold.apply)}), running())
    lines = screenful(fold.picture, BEGAN_S + 150, 79, 40)
    assert plain(lines[0]).startswith("[")
    assert plain(lines[-2]) == "1 phase did not end well"
    assert max(len(plain(line)) for line in lines) <= 79
