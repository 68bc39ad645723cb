"""Prompts of the history: which paid for a wake, which were warm."""

import pytest
from support import builders as build
from support.paper import prompt_record

from sleeptui.core.completion import Completion
from sleeptui.core.operation import Kind, Outcome
from sleeptui.tui import prompting


def wake(**fields):
    return build.record(Kind.WAKE, **fields)


def conditions(*history):
    return [row.after_wake for row in prompting.prompt_rows(history)]


def test_the_first_prompt_after_a_wake_is_told_from_the_warm_ones():
    assert conditions(prompt_record(), prompt_record(), wake()) == [False, True]


def test_before_any_wake_nothing_is_claimed():
    assert conditions(prompt_record(), prompt_record()) == [None, None]


def test_a_switch_is_a_wake_and_a_cancelled_wake_is_none():
    switch = build.record(Kind.SWITCH)
    cancelled = wake(outcome=Outcome.CANCELLED)
    assert conditions(prompt_record(), cancelled, prompt_record(), switch) == [False, True]


def test_a_prompt_without_a_token_leaves_the_wake_unpaid():
    silent = prompt_record(first_token_s=None, outcome=Outcome.FAILED)
    assert conditions(prompt_record(), silent, wake()) == [True, True]


def test_the_comparison_is_of_the_prompts_since_the_last_wake():
    rows = prompting.prompt_rows(
        (
            prompt_record(first_token_s=0.051),
            prompt_record(first_token_s=0.047),
            prompt_record(first_token_s=0.42),
            wake(),
            prompt_record(first_token_s=9.0),
            wake(),
        )
    )
    assert prompting.comparison(rows) == "first after wake 0.42 s · warm 49 ms (median of 2)"


def test_the_comparison_says_only_what_is_known():
    assert prompting.comparison(()) == ""
    assert prompting.comparison(prompting.prompt_rows((prompt_record(first_token_s=None),))) == ""
    only_warm = prompting.prompt_rows((prompt_record(first_token_s=0.05),))
    assert prompting.comparison(only_warm) == "warm 50 ms (median of 1)"
    only_first = prompting.prompt_rows((prompt_record(first_token_s=0.4), wake()))
    assert prompting.comparison(only_first) == "first after wake 0.40 s"


def checked(**fields):
    return wake(verification=build.verification(first_token_s=0.38), **fields)


def test_where_the_canary_came_first_the_first_prompt_is_not_said_to_be():
    rows = prompting.prompt_rows((prompt_record(first_token_s=0.05), checked()))
    assert prompting.cells(rows[0])[0] == "after canary"
    assert prompting.comparison(rows) == (
        "first after wake 0.38 s (the canary) · first prompt 50 ms"
    )


def test_a_canary_that_was_asked_later_counts_too_and_one_of_an_earlier_wake_does_not():
    verify = build.record(Kind.VERIFY, verification=build.verification(first_token_s=0.2))
    (row,) = prompting.prompt_rows((prompt_record(), verify, wake()))
    assert row.canary_s == 0.2
    (row,) = prompting.prompt_rows((prompt_record(), wake(), checked()))
    assert row.canary_s is None
    assert prompting.cells(row)[0] == "after wake"


def test_after_the_first_prompt_a_canary_changes_nothing():
    verify = build.record(Kind.VERIFY, verification=build.verification(first_token_s=0.2))
    rows = prompting.prompt_rows(
        (prompt_record(), verify, prompt_record(first_token_s=0.4), wake())
    )
    assert [row.canary_s for row in rows] == [None, None]
    assert prompting.comparison(rows).startswith("first after wake 0.40 s · warm")


def test_the_comparison_of_many_warm_prompts_is_their_median():
    history = [prompt_record(first_token_s=value) for value in (0.01, 0.02, 0.9)]
    rows = prompting.prompt_rows((*history, prompt_record(first_token_s=0.3), wake()))
    assert "warm 20 ms (median of 3)" in prompting.comparison(rows)


@pytest.mark.parametrize(
    ("after_wake", "word"), [(True, "after wake"), (False, "warm"), (None, "no wake seen")]
)
def test_a_row_has_its_condition_and_its_end(after_wake, word):
    row = prompting.PromptRow(record=prompt_record(message="cut off"), after_wake=after_wake)
    assert prompting.cells(row) == (word, "50 ms", "120", "0.60 s", "cut off")


def test_the_figures_of_an_answer_name_the_unknown():
    completion = Completion(
        sent_s=0.0,
        headers_s=0.0,
        first_token_s=None,
        last_token_s=None,
        ended_s=1.0,
        text="",
        prompt_tokens=None,
        completion_tokens=None,
        finish_reason=None,
        terminated=False,
    )
    record = prompt_record(first_token_s=None, tokens_per_s=None)
    line = prompting.figures(completion, record)
    assert line == "first token -- · -- tokens/s · -- tokens · finish -- · 0.60 s in all"


def test_while_it_streams_the_first_token_is_waited_for_then_shown():
    waiting = prompting.live_figures(began_s=10.0, now_s=12.5, first_s=None, tokens=0)
    assert waiting == "waiting for the first token · 2.5 s"
    streaming = prompting.live_figures(began_s=10.0, now_s=12.5, first_s=10.05, tokens=31)
    assert streaming == "first token 50 ms · 31 tokens · 2.5 s"
