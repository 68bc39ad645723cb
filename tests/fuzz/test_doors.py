"""All readers of outside data have a fuzz test: a new one cannot be forgotten.

A reader is known by what it calls. What it does with that is not judged here: each is either a
door, with the test that feeds it, or it reads nothing from outside, with the reason.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "sleeptui"
READS = {
    "convert", "decode", "fromisoformat", "load", "loads", "pread", "raw_decode", "read_bytes",
    "read_text", "readline", "readlink", "readv", "split", "strptime",
    "text_string_to_metric_families", "Decoder", "JSONDecoder",
}  # fmt: skip
OWNERS = {"split": {"shlex"}, "decode": {"json"}, "load": {"json", "tomllib"}}
"""Of names that others have too: whose they must be."""
DOORS = {
    "adapters.bench_lock": "test_state_files",
    "adapters.command_lines": "test_machine",
    "adapters.container_facts": "test_machine",
    "adapters.http_errors": "test_replies",
    "adapters.launch": "test_machine",
    "adapters.notebook": "test_state_files",
    "adapters.process_logs": "test_machine",
    "adapters.promtext": "test_metrics",
    "adapters.sse": "test_streams",
    "adapters.started": "test_state_files",
    "adapters.vllm": "test_wire",
    "adapters.vllm_json": "test_replies",
    "adapters.vllm_look": "test_wire",
    "adapters.vllm_wire": "test_wire",
    "adapters.weight_paths": "test_machine",
    "config": "test_environment",
    "config_errors": "test_toml",
    "config_expectations": "test_toml",
    "config_plan": "test_toml",
    "config_schema": "test_toml",
    "config_toml": "test_toml",
    "core.startup_log": "test_machine",
    "core.version": "test_words",
    "recorder.decoding": "test_journals",
    "recorder.fold": "test_journals",
    "recorder.following": "test_journals",
    "recorder.imports.documents": "test_imports",
    "recorder.imports.guidellm": "test_imports",
    "recorder.imports.vllm_offline": "test_imports",
    "recorder.imports.vllm_serve": "test_imports",
    "recorder.playback": "test_journals",
    "recorder.reader": "test_journals",
    "recorder.summaries": "test_journals",
    "recorder.tape": "test_journals",
    "services.startup": "test_machine",
    "sim.__main__": "test_simulation",
    "sim.address": "test_simulation",
    "sim.asks": "test_simulation",
    "sim.bank": "test_simulation",
    "sim.control": "test_simulation",
    "sim.routes": "test_simulation",
    "tui.keymap": "test_environment",
}
TRUSTED = {
    "adapters.bench_process": "lines of a child that we have started",
    "adapters.cards": "the kernel's own files",
    "adapters.family": "the kernel's own files",
    "adapters.machine": "the kernel's own files",
    "adapters.page_cache": "bytes are counted, not read",
    "adapters.process_table": "the kernel's own files, through psutil",
    "cli_signals": "a yes or no of the user",
    "cli_import": "calls recorder.imports.documents",
    "recorder.redact": "what we have encoded ourselves",
    "sim.launch": "lines of a child that we have started",
    "sim.weights": "the kernel's own files, and weights that are only counted",
    "services.origin": "a port's method of that name",
    "world": "a port's method of that name",
}


def is_reading(call: ast.Call) -> bool:
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    owner = getattr(function, "value", None)
    owned = getattr(owner, "attr", getattr(owner, "id", ""))
    return name in READS and owned in OWNERS.get(name, {owned})


@cache
def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, without its name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sleeptui."):
            module = node.module.removeprefix("sleeptui.")
            found |= {module, *(f"{module}.{one.name}" for one in node.names)}
    return found


def file_of(module: str) -> Path:
    return PACKAGE / f"{module.replace('.', '/')}.py"


@cache
def reached(test: str) -> set[str]:
    """What a test imports, and what that imports in turn."""
    every = set(imports(HERE / f"{test}.py"))
    for _ in range(2):
        every |= {more for one in every if file_of(one).exists() for more in imports(file_of(one))}
    return every


def test_every_reader_is_a_door_or_reads_nothing_from_outside():
    found = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if any(
            isinstance(node, ast.Call) and is_reading(node)
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert found <= DOORS.keys() | TRUSTED.keys()
    assert TRUSTED.keys() - found == set()


@pytest.mark.parametrize("door", DOORS)
def test_a_door_is_fuzzed(door):
    assert file_of(door).exists()
    test = DOORS[door]
    assert door in reached(test)
    assert "@given(" in (HERE / f"{test}.py").read_text()


def test_every_fuzz_test_is_the_one_of_a_door():
    of_doors = {*DOORS.values(), "test_doors", "test_exports"}
    assert {path.stem for path in HERE.glob("test_*.py")} == of_doors
