"""Random keys for the real panel in a terminal, drawn from a seed."""

import random
import re
from collections.abc import Callable
from contextlib import suppress

from support.terminal import Terminal

from tests.soak.fleet import PLACES

_SIZES = ((120, 36), (120, 36), (80, 24), (200, 50), (60, 16), (50, 12))
_ANSWERS = ("s", "s", "s", "x", "x", "f", "f", "y", "enter", "n", "escape")
"""To a question, if one is asked; on the dashboard some of them are commands again."""
_LETTERS = "abcdefghijklmno"
"""None that leaves the program or ends the recording: they may come before the palette stands."""
_PAUSE_S = (0.1, 0.6)
_ESCAPE_S = 0.15
_QUESTION = " Cancel "
"""The button that each question has."""
_FILTER = "name, model or state"
"""What stands in the field of the filter."""
_TRIES, _PATIENCE_S = 10, 6.0
_PAUSED = "PICTURE PAUSED"
_BACK = ("escape", "escape", "escape", "1")
_ROW = re.compile(r"[▶ ] [■ ].m\d\d ")
_TAKES = {"s": ("AWAKE",), "v": ("AWAKE",), "w": ("ASLEEP", "PARTIAL"), "x": ("ASLEEP",)}
"""States in which a model takes an order."""
_BLIND = 0.1
"""How often a model is chosen whatever its state."""
_KINDS = {
    "order": 24,
    "many": 6,
    "options": 4,
    "prompt": 4,
    "cancel": 4,
    "view": 10,
    "filter": 2,
    "page": 6,
    "palette": 1,
    "mark": 1,
    "resize": 1,
    "faster": 1,
}


class Keys:
    """Presses keys of a panel that stands; never one that leaves it or begins a benchmark."""

    def __init__(self, terminal: Terminal, rng: random.Random) -> None:
        self._terminal = terminal
        self._rng = rng
        self._kinds = [kind for kind, times in _KINDS.items() for _ in range(times)]

    def act(self) -> None:
        """Do one thing on the dashboard, then think."""
        if _QUESTION in self._terminal.text:
            self.press(self._rng.choice(_ANSWERS))
        elif not self._is_bare(self._terminal.text) or _PAUSED in self._terminal.text:
            self.stand()
        self.press(*getattr(self, f"_{self._rng.choice(self._kinds)}")())
        self._terminal.pump_for(self._rng.uniform(*_PAUSE_S))

    def press(self, *keys: str) -> None:
        """Press keys as a person does: what comes right behind an escape is part of it."""
        for key in keys:
            self._terminal.press(key)
            if key == "escape":
                self._terminal.pump_for(_ESCAPE_S)

    def stand(self) -> None:
        """Go back to the dashboard, in a size in which all of it is seen."""
        self._terminal.resize(*_SIZES[0])
        self._press_until(self._is_bare, *_BACK)
        if _PAUSED in self._terminal.text:
            self.press("p")

    def leave(self) -> None:
        """Quit as a user does; a recording runs, so that it asks."""
        self.stand()
        self._press_until(lambda text: "(y)" in text, "q")
        self.press("y")

    def _press_until(self, condition: Callable[[str], bool], *keys: str) -> None:
        """Press keys, again if need be: a busy program takes an escape and the next key for one."""
        for _ in range(_TRIES):
            self.press(*keys)
            with suppress(AssertionError):
                self._terminal.until(condition, "it", _PATIENCE_S)
                return
        raise AssertionError(f"{keys} pressed in vain; the screen is:\n{self._terminal.text}")

    def rotate(self) -> None:
        """End the recording and begin the next one; the light is seen on the dashboard alone."""
        self.stand()
        if self._is_recording(self._terminal.text):
            self._record(on=False)
        self._record(on=True)

    def _record(self, *, on: bool) -> None:
        self._press_until(lambda text: self._is_recording(text) is on, "r")

    @staticmethod
    def _is_recording(text: str) -> bool:
        return "● REC" in text.split("\n", 1)[0]

    def _is_bare(self, text: str) -> bool:
        return self._is_dashboard(text) and _QUESTION not in text and _FILTER not in text

    @staticmethod
    def _is_dashboard(text: str) -> bool:
        return "─Fleet" in text and "─GPU memory" in text

    def _moved(self, *states: str) -> list[str]:
        """To a model in one of these states, where one is seen; else, and at times, to any."""
        rows = [line for line in self._terminal.text.splitlines() if _ROW.match(line)]
        here = next((row for row, line in enumerate(rows) if line.startswith("▶")), 0)
        suits = [row for row, line in enumerate(rows) if any(state in line for state in states)]
        if not suits or self._rng.random() < _BLIND:
            suits = list(range(len(PLACES)))
        way = self._rng.choice(suits) - here
        return ["down" if way > 0 else "up"] * abs(way)

    def _order(self) -> list[str]:
        """One model: sleep, wake, switch, verify; a question is answered somehow."""
        what = self._rng.choice("sswwxxv")
        return [*self._moved(*_TAKES[what]), what, self._rng.choice(_ANSWERS)]

    def _many(self) -> list[str]:
        """Several at once."""
        if self._rng.random() < 0.3:
            return ["a", self._rng.choice(_ANSWERS)]
        chosen = [key for _ in range(self._rng.randrange(2, 6)) for key in ("space", "down")]
        return [*chosen, self._rng.choice("sw"), self._rng.choice(_ANSWERS), "escape"]

    def _options(self) -> list[str]:
        """Sleep, with a level and a mode."""
        return [*self._moved("AWAKE"), "S", self._rng.choice("0112"), self._rng.choice("awk"), "s"]

    def _prompt(self) -> list[str]:
        """A test prompt, stopped or left while it streams."""
        ends = ("escape",), ("ctrl+g", "escape"), ()
        return [*self._moved("AWAKE"), "t", *"Hi", "ctrl+j", *self._rng.choice(ends), "escape"]

    def _cancel(self) -> list[str]:
        return [*self._moved("◐", "QUEUED"), "c"]

    def _view(self) -> list[str]:
        return [*self._moved(), *self._rng.choice(("d", "d", "o", "pp"))]

    def _filter(self) -> list[str]:
        text = self._rng.choice(("m0", "awake", "asleep", "zzz", "m1"))
        return ["/", *text, "enter", *self._moved(), "escape"]

    def _page(self) -> list[str]:
        """A page is opened, looked through and left."""
        page = self._rng.choice(("2", "3", "4", "b", "l", "question_mark"))
        key = {"question_mark": "?"}.get(page, page)
        return [*self._moved(), key, *self._moved(), "escape"]

    def _palette(self) -> list[str]:
        return ["ctrl+p", *self._rng.choices(_LETTERS, k=3), "escape"]

    def _mark(self) -> list[str]:
        return ["m"]

    def _resize(self) -> list[str]:
        self._terminal.resize(*self._rng.choice(_SIZES))
        return []

    def _faster(self) -> list[str]:
        """Look more or less often, and as before again."""
        return self._rng.choice((["+", "-"], ["-", "+"]))
