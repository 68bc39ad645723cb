"""A benchmark in words."""

import pytest
from support.bench_story import BEGAN_S, Story, running, verdict, whole

from sleeptui.core.bench import PhaseKind, Question
from sleeptui.core.bench_picture import BenchFold
from sleeptui.core.operation import Kind
from sleeptui.core.verdict import Word
from sleeptui.services import bench_words as words


def picture(events):
    fold = BenchFold()
    for event in events:
        fold.apply(event)
    return fold.picture


def text(lines):
    return "\n".join(words.plain(line).rstrip() for line in lines)


def test_progress_says_how_far_and_how_long():
    now = picture([Story().planned()])
    told = words.plain(words.progress(now, BEGAN_S + 150, 100, ascii_only=True))
    assert (
        told == "[#######---------------------]   25 %  step 1 of 40  00:02:30  about 7 m 30 s left"
    )
    narrow = words.plain(words.progress(now, BEGAN_S + 150, 58, ascii_only=False))
    assert narrow == " 25 %  step 1 of 40  00:02:30  about 7 m 30 s left"
    assert len(words.plain(words.progress(now, BEGAN_S, 20, ascii_only=True))) == 20


def test_the_last_second_is_still_a_second_and_the_end_is_done():
    now = picture([Story().planned()])
    assert words.left(now, BEGAN_S + 10_000) == "about 1 s left"
    assert words.left(picture(whole()), 0.0) == "done"
    assert words.left(picture([]), 0.0) == ""
    stopped = picture([Story().planned(steps=4), *Story().cycle("code", 0.5, cls="user_abort")])
    assert words.left(stopped, BEGAN_S) == "stopped"
    assert stopped.share(BEGAN_S + 10) == 0.0


def test_what_is_done_now():
    now = picture(running())
    began_s = now.operation.began_s
    assert words.doing(now, began_s + 3.21) == (
        "summarize: cycle 1 of 3 at level 1, block 1 of 3: wake of summarize, calling, 3.2 s"
    )
    assert words.doing(picture([]), 0.0) == "the first step is prepared"
    assert words.doing(picture(whole()), 0.0) == "the verdicts are made"
    story = Story()
    assert words.doing(picture([story.begin(PhaseKind.WARM_UP, title="idle")]), 0.0) == "idle"
    alone = list(story.operation(Kind.WAKE, "code", 1.0))[:1]
    assert words.doing(picture(alone), story.now_s - 0.2) == "wake of code, calling, 1.0 s"


def test_the_table_has_times_and_below_them_the_requests():
    told = text(words.table(picture(running()), 110))
    assert told.splitlines()[0] == (
        "MODEL      WHAT                N    LAST  MEDIAN  FASTER     FREED     KEPT  FAILED"
    )
    assert "code       cold start, cached  1  39.0 s  39.0 s" in told
    assert (
        "code       wake L1             2  0.70 s  0.65 s     60x  56.0 GiB  2.0 GiB       1"
        in told
    )
    assert "code       stability L1" in told
    assert "MODEL  IN FLIGHT" in told
    assert "code   abort L1, 3 streams       1     1        2       0" in told


@pytest.mark.parametrize("width", [60, 78])
def test_a_narrow_table_leaves_columns_out(width):
    lines = words.table(picture(running()), width)
    assert max(words.cells(words.plain(line)) for line in lines) <= width
    assert "MEDIAN" in text(lines)
    assert "LAST" not in text(lines)


def test_nothing_measured_is_no_table():
    assert words.table(picture([]), 80) == []
    story = Story()
    only_trials = words.table(picture(list(story.trial("code", ()))), 80)
    assert text(only_trials).startswith("MODEL  IN FLIGHT  TRIALS  FAILED")


def test_room_for_another_model():
    story = Story()
    begun = story.begin(PhaseKind.PROOF, question=Question.MEMORY, level=2)
    assert "room for another L2" in text(words.table(picture([begun, story.end(begun)]), 80))


def test_failures_say_what_and_why():
    (head, one) = words.failures(picture(running()), 120)
    assert words.plain(head) == "1 phase did not end well"
    assert words.plain(one) == (
        "  code: cycle 1 of 3 at level 1, block 1 of 3: wrong_output,"
        " it answers with something else"
    )
    assert words.failures(picture(whole()), 120) == []


def test_verdicts_say_on_what_they_rest():
    told = text(words.verdicts(picture(whole()).verdicts, 110))
    lines = told.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == [
        "FAIL", "INVALID", "INCONCLUSIVE", "PASS", "NOT",
    ]  # fmt: skip
    passed = lines.index(
        "PASS          code       A wake from level 1 is much faster than a cold start"
    )
    assert lines[passed + 1].strip() == "93.1 x (88.2 to 97.4), wanted >= 5 x; n 9, 3 blocks"
    assert "3 restarts more are needed" in told
    assert lines[-1].endswith("much faster than a cold start: the plan has no part for it")
    assert max(len(line) for line in text(words.verdicts([verdict()], 40)).splitlines()) <= 40
    assert words.verdicts([], 80) == []


def test_a_verdict_without_an_interval_and_without_blocks():
    told = words.measured(verdict(low=None, high=None, blocks=0, value=1234.5, reason="few"))
    assert told == "1,234 x, wanted >= 5 x; n 9; few"
    assert words.measured(verdict(blocks=1)).endswith("1 block")


def test_the_sum_of_the_verdicts():
    told = words.summary(picture(whole()).verdicts)
    assert words.plain(told) == "1 PASS, 1 FAIL, 1 INCONCLUSIVE, 1 INVALID, 1 NOT RUN"
    assert told[0].sense is words.SENSES[Word.PASS]
    assert words.plain(words.summary([])) == "no verdicts"


def test_a_title_that_does_not_fit_goes_on_below():
    lines = text(words.verdicts([verdict()], 50)).splitlines()
    assert lines[:2] == [
        "PASS  code  A wake from level 1 is much faster",
        "            than a cold start",
    ]
    assert text(words.verdicts([verdict()], 30)).splitlines()[0].endswith("…")


def test_wide_characters_take_two_cells():
    assert words.cells("模型") == 4
    assert words.cells("e\u0301") == 1
    lines = words.verdicts([verdict(server="模型"), verdict(server="code")], 60)
    first, second = (words.plain(line) for line in lines if words.plain(line).startswith("PASS"))
    assert words.cells(first) == words.cells(second)


def test_a_line_is_cut_to_the_cells_that_there_are():
    line = (words.Piece("one "), words.Piece("two "), words.Piece("three"))
    assert words.fitted(line, 13) == line
    assert words.plain(words.fitted(line, 10)) == "one two t…"
    assert words.plain(words.fitted(line, 4)) == "one "
    assert words.plain(words.fitted(line, 2)) == "o…"
