"""Tables of a report, for tests that ask what stands in a cell."""

import re
from collections.abc import Sequence


def cells(lines: Sequence[str], row: int = 0) -> dict[str, str]:
    """The cells of a row of the first table, by their heads."""
    table = [line for line in lines if line.startswith("|")]
    heads, values = (re.split(r"(?<!\\)\|", table[n][1:-1]) for n in (0, row + 2))
    return {head.strip(): value.strip() for head, value in zip(heads, values, strict=True)}
