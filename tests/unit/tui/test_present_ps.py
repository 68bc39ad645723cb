"""The table of ``sleeptui ps``: the panel's words, in the width that there is."""

from itertools import pairwise

import pytest
from support import builders as make

from sleeptui.core.canary import Check
from sleeptui.core.learned import LastOperation, Learned
from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Operation, Outcome, Phase
from sleeptui.tui import present
from sleeptui.tui.glyphs import ASCII
from sleeptui.tui.present import Look
from sleeptui.tui.present_ps import table
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.tones import Tone

GIB = make.GIB
NOW = Look(now_s=100.0, epoch_s=1_000.0)
HEADS = ["NAME", "STATE", "LEVEL", "GPU GiB", "RAM GiB", "RUN", "WAIT", "IDLE", "CYCLES", "LAST"]


def texts(views, width=None, look=NOW):
    return [plain(one) for one in table(views, look, width)]


def cells(view, look=NOW):
    """The cells of one server, as a script that splits at two blanks reads them."""
    import re

    return re.split(r" {2,}", texts([view], look=look)[1])


def fleet():
    """Servers in the widest states that there are."""
    return [
        make.server("summarize-long", memory=make.memory(87 * GIB), home=make.home(1, 2)),
        make.server(
            "code",
            State.FALLING_ASLEEP,
            since_s=58.0,
            level=1,
            memory=make.memory(100 * GIB, measured=False),
            home=make.home(7, host_bytes=123 * GIB),
            metrics=make.metrics(running=1200, waiting=3400),
            operation=Operation(
                id=1, kind=Kind.SLEEP, server="code", began_s=58.0, phase=Phase.CALLING
            ),
            cycles=1234,
        ),
        make.server("chat", State.NO_CONTROL, idle_since_s=-80_000.0),
    ]


def test_the_heads_stand_in_their_order():
    assert " ".join(texts([])[0].split()) == " ".join(HEADS)


def test_a_row_has_the_figures_of_the_server():
    view = make.server(
        "code",
        State.ASLEEP,
        level=1,
        memory=make.memory(int(1.4 * GIB)),
        home=make.home(7, host_bytes=6 * GIB),
        metrics=make.metrics(running=8),
        queue_frozen=True,
        parked=3,
        idle_since_s=60.0,
        was_busy=True,
        cycles=4,
        history=(make.record(Kind.SLEEP, duration_s=0.38),),
    )
    assert cells(view) == [
        *("code", "○ ASLEEP", "1", "1.4", "6.0", "8*", "3p", "40 s", "4", "✓ sleep 0.38 s"),
    ]


def test_what_is_not_known_is_no_zero():
    view = make.server("code", State.UNKNOWN, metrics=None)
    assert cells(view) == ["code", "· UNKNOWN", *["--"] * 6, "0", "--"]


def test_the_state_is_that_of_the_badge_without_the_level():
    asleep = make.server(state=State.ASLEEP, level=2)
    assert plain(present.badge(asleep, NOW)) == "○ ASLEEP L2"
    assert cells(asleep)[1:3] == ["○ ASLEEP", "2"]
    for state in State:
        view = make.server(state=state, since_s=99.0, seen_at_s=90.0)
        assert cells(view)[1] == plain(present.badge(view, NOW))


def test_what_is_known_of_the_answers_stands_behind_awake():
    view = make.server(verification=make.verification(Check.VERIFIED))
    assert cells(view)[1] == "● AWAKE ✓"


@pytest.mark.parametrize(("pids", "said"), [((7,), "3.0"), ((7, 8), "~3.0")])
def test_memory_of_several_processes_is_no_measurement(pids, said):
    view = make.server(home=make.home(*pids, host_bytes=3 * GIB))
    assert cells(view)[4] == said


def test_an_estimate_of_gpu_memory_is_marked():
    assert cells(make.server(memory=make.memory(2 * GIB, measured=False)))[3] == "~2.0"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metrics": make.metrics(running=2)}, "0 s"),
        ({"idle_since_s": 88.0}, ">12 s"),
        ({"idle_since_s": 88.0, "was_busy": True}, "12 s"),
        ({"idle_since_s": -25.0, "was_busy": True}, "2 m 05 s"),
    ],
)
def test_how_long_it_is_idle(fields, said):
    assert cells(make.server(**fields))[7] == said


def test_the_last_operation_is_that_of_an_earlier_run_where_this_one_had_none():
    earlier = LastOperation(kind=Kind.WAKE, outcome=Outcome.FAILED, duration_s=0.4)
    view = make.server(learned=Learned(last=earlier))
    assert cells(view)[-1] == "✗ wake 0.40 s"
    now = make.server(learned=Learned(last=earlier), history=(make.record(Kind.SLEEP),))
    assert "sleep" in cells(now)[-1]


@pytest.mark.parametrize("width", [20, 40, 60, 72, 80, 100, 120, 200])
def test_it_fits_the_terminal(width):
    lines = table(fleet(), NOW, width)
    assert len(lines) == 4
    if width >= 40:
        assert max(width_of(one) for one in lines) <= width
    assert all("STATE" in plain(one) for one in lines[:1])


def test_eighty_columns_have_every_column_of_an_ordinary_fleet():
    views = [
        make.server(
            "summarize",
            State.WAKING,
            since_s=88.0,
            memory=make.memory(85 * GIB),
            home=make.home(1, 2, host_bytes=16 * GIB),
            idle_since_s=-25.0,
            was_busy=True,
            history=(make.record(Kind.SWITCH, duration_s=12.1),),
        ),
        make.server("code", State.ASLEEP, level=1, parked=12),
    ]
    head = texts(views, 80)[0]
    assert all(title.partition(" ")[0] in head.split() for title in HEADS)


def test_columns_go_one_by_one_and_the_name_is_cut_last():
    heads = [texts(fleet(), width)[0].split() for width in (120, 70, 60, 50, 30)]
    assert all(len(before) >= len(after) for before, after in pairwise(heads))
    assert "CYCLES" not in heads[2]
    assert "GPU" in heads[-1]
    assert texts(fleet(), 30)[1].startswith("summari…")


def test_a_pipe_gets_all_of_it():
    long = make.server("a-name-that-goes-on-and-on-for-fifty-characters-or-so")
    assert texts([long])[1].startswith(long.name)


def test_ascii():
    look = Look(now_s=100.0, glyphs=ASCII)
    for state in State:
        assert all(text.isascii() for text in texts([make.server(state=state)], 80, look))


def test_text_of_a_server_stays_in_its_cell():
    evil = make.server("bad\x1b[2J\nname")
    lines = texts([evil])
    assert len(lines) == 2
    assert "\x1b" not in lines[1]


def test_wide_characters_keep_the_columns():
    lines = table([make.server("模型"), make.server("abcd")], NOW, 120)
    at = [plain(one).index("AWAKE") for one in lines[1:]]
    assert at[1] - at[0] == 2  # two characters that take four cells


def test_colours_are_those_of_the_panel():
    head, row = table([make.server(state=State.WEDGED)], NOW, None)
    assert {span.tone for span in head if span.text.strip()} == {Tone.TITLE}
    assert next(span.tone for span in row if "WEDGED" in span.text) == Tone.BAD
