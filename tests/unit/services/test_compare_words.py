"""A comparison as text and as JSON: what comes first, what fits 80 columns, what is promised."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_type_hints

from support import journals

from sleeptui.core.compare import Comparison, Lone, compare
from sleeptui.core.compare_env import Difference
from sleeptui.core.compare_pairs import TimePair, Verdict, time_pair
from sleeptui.core.interval import Interval, Sample, measured
from sleeptui.core.session import Session
from sleeptui.recorder import fold
from sleeptui.services import as_json, compare_json, compare_words

WIDTH = 80


def recorded(**how: object) -> Session:
    with TemporaryDirectory() as directory:
        folder = journals.folder(Path(directory), journals.Sample(**how))
        return fold.read(folder / "journal.jsonl")


@cache
def slower() -> Comparison:
    return compare(recorded(), recorded(run_id="other", seed=9, wakes=1.2, driver="580.1"))


def text(comparison: Comparison) -> list[str]:
    return [said.text for said in compare_words.lines(comparison)]


def row(comparison: Comparison, label: str) -> str:
    return next(line for line in text(comparison) if line.strip().startswith(label))


def only(*pairs: TimePair, **fields: object) -> Comparison:
    a, b = slower().a, slower().b
    return Comparison(**{"a": a, "b": b, "times": pairs, **fields})


def interval(median: float, *, n: int = 1, unit: str = "s", id_: str = "x") -> Interval:
    samples = tuple(
        Sample(value_s=median, attempt_id=number, at_ns=0, life=number) for number in range(n)
    )
    return measured(Interval(id=id_, server="s", model="m", unit=unit, samples=samples))


def test_differences_come_before_the_figures():
    lines = text(slower())
    assert lines[0] == "A  20261123T093000Z-summarize-code-7f3c"
    around, times = (
        next(n for n, line in enumerate(lines) if line.startswith(words))
        for words in ("Different around them", "Times")
    )
    assert around < times
    assert row(slower(), "driver").split() == ["driver", "570.86.15", "580.1"]


def test_a_row_has_medians_ratio_interval_and_verdict():
    words = row(slower(), "wake.call L1").split()
    assert words[:7] == ["wake.call", "L1", "16/16", "529", "ms", "638", "ms"]
    assert words[-2:] == ["slower", "*"]
    assert any("too few restarts" in line for line in text(slower()))


def test_it_fits_80_columns():
    assert max(map(len, text(slower()))) < WIDTH


def test_better_and_worse_have_their_tones():
    tones = {said.text.split()[0]: said.tone for said in compare_words.lines(slower()) if said.text}
    assert tones["wake.call"] == compare_words.WORSE
    assert tones["sleep.call"] == compare_words.PLAIN
    faster = compare_words.lines(only(time_pair(interval(2, n=9), interval(1, n=9))))
    assert compare_words.BETTER in {said.tone for said in faster}


def test_what_is_no_measurement_is_said_at_the_top():
    a = replace(slower().a, partial="it has no end", source="vllm bench serve")
    comparison = replace(slower(), a=a, b=replace(a, demo="faults"), unlike=("they differ",))
    head = "\n".join(text(comparison)[:9])
    assert "PARTIAL: it has no end" in head
    assert "SIMULATED: the fleet “faults”" in head
    assert "from vllm bench serve" in head
    assert "A and B are the same session." in head
    assert "Compared all the same: they differ." in head


def test_nothing_of_a_foreign_file_reaches_the_terminal_as_an_escape():
    a = replace(slower().a, source="bench\x1b]0;t\x07\x1b[31m", tool="\x9b5m")
    odd = replace(slower().reliability[0], kind="sl\x1b[31meep")
    said = text(replace(slower(), a=a, b=a, unlike=("a \x1b[31mred one",), reliability=(odd,)))
    assert not any("\x1b" in line or "\x9b" in line for line in said)
    assert any("from bench" in line for line in said)
    assert "Compared all the same: a red one." in said


def test_nothing_in_common_and_nothing_different():
    comparison = only(lone=(Lone(side="B", id="switch", model="", level=None, n=3),))
    lines = text(comparison)
    assert "Around them nothing differs that is known." in lines
    assert "Nothing was measured in both of them." in lines
    assert lines[lines.index("Only in B") + 1].strip() == "switch of a model that is not named (3)"


def test_long_differences_take_lines_of_their_own():
    long = Difference(what="--hf-overrides", model="m", a="x" * 99, b="not given")
    lines = text(only(differences=(long,)))
    at = lines.index("    --hf-overrides")
    assert lines[at + 1].startswith("      A  xxx")
    assert lines[at + 2] == "      B  not given"
    assert max(map(len, lines)) < WIDTH


def test_figures_of_all_sizes_keep_their_columns():
    pairs = [
        time_pair(interval(a, id_="x", unit=unit), interval(b, id_="x", unit=unit))
        for a, b, unit in [
            (0.00123, 0.0456, "s"),
            (12.34, 1234.5, "s"),
            (0.5, 99999.0, "s"),
            (1201.16, 1967.06, "tok/s"),
        ]
    ]
    lines = [line for line in text(only(*pairs)) if line.strip().startswith("x ")]
    assert [line.split()[2:6] for line in lines[:3]] == [
        ["1.23", "ms", "45.6", "ms"],
        ["12.3", "s", "20", "m"],
        ["500", "ms", "1", "d"],
    ]
    assert lines[3].split()[:4] == ["x", "tok/s", "1/1", "1201"]
    assert [line.split()[-3] for line in lines] == ["37.07", "100.0", "2.0e+05", "1.638"]
    long = time_pair(interval(1, id_="time_per_output_token [concurrent streams 2]"), interval(2))
    lines = text(only(long))
    at = lines.index("    time_per_output_token [concurrent streams 2]")
    assert lines[at + 1].split() == ["1/1", "1.00", "s", "2.00", "s", "2.000", "--", "unclear"]
    unknown = replace(pairs[0], change=None, a=replace(pairs[0].a, median=None))
    assert "--" in row(only(unknown), "x")


def test_json_has_the_fields_that_it_promises():
    document = json.loads(as_json.text("compare", compare_json.of(slower(), forced=False)))
    assert (document["schema"], document["v"]) == ("sleeptui.compare", 1)
    for name, shape in [
        ("a", compare_json.SideJson),
        ("differences", compare_json.DifferenceJson),
        ("intervals", compare_json.IntervalJson),
        ("memory", compare_json.MemoryJson),
        ("reliability", compare_json.ReliabilityJson),
    ]:
        value = document[name]
        assert set(value if isinstance(value, dict) else value[0]) == set(get_type_hints(shape))
    assert {"schema", "v", *get_type_hints(compare_json.ComparisonJson)} == set(document)
    wake = next(one for one in document["intervals"] if one["id"] == "wake.call")
    assert wake["verdict"] == "slower"
    assert wake["low"] < wake["ratio"] < wake["high"]


def test_json_of_what_is_not_known_is_null():
    pair = replace(time_pair(interval(1.0), interval(2.0)), ratio=None, verdict=Verdict.UNCLEAR)
    lone = Lone(side="A", id="y", model="m", level=1, n=2)
    bare = replace(slower().reliability[0].a, rate=None)
    rates = (replace(slower().reliability[0], a=bare),)
    document = compare_json.of(only(pair, lone=(lone,), reliability=rates), forced=True)
    assert document["forced"]
    assert document["intervals"][0]["low"] is None
    assert document["only_in_one"][0]["side"] == "a"
    assert document["reliability"][0]["a"]["k"] is None
    assert "not tried" in row(only(reliability=rates), "sleep L1")
