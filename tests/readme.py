"""What README and ARCHITECTURE take from the code: ``python -m tests.readme`` writes it."""

import ast
import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sleeptui import config_schema as schema
from sleeptui.config import ENVIRONMENT
from sleeptui.core import settings
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
_NAMES = {
    "docker": "container",
    "env": "environment",
    "settled_mib": "settled_bytes",
    "residual_mib": "residual_bytes",
}
"""Keys of the file that have another name in the settings."""


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
    rows: list[Sequence[str]] = []
    parts = (
        ("", schema.ConfigFile, settings.Settings),
        ("[[server]] ", schema.ServerTable, settings.ServerSpec),
        ("[[server]] runtime.", schema.RuntimeTable, settings.ServerSpec),
        ("[timeouts] ", schema.TimeoutsTable, settings.Timeouts),
        ("[canary] ", schema.CanaryTable, settings.Canary),
        ("[sampling] ", schema.SamplingTable, settings.Sampling),
        ("[thresholds] ", schema.ThresholdsTable, settings.Thresholds),
        ("[prompt] ", schema.PromptTable, settings.PromptDefaults),
        ("[recording] ", schema.RecordingTable, settings.RecordingDefaults),
    )
    for place, table, value in parts:
        meanings = field_docstrings(value)
        for field in msgspec.structs.fields(table):
            if not _is_table(field):
                meaning = meanings[_NAMES.get(field.name, field.name)]
                rows.append((f"`{place}{field.name}`", _default(field, value), meaning))
    return _table(("key", "default", "meaning"), rows)


def _is_table(field: msgspec.structs.FieldInfo) -> bool:
    kind = str(field.type)
    return "Table" in kind


def _default(field: msgspec.structs.FieldInfo, value: type) -> str:
    if field.required:
        return "required"
    found: Any = field.default
    if found is msgspec.NODEFAULT:
        found = field.default_factory()
    if value in (settings.Timeouts, settings.Canary):
        found = getattr(value(), field.name)
    if found is None or found == {}:
        return ""
    if isinstance(found, bool):
        return f"`{str(found).lower()}`"
    return f'`"{found}"`' if isinstance(found, str) else f"`{found:g}`"


def field_docstrings(kind: type) -> dict[str, str]:
    """The docstrings that stand under the fields of a class, or the values of an enumeration."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(node, ast.ClassDef)
    found: dict[str, str] = {}
    for before, after in zip(node.body, node.body[1:], strict=False):
        said = after.value if isinstance(after, ast.Expr) else None
        if not isinstance(said, ast.Constant):
            continue
        words = " ".join(str(said.value).split())
        if isinstance(before, ast.AnnAssign):
            found[ast.unparse(before.target)] = words
        elif isinstance(before, ast.Assign) and isinstance(before.value, ast.Constant):
            found[str(before.value.value)] = words.replace("``", "`")
    return found


def _coded(rows: Iterable[tuple[str, str]]) -> Iterable[Sequence[str]]:
    return ((f"`{name}`", meaning) for name, meaning in rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    for document in (README, ARCHITECTURE):
        document.write_text(written(document.read_text()))
