"""The figures of the house style hold, and are counted as they say."""

import ast

import figures
import pytest
from figures import Figure, Source


@pytest.mark.parametrize("figure", figures.figures(), ids=lambda figure: figure.title[:20])
def test_each_figure_is_inside_its_bar(figure):
    assert figure.holds, figure.line()


def source(tmp_path, monkeypatch, text):
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    path = tmp_path / "one.py"
    path.write_text(text)
    return Source(path)


TEXT = '''"""What it is."""

# Why.
class One:
    """A class."""

    size: int = 3
    """Of something."""

    def two(self, given, other: int = 1):
        """A method."""
        text = """not
        a docstring"""

        return text

    def _three(self) -> None:
        return None
'''


def test_code_is_neither_comment_nor_docstring_nor_empty(tmp_path, monkeypatch):
    one = source(tmp_path, monkeypatch, TEXT)
    assert one.lines == 18
    assert sorted(one.told) == [4, 7, 10, 12, 13, 15, 17, 18]
    assert list(one.spans(ast.ClassDef)) == [("one.py One", 15, 8)]
    assert list(one.spans(ast.FunctionDef)) == [("one.py two", 6, 4), ("one.py _three", 2, 2)]


def test_public_parts_and_what_has_a_type(tmp_path, monkeypatch):
    one = source(tmp_path, monkeypatch, TEXT)
    names = [getattr(node, "name", "module") for node in one.public()]
    assert names == ["module", "One", "two"]
    assert sorted(one.slots()) == [False, False, True, True]


def test_a_figure_says_where_it_is_and_whether_it_holds():
    high = Figure(title="lines of a file", value=401, bar=400, where="a.py")
    assert not high.holds
    assert high.line().split() == [
        *("OVER", "lines", "of", "a", "file", "401", "bar", "<=", "400", "a.py")
    ]
    share = Figure(title="typed", value=1.0, bar=1, at_least=True, share=True)
    assert share.holds
    assert share.line().split() == ["ok", "typed", "100.0%", "bar", ">=", "100%"]


def test_make_check_prints_them():
    from support.documents import ROOT

    assert "-m tests.figures" in (ROOT / "Makefile").read_text()
