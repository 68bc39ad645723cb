"""The repository speaks of the product alone, and its documents say what the code says."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {
    "pyproject.toml", "sleeptui", "tests", "compose", "Makefile", "screenshots", "README.md",
    "CHANGELOG.md", "LICENSE", ".gitignore", ".pre-commit-config.yaml", ".ci",
}  # fmt: skip
PATHS = re.compile(r"/(?:root|work|farm)/[\w./-]+")
REGISTRY = re.compile(r"(?:index|registry|find-links)[-_\w]*\s*=\s*\S*://\S+")


def tracked():
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("not a git checkout: the list of files is not known")
    return [ROOT / name for name in done.stdout.split("\n") if name]


def test_the_top_level_is_fixed():
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP


def test_no_path_of_a_machine_and_no_registry_is_named():
    for path in tracked():
        if not path.is_file() or path.suffix in {".png", ".gif"} or path == Path(__file__):
            continue
        text = path.read_text(errors="replace")
        assert not PATHS.search(text), path
        assert not REGISTRY.search(text), path


def test_every_public_definition_is_documented():
    import ast

    for path in (ROOT / "sleeptui").rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        for node in ast.walk(tree):
            if isinstance(
                node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


def test_files_and_functions_stay_small():
    import ast

    for path in (ROOT / "sleeptui").rglob("*.py"):
        text = path.read_text()
        assert text.count("\n") <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{path}:{node.lineno} {node.name}"


def test_one_blanket_except_at_the_border():
    import ast

    found = []
    for path in (ROOT / "sleeptui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            broad = (
                node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"}
                if isinstance(node, ast.ExceptHandler)
                else False
            )
            if broad:
                found.append(path.name)
    assert found == ["cli.py"]
