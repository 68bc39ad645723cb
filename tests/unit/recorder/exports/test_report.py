"""The report: what it says first, what it leaves out, and that nothing from outside is markup."""

import re
from dataclasses import replace

import pytest
from golden import GOLDEN
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.operation import Kind, OperationRecord, Outcome
from sleeptui.core.session import (
    Attempt,
    Curve,
    ImportedSeries,
    Moment,
    ServerSeen,
    StateSpan,
)
from sleeptui.recorder.exports import digits, markdown, report_results, report_session
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.report_md import report_md

PAGE = (GOLDEN / "report.md").read_text()
S = 1_000_000_000
MINUS = "\N{MINUS SIGN}"


def page(session):
    return report_md(Measured(session)).decode()


def tables(text):
    return [block for block in text.split("\n\n") if block.lstrip().startswith("|")]


def test_tables_are_aligned_and_whole():
    assert len(tables(PAGE)) > 10
    for block in tables(PAGE):
        lines = block.splitlines()
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_no_section_is_empty():
    lines = [line for line in PAGE.splitlines() if line]
    heads = [n for n, line in enumerate(lines) if line.startswith("#")]
    assert all(not lines[n + 1].startswith("#") for n in heads)
    assert not lines[-1].startswith("#")


def test_pictures_are_there():
    links = re.findall(r"\]\((charts/[a-z]+\.svg)\)", PAGE)
    assert len(links) == 4
    assert all((GOLDEN / link).is_file() for link in links)


def test_an_empty_session_is_a_short_page(empty):
    text = page(empty)
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == [
        "# Session 20261123T093000Z-empty-0000",
        "## Quality of the recording",
        "## Method",
        "## Limits",
        "## How to rebuild",
    ]


def test_what_is_wrong_with_a_session_is_said_first(empty):
    text = page(replace(empty, partial="its last line is torn", demo="two-gpus"))
    first, second = [line for line in text.splitlines() if line.startswith(">")]
    assert first.startswith("> **PARTIAL.** Its last line is torn.")
    assert "SIMULATED" in second
    assert text.index("PARTIAL") < text.index("operations")


def test_an_imported_session_shows_its_series(empty):
    series = ImportedSeries(
        name="ttft", run="rate 4", unit="ms", values=(1.0, 2.0), stats={"p99": 2.0, "std": None}
    )
    text = page(replace(empty, source="vllm bench serve", imported=(series,)))
    assert "**IMPORTED** from vllm bench serve" in text
    assert "p99 2.00" in text


def test_an_operation_that_never_ended_is_listed(empty):
    one = Attempt(
        id=1, kind="wake", server="a", model="a", level=1, began_ns=6 * S, cls="unfinished"
    )
    session = replace(
        empty,
        partial="it has no end",
        ended_ns=9 * S,
        servers=(ServerSeen(name="a", url="http://a"),),
        attempts=(one,),
    )
    text = page(session)
    assert "the recording ended while it ran" in text
    assert "1 `unfinished`" in text


def test_a_level_of_which_nothing_counts_is_not_at_a_glance(empty):
    record = OperationRecord(
        id=1, kind=Kind.SLEEP, server="a", began_s=6, duration_s=9.0, outcome=Outcome.DONE, level=1
    )
    one = Attempt(
        id=1, kind="sleep", server="a", model="a", level=1, began_ns=6 * S, ended_ns=9 * S,
        cls="ok", nth=1, life=1, record=record,
    )  # fmt: skip
    text = page(replace(empty, servers=(ServerSeen(name="a", url="http://a"),), attempts=(one,)))
    assert "- **a**: 1 of 1 operations did what they should." in text
    assert " · 1 server · 1 operation · 0 requests · " in text


def test_a_setting_reads_as_in_a_configuration_file(empty):
    text = page(replace(empty, settings={"readonly": False, "x.y_s": 0.5, "none": None}))
    assert "| `readonly` | false |" in text
    assert "| `x.y_s`    | 0.5   |" in text
    assert "`none`" not in text


def test_attempts_stand_in_one_order_whatever_was_done_first(session):
    text = page(session)
    first = text.partition("## Attempts\n\n")[2].partition("\n\n")[0]
    order = [kind.value for kind in Kind]
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in first.splitlines()[2:]]
    for server in ("summarize", "code"):
        kinds = [(order.index(kind), level) for name, kind, level in rows if name == server]
        assert len(kinds) > 3
        assert kinds == sorted(kinds)


def test_long_lists_are_cut_and_say_so(empty):
    bad = tuple(
        Attempt(id=n, kind="sleep", server="a", model="a", began_ns=6 * S, cls="timeout")
        for n in range(50)
    )
    states = tuple(
        StateSpan(server="a", state="asleep", level=1, by="other", began_ns=6 * S, ended_ns=7 * S)
        for _ in range(50)
    )
    marks = tuple(Moment(at_ns=6 * S, kind="mark", text="x") for _ in range(70))
    crowded = replace(
        empty, servers=(ServerSeen(name="a", url="u"),), attempts=bad, states=states, moments=marks
    )
    text = page(crowded)
    assert "10 more are in `results.csv`." in text
    assert text.count("10 more are in the journal.") == 2


def test_dropped_samples_and_stalls_are_said(empty):
    lag = Curve()
    for number, value in enumerate((0.001, None, 0.2)):
        lag.add(number, value)
    text = page(replace(empty, dropped={"gpu": 3, "host": 0}, lag_s=lag, seed=7, plan={"n": 4}))
    assert "dropped samples: 3 gpu." in text
    assert "at most 0.20 s late" in text
    assert "in 1 of 2 seconds" in text
    assert "| `seed`" in text


def test_a_known_environment_is_shown_and_an_unknown_one_is_not(session, empty):
    home = replace(
        session.servers[0].home,
        container="vllm-a",
        image="vllm/vllm-openai:v0.32.0",
        image_digest="sha256:aa",
        command=("vllm", "serve", "a|b"),
        environment={"VLLM_SERVER_DEV_MODE": "1"},
    )
    text = "\n".join(
        report_session.environment(
            replace(empty, servers=(replace(session.servers[0], home=home, facts=None),))
        )
    )
    assert "`vllm serve a\\|b`" in text
    assert "VLLM\\_SERVER\\_DEV\\_MODE" in text
    assert "kernel" not in text


def test_growth_stands_out(measured):
    trend = replace(measured.trends[0], is_notable=True)
    assert any("**yes**" in line for line in report_results._trends([trend]))
    assert report_results._trends([]) == []


NASTY = "<img src=x onerror=alert(1)> [a](http://b) | `c` *d* _e_ # $x$ \\ &amp; \x1b]0;t\x07"


def test_text_from_outside_is_no_markup(empty):
    session = replace(
        empty,
        servers=(ServerSeen(name=NASTY, url=NASTY),),
        moments=(Moment(at_ns=6 * S, kind="note", text=NASTY, server=NASTY),),
        partial=NASTY,
        source=NASTY,
    )
    text = page(session)
    prose = re.sub(r"(`+).*?\1", "", text.replace("\\`", ""))  # in code all is literal
    assert "<img" not in prose
    assert not re.search(r"(?<!\\)\]\(http", prose)
    assert "\x1b" not in text
    for block in tables(text):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


@given(st.text())
def test_code_holds_any_text(words):
    shown = markdown.code(words)
    fence = re.match(r"`+", shown)[0]
    assert shown.endswith(fence)
    inside = shown[len(fence) : len(shown) - len(fence)]
    assert fence not in re.findall(r"`+", inside)
    assert "\n" not in shown


def test_a_column_of_which_nothing_is_known_is_left_out():
    lines = markdown.table(("a", ">b", ">c"), [("1", "--", "2"), ("3", "", "44")])
    assert lines == ["| a   |   c |", "| --- | --: |", "| 1   |   2 |", "| 3   |  44 |"]


def test_a_section_without_parts_is_none():
    assert markdown.section("x", [], []) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "--"),
        (0, "0"),
        (12.2412, "12.2"),
        (0.3307, "0.331"),
        (0.09009, "0.0901"),
        (123.4, "123"),
        (999.6, "1,000"),
        (1234.5, "1,234"),
        (-3.0, f"{MINUS}3.00"),
        (0.0000012345, "0.00000123"),
    ],
)
def test_three_digits(value, text):
    assert digits.three(value) == text


def test_bytes_and_parts():
    assert digits.mib(-300) == "0"
    assert digits.mib(-(5 << 20)) == f"{MINUS}5"
    assert (
        digits.mib(None) == digits.gib(None) == digits.percent(None) == digits.whole(None) == "--"
    )
    assert digits.gib(81 << 30) == "81.0"
    assert digits.percent(0.9716) == "97.2"
    assert digits.between(None, 1.0) == "--"
