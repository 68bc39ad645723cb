"""The figures of the house style, each beside its bar: ``python -m tests.figures``.

Exit code 1 where one does not hold. Complexity and statements are ruff's to hold, types mypy's.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE, CLASS, FUNCTION = 400, 300, 60
APP, SCREEN = 150, 250
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef | ast.Module


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure and its bar."""

    title: str
    value: float
    bar: float
    where: str = ""
    """Where the value was found, if it is the worst of many."""
    at_least: bool = False
    """The bar is a floor, not a ceiling."""
    share: bool = False
    """A share of 1, shown in percent."""

    @property
    def holds(self) -> bool:
        """Whether the bar holds."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def line(self) -> str:
        """As it is printed."""
        word, sign = "ok  " if self.holds else "OVER", ">=" if self.at_least else "<="
        value, bar = (
            (f"{self.value:.1%}", f"{self.bar:.0%}")
            if self.share
            else (f"{self.value:g}", f"{self.bar:g}")
        )
        where = f"  {self.where}" if self.where else ""
        return f"{word} {self.title:<42}{value:>8}  bar {sign} {bar}{where}"


class Source:
    """One file of the program, or of its tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text()

    @property
    def lines(self) -> int:
        """All of them."""
        return len(self.text.splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """What Python makes of it."""
        return ast.parse(self.text)

    @cached_property
    def told(self) -> set[int]:
        """Numbers of lines that hold code: no comment, no docstring, and not empty.

        The style asks for docstrings under fields and methods; a bar must not speak against them.
        """
        lines = enumerate(self.text.splitlines(), start=1)
        code = {number for number, line in lines if line.strip() and line.strip()[0] != "#"}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return code

    def spans(self, kind: type[ast.AST]) -> Iterator[tuple[str, int, int]]:
        """Each definition of a kind: its name, all its lines, those with code."""
        for node in ast.walk(self.tree):
            if isinstance(node, kind) and isinstance(node, Function | ast.ClassDef):
                rows = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                yield f"{self.name} {node.name}", len(rows), len(self.told & set(rows))

    def public(self) -> Iterator[Documented]:
        """What others may use: the module, its classes and functions, and their methods."""
        yield self.tree
        for node in self.tree.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                yield node
                if isinstance(node, ast.ClassDef):
                    yield from _methods(node)

    def slots(self) -> Iterator[bool]:
        """Each argument and each result of a function, with whether its type is said."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node.returns is not None
                given = node.args
                every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                every += [each for each in (given.vararg, given.kwarg) if each is not None]
                yield from (
                    each.annotation is not None
                    for each in every
                    if each.arg not in ("self", "cls", "_")
                )


def _methods(node: ast.ClassDef) -> Iterator[Function]:
    """Public methods; one that overrides says no more than what it overrides."""
    for inner in node.body:
        if isinstance(inner, Function) and not inner.name.startswith("_"):
            names = {one.id for one in inner.decorator_list if isinstance(one, ast.Name)}
            if not names & {"override", "overload"}:
                yield inner


def sources(folder: str) -> list[Source]:
    """The Python files in a folder of the repository."""
    return [Source(path) for path in sorted((ROOT / folder).rglob("*.py"))]


def figures() -> list[Figure]:
    """All of them."""
    program, tests = sources("sleeptui"), sources("tests")
    public = [bool(ast.get_docstring(node)) for each in program for node in each.public()]
    slots = [said for each in program for said in each.slots()]
    screens = [one for one in program if "/tui/screens/" in one.name]
    app = next(one for one in program if one.name.endswith("tui/app.py"))
    code, tried = (sum(each.lines for each in every) for every in (program, tests))
    return [
        _worst("lines of a file", FILE, [(one.name, one.lines) for one in program]),
        _worst(
            "lines of a function",
            FUNCTION,
            [(name, rows) for each in program for name, rows, _ in each.spans(Function)],
        ),
        _worst(
            "lines of code of a class",
            CLASS,
            [(name, rows) for each in program for name, _, rows in each.spans(ast.ClassDef)],
        ),
        _worst("lines of code of the app", APP, [(app.name, len(app.told))]),
        _worst("lines of code of a screen", SCREEN, [(one.name, len(one.told)) for one in screens]),
        Figure(title="typed", value=sum(slots) / len(slots), bar=1, at_least=True, share=True),
        Figure(
            title="public parts documented",
            value=sum(public) / len(public),
            bar=1,
            at_least=True,
            share=True,
        ),
        Figure(
            title=f"lines of tests ({tried}) to lines of code ({code})",
            value=round(tried / code, 3),
            bar=1,
            at_least=True,
        ),
    ]


def _worst(title: str, bar: float, found: list[tuple[str, int]]) -> Figure:
    """The largest of them, and where it is."""
    where, value = max(found, key=lambda each: each[1])
    return Figure(title=title, value=value, bar=bar, where=where)


def main() -> int:
    """Print a line a figure."""
    every = figures()
    for figure in every:
        print(figure.line())
    return 0 if all(figure.holds for figure in every) else 1


if __name__ == "__main__":
    sys.exit(main())
