"""What a soak comes to: one line a check, with its figures."""

from collections.abc import Iterator
from dataclasses import dataclass

from sleeptui.core.stats import Slope
from tests.soak.journals import read_back
from tests.soak.run import Soaked
from tests.soak.samples import KIB, growth, rise

_FONTS = "/mpl-data/fonts/"
"""The report is made when the panel has ended; what draws it keeps its fonts open to the end."""
_LEFT_TO_GC = "ResourceWarning"
"""It is closed, only late: what is not closed is counted as left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold."""

    holds: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.holds else 'FAIL'} {self.text}"


def checks(soaked: Soaked) -> Iterator[Check]:
    """All that must hold of one program."""
    name, inside = soaked.name, soaked.inside
    yield Check(holds=soaked.code == 0, text=f"{name}: ended with {soaked.code}")
    yield _memory(soaked)
    if not inside:
        yield Check(holds=False, text=f"{name}: did not tell what it has done")
        return
    yield _none(f"{name}: tasks left", inside["tasks"])
    for what in ("threads", "files", "children"):
        before = inside["before"][what]
        after = [one for one in inside["after"][what] if _FONTS not in one]
        text = f"{name}: {what} before {len(before)}, after {len(after)}"
        new = [one for one in after if one not in before]
        yield Check(holds=len(after) <= len(before), text=f"{text}{_listed(new)}")
    yield from _done(soaked)
    left = [text for text in inside["said"] if _LEFT_TO_GC in text]
    told = [text for text in inside["said"] if text not in left]
    yield _none(f"{name}: errors that nobody has handled", told)
    yield Check(
        holds=True, text=f"{name}: left to the collector to close: {len(left)}{_listed(left)}"
    )
    ended = {int(number): at_s for number, at_s in inside["ended"].items()}
    found = read_back(soaked.sessions, ended)
    yield Check(
        holds=not found.flaws and found.count > 0,
        text=f"{name}: {found.count} journals, {found.size_bytes / KIB**2:.1f} MiB, with"
        f" {found.begun} operations: whole, each with its end, a report made of each"
        f"{_listed(found.flaws)}",
    )


def _memory(soaked: Soaked) -> Check:
    """It is flat by what the system has given it, or by what it has in use of that.

    What lies free between blocks in use rises and falls with where they lie, for longer than a
    soak: what a program holds rises in its RSS and in what it has in use.
    """
    text = f"{soaked.name}: memory: {soaked.watched.words()}"
    slope = growth(soaked.watched.samples)
    if slope is None:
        return Check(holds=True, text=f"{text}; too short for a slope")
    told = soaked.inside.get("in_use", [])
    small = rise([(at_s, blocks) for at_s, blocks, _ in told])
    large = rise([(at_s, large) for at_s, _, large in told])
    within = [one for one in (small, large) if one is not None and any(each[2] for each in told)]
    return Check(
        holds=slope.low <= 0 or (len(within) == 2 and all(one.low <= 0 for one in within)),
        text=f"{text}; over the second half RSS {_each_minute(slope, KIB, 'KiB')}"
        f", in use {_each_minute(small, 1, 'small blocks')}"
        f" and {_each_minute(large, KIB, 'KiB of large ones')}",
    )


def _each_minute(slope: Slope | None, unit: int, word: str) -> str:
    if slope is None:
        return f"? {word}"
    value, low, high = (one / unit for one in (slope.value, slope.low, slope.high))
    return f"{value:+.1f} {word}/min, 95 % {low:+.1f} to {high:+.1f}"


def _done(soaked: Soaked) -> Iterator[Check]:
    inside = soaked.inside
    begun, ended = set(inside["begun"]), {int(number) for number in inside["ended"]}
    by_kind = ", ".join(f"{times} {what}" for what, times in sorted(inside["tally"].items()))
    yield Check(
        holds=begun == ended and bool(begun),
        text=f"{soaked.name}: operations begun {len(begun)}, ended {len(ended)}: {by_kind}",
    )
    yield _none(f"{soaked.name}: one transition at a time on a GPU, broken", inside["broken"])
    troubles = ", ".join(f"{times} {what}" for what, times in sorted(soaked.switched.items()))
    total = sum(soaked.switched.values())
    yield Check(holds=total > 0, text=f"{soaked.name}: {total} troubles: {troubles}")


def _none(what: str, found: list[str]) -> Check:
    return Check(holds=not found, text=f"{what}: {len(found)}{_listed(found)}")


def _listed(found: list[str]) -> str:
    return "".join(f"\n       {one}" for one in found[:20])
