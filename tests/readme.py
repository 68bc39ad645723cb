"""What README and ARCHITECTURE take from the code: ``python -m tests.readme`` writes it."""

import ast
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sleeptui.config import ENVIRONMENT
from sleeptui.config_keys import RUNTIME, SERVER, Key, field_docstrings, keys
from sleeptui.config_write import value
from sleeptui.core.commands import BY_ID
from sleeptui.core.model import State
from sleeptui.sim.faults import Fault
from sleeptui.sim.scenario import SCENARIOS
from sleeptui.tui.glyphs import UNICODE
from sleeptui.tui.keymap import key_table_markdown
from sleeptui.tui.screens.help import STATES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "sleeptui" / "ARCHITECTURE.md"
_MARKED = re.compile(
    r"(<!-- begin (?P<name>\w+) -->\n)(?P<body>.*?)(<!-- end (?P=name) -->)", re.DOTALL
)

HOW_KNOWN = {
    State.AWAKE: "/is_sleeping false, and the metric `engine_sleep_state` agrees",
    State.ASLEEP: "/is_sleeping true, level by the metric, GPU memory let go",
    State.PAUSED: "/is_sleeping true, GPU memory held, metric awake or all zero",
    State.DRAINING: "our own operation",
    State.FALLING_ASLEEP: "our own operation; or /is_sleeping blocks while /metrics answers",
    State.WAKING: "our own operation; or /is_sleeping blocks while /metrics answers",
    State.RELOADING: "our own operation",
    State.VERIFYING: "our own operation: the canary is with the server",
    State.STARTING: "our own operation; or its process runs and nothing listens yet",
    State.STOPPING: "our own operation",
    State.PARTIAL: "/is_sleeping true, GPU memory grown back, or a staged wake that stopped midway",
    State.SUSPECT: "signals disagree for three looks, a sleep let go of too little memory, or the"
    " canary was answered with something else",
    State.WEDGED: "the last sleep or wake failed inside the engine, which still sleeps",
    State.NO_CONTROL: "the sleep routes answer 404, or /server_info says sleep mode is off",
    State.DOWN: "connection refused, /health 503, or another service on the port",
    State.STALE: "no answer for `stale_after_s`; a slow answer alone is not this",
    State.UNKNOWN: "no look has ended yet",
}
"""By which signals a state is recognised: the table in ARCHITECTURE.md, shorter."""


def tables() -> dict[str, str]:
    """Every generated part, by the name in its marks."""
    return {
        "keys": key_table_markdown(),
        "modules": _modules(),
        "states": _states(),
        "configuration": _configuration(),
        "environment": _table(("variable", "meaning"), _coded(ENVIRONMENT.items())),
        "commands": ", ".join(f"`{command}`" for command in BY_ID) + "\n",
        "faults": _table(("fault", "what happens"), _coded(field_docstrings(Fault).items())),
        "scenarios": _table(
            ("scenario", "shows"),
            (
                (f"`{each.name}`", f"{each.title}. {each.description}")
                for each in SCENARIOS.values()
            ),
        ),
    }


def _modules() -> str:
    """Each module with the first sentence of its docstring."""
    rows = []
    for path in sorted((ROOT / "sleeptui").rglob("*.py")):
        said = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
        if path.name != "__init__.py":
            name = path.relative_to(ROOT / "sleeptui").as_posix()
            rows.append((f"`{name}`", " ".join(said.split())))
    return _table(("module", "is for"), rows)


def marks(text: str) -> list[str]:
    """The names in the marks of a text."""
    return [found["name"] for found in _MARKED.finditer(text)]


def written(text: str) -> str:
    """The text with every generated part made anew."""
    made = tables()
    return _MARKED.sub(lambda found: f"{found[1]}\n{made[found['name']]}\n{found[4]}", text)


def _states() -> str:
    rows = (
        (f"`{UNICODE.states[state]} {state.value.upper()}`", meaning, HOW_KNOWN[state])
        for state, meaning in STATES
    )
    return _table(("shown", "meaning", "how it is known"), rows)


def _configuration() -> str:
    places = {"": "", SERVER: "[[server]] ", RUNTIME: "[[server]] runtime."}
    rows = (
        (f"`{places.get(key.table, f'[{key.table}] ')}{key.name}`", _default(key), key.meaning)
        for key in keys()
    )
    return _table(("key", "default", "meaning"), rows)


def _default(key: Key) -> str:
    if key.is_required:
        return "required"
    return "" if key.default is None else f"`{value(key.default)}`"


def _coded(rows: Iterable[tuple[str, str]]) -> Iterable[Sequence[str]]:
    return ((f"`{name}`", meaning) for name, meaning in rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    for document in (README, ARCHITECTURE):
        document.write_text(written(document.read_text()))
