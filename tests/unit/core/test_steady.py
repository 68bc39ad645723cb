import pytest

from sleeptui.core.completion import Completion
from sleeptui.core.steady import Pace, pace_of, steady_from


def pace(ttft_s=0.1, tpot_s=0.01):
    return Pace(ttft_s=ttft_s, tpot_s=tpot_s)


def completion(**fields):
    values = {
        "sent_s": 1.0,
        "headers_s": 1.0,
        "first_token_s": 1.2,
        "last_token_s": 2.2,
        "ended_s": 2.2,
        "text": "",
        "prompt_tokens": 3,
        "completion_tokens": 11,
        "finish_reason": "length",
        "terminated": True,
        **fields,
    }
    return Completion(**values)


BEFORE = [pace(), pace(0.102), pace(0.098)]


def test_the_first_of_three_in_a_row_is_steady():
    assert steady_from(BEFORE, [pace(0.5), pace(), pace(), pace()]) == 1
    assert steady_from(BEFORE, [pace(), pace(), pace()]) == 0


def test_two_are_not_enough_and_a_slow_one_starts_again():
    assert steady_from(BEFORE, [pace(), pace()]) is None
    assert steady_from(BEFORE, [pace(), pace(), pace(0.5), pace(), pace()]) is None


def test_tokens_that_come_slowly_are_not_steady():
    assert steady_from(BEFORE, [pace(tpot_s=0.02)] * 3) is None


def test_faster_than_before_is_steady():
    assert steady_from(BEFORE, [pace(0.01, 0.001)] * 3) == 0


def test_noise_of_before_widens_the_limit():
    noisy = [pace(0.1), pace(0.2), pace(0.3)]
    assert steady_from(noisy, [pace(0.45)] * 3) == 0


def test_one_that_was_not_answered_starts_the_row_again():
    assert steady_from(BEFORE, [pace(), None, pace(), pace(), pace()]) == 2


def test_without_anything_before_nothing_can_be_said():
    assert steady_from([], [pace()] * 5) is None


def test_without_tokens_to_count_the_first_token_alone_decides():
    before = [pace(tpot_s=None)] * 3
    assert steady_from(before, [pace(tpot_s=9.0)] * 3) == 0
    assert steady_from(BEFORE, [pace(tpot_s=None)] * 3) == 0


def test_the_pace_of_an_answer():
    found = pace_of(completion())
    assert found.ttft_s == pytest.approx(0.2)
    assert found.tpot_s == pytest.approx(0.1)


@pytest.mark.parametrize(
    "fields",
    [{"completion_tokens": 1}, {"completion_tokens": None}, {"last_token_s": None}],
)
def test_one_token_has_no_time_per_token(fields):
    assert pace_of(completion(**fields)).tpot_s is None


@pytest.mark.parametrize(
    "fields", [{"first_token_s": None}, {"error": "it broke"}, {"finish_reason": None}]
)
def test_an_answer_that_did_not_come_has_no_pace(fields):
    assert pace_of(completion(**fields)) is None
