"""Words of the benchmark page."""

from dataclasses import replace

from support.bench_children import BRIEFING, PLANS, SESSION
from support.bench_story import BEGAN_S, Story, running, whole

from sleeptui.core.bench_picture import BenchFold
from sleeptui.core.session import SessionSummary
from sleeptui.services.bench_watch import BenchState, Offer, Watched
from sleeptui.tui.glyphs import ASCII, UNICODE
from sleeptui.tui.present_benchmark import asked, followed, offered, row, watched_lines
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.tones import Tone

OFFER = Offer(plan=PLANS[0], estimate_s=720.0, briefing=(*BRIEFING, "Left out: code: cold starts."))
ELSEWHERE = SessionSummary(run_id="run-7f3c", path=SESSION, is_running=True, plan="standard")


def watched(events, state=BenchState.RUNNING, **fields):
    fold = BenchFold()
    for event in events:
        fold.apply(event)
    return Watched(plan="quick", state=state, session=SESSION, picture=fold.picture, **fields)


def text(lines):
    return "\n".join(plain(line) for line in lines)


def test_rows_of_the_list_fill_the_width():
    told = row(OFFER, 90, UNICODE)
    assert width_of(told) == 90
    assert plain(told).startswith(" quick       A quick look: three restarts, level 1")
    assert plain(told).endswith(" about 12 min ")
    assert width_of(row(OFFER, 40, ASCII)) == 40
    refused = row(replace(OFFER, estimate_s=None, problem="no"), 90, UNICODE)
    assert refused[-1] == (" not here ", Tone.BAD, "")
    told = row(ELSEWHERE, 90, UNICODE)
    assert width_of(told) == 90
    assert plain(told).startswith(" ● runs      plan standard, began")


def test_what_a_plan_would_do_and_what_it_leaves_out():
    lines = offered(OFFER, 80)
    assert plain(lines[0]).startswith("code is restarted 3 times")
    assert lines[-2][0].tone == Tone.WARN
    (refused,) = offered(replace(OFFER, problem="nothing can be measured"), 80)
    assert refused[0].tone == Tone.BAD


def test_what_is_asked_before_it_begins():
    assert asked(OFFER)[2] == "It takes about 12 min."
    assert asked(replace(OFFER, estimate_s=None))[2] == ""


def test_one_that_runs_elsewhere():
    assert SESSION in text(followed(ELSEWHERE, 90))


def test_one_that_has_said_nothing_yet():
    lines = watched_lines(Watched(plan="quick", state=BenchState.STARTING), 0.0, 80, UNICODE)
    assert text(lines) == "Plan quick starts\nnow: the first step is prepared"


def test_one_that_runs_in_ascii_has_no_other_character():
    told = text(watched_lines(watched(running()), BEGAN_S + 150, 100, ASCII))
    assert "[###" in told
    assert "left out: no GPU is read" in told
    assert told.isascii()


def test_one_that_has_ended_says_where_it_is():
    lines = watched_lines(watched(whole(), BenchState.ENDED), BEGAN_S + 900, 100, UNICODE)
    told = text(lines)
    assert f"sleeptui report {SESSION}" in told
    assert "now:" not in told
    assert told.index("FAIL") < told.index("MODEL")


def test_one_that_failed_says_why():
    failed = watched([Story().planned()], BenchState.FAILED, problem="no", said=("looking", "no"))
    told = watched_lines(failed, BEGAN_S, 100, UNICODE)
    assert told[0][0].tone == Tone.BAD
    assert "  looking" in text(told)


def test_one_of_somebody_else_says_so():
    told = watched_lines(watched(running(), is_ours=False), BEGAN_S, 100, UNICODE)
    assert "started elsewhere" in text(told)
