"""CSV: tidy tables that every spreadsheet and data frame reads."""

import csv
import io
from collections.abc import Iterable, Sequence

from sleeptui.core.text import one_line

Cell = str | int | float | bool | None
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001 - as some read them


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """UTF-8, commas, line feeds; unknown is empty, yes and no are ``true`` and ``false``."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_spelt(cell) for cell in row] for row in rows)
    return file.getvalue().encode()


def _spelt(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, str):
        text = one_line(cell)
        # A spreadsheet would run it; the text is a server's own.
        return f"'{text}" if text.startswith(_FORMULA) else text
    return repr(cell)
