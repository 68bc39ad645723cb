"""Grading: what two answers to the same greedy prompt say of the weights behind them."""

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import answer, reference, token

from sleeptui.core.canary import (
    GARBAGE_DROP,
    NEAR_TIE,
    NOISE_LOGPROB,
    SAME_LOGPROB,
    Check,
    Grade,
    Reference,
    Verification,
    is_void,
    judge,
    no_answer,
)


def changed(index, **fields):
    """The usual answer with another token at one place."""
    tokens = list(answer())
    tokens[index] = token(99, **fields)
    return tuple(tokens)


def shifted(by, places=range(16)):
    """The usual tokens, their log probabilities moved at some places."""
    return tuple(
        token(number, -1.0 + (by if place in places else 0.0))
        for place, number in enumerate(range(1, 17))
    )


def tied(index):
    """A reference whose choice at one place could as well have been another."""
    tokens = list(answer())
    tokens[index] = token(index + 1, -1.0, runner_up=-1.0 - NEAR_TIE / 2)
    return reference(tuple(tokens))


class TestSame:
    def test_the_same_tokens_with_the_same_figures_are_identical(self):
        verdict = judge(answer(), reference())
        assert (verdict.grade, verdict.decodes, verdict.matches) == (Grade.IDENTICAL, True, True)
        assert verdict.words == "the same 16 tokens as before"
        assert verdict.first_difference is None

    @pytest.mark.parametrize("by", [SAME_LOGPROB / 2, -SAME_LOGPROB / 2])
    def test_rounding_is_no_difference(self, by):
        assert judge(shifted(by), reference()).grade is Grade.IDENTICAL

    def test_other_figures_for_the_same_tokens_are_noise_up_to_a_limit(self):
        verdict = judge(shifted(0.02), reference())
        assert (verdict.grade, verdict.matches) == (Grade.WITHIN_NOISE, True)
        assert verdict.largest_gap == pytest.approx(0.02)
        assert verdict.words.endswith("their log probabilities within 0.02")

    def test_a_server_that_is_noisy_by_itself_is_measured_by_its_own_noise(self):
        noisy = reference(answer(), shifted(0.01), shifted(-0.01))
        assert noisy.spread == pytest.approx(0.01)
        assert judge(shifted(0.019), noisy).grade is Grade.IDENTICAL
        assert judge(shifted(0.05), noisy).grade is Grade.WITHIN_NOISE

    def test_the_spread_ends_where_two_answers_part(self):
        assert reference(answer(), changed(3, logprob=-9.0)).spread == 0.0

    def test_of_several_reference_answers_the_nearest_counts(self):
        two = reference(answer(), changed(5))
        assert judge(changed(5), two).grade is Grade.IDENTICAL
        assert judge(changed(6), two).matches is False

    def test_texts_are_compared_where_a_version_tells_no_ids(self):
        old = tuple(token(None, text=f" t{number}") for number in range(1, 17))
        assert judge(old, reference()).grade is Grade.IDENTICAL
        assert judge(old[1:], reference()).matches is False

    def test_without_log_probabilities_the_tokens_decide(self):
        plain = tuple(token(number, None) for number in range(1, 17))
        assert judge(plain, reference()).grade is Grade.IDENTICAL
        assert judge(plain, reference(plain)).grade is Grade.IDENTICAL
        assert not is_void(plain)


class TestOther:
    def test_another_first_token_is_garbage(self):
        verdict = judge(changed(0), reference())
        assert (verdict.grade, verdict.decodes, verdict.matches) == (Grade.GARBAGE, True, False)
        assert verdict.first_difference == 0

    def test_an_absurd_answer_is_garbage_wherever_it_begins(self):
        absurd = answer()[:4] + tuple(token(0, -1.0 - 2 * GARBAGE_DROP) for _ in range(12))
        verdict = judge(absurd, reference())
        assert (verdict.grade, verdict.first_difference) == (Grade.GARBAGE, 4)
        assert "token 5" in verdict.words

    def test_another_token_later_is_a_late_divergence_and_no_match(self):
        verdict = judge(changed(7), reference())
        assert (verdict.grade, verdict.matches) == (Grade.LATE_DIVERGENCE, False)
        assert verdict.words == "another answer from token 8 on"

    @pytest.mark.parametrize("index", [0, 7])
    def test_another_choice_between_two_that_were_as_likely_is_a_match(self, index):
        swapped = changed(index, logprob=-1.0 - NEAR_TIE / 2, runner_up=-1.0)
        verdict = judge(swapped, tied(index))
        assert (verdict.grade, verdict.matches) == (Grade.LATE_DIVERGENCE, True)
        assert "as likely" in verdict.words

    @pytest.mark.parametrize("index", [0, 7])
    def test_a_server_that_tells_no_second_token_is_believed_its_first(self, index):
        swapped = changed(index, logprob=-1.0 - NEAR_TIE / 2, runner_up=None)
        assert judge(swapped, tied(index)).matches is True

    @pytest.mark.parametrize(
        ("logprob", "runner_up"), [(-1e-4, -9.3), (-1.1, -9.3), (-5.0, -1.0), (None, -1.0)]
    )
    def test_something_else_at_the_place_of_a_tie_is_no_match(self, logprob, runner_up):
        """Lost weights say "!" again and again, sure of themselves, and at a tie as well."""
        lost = changed(0, logprob=logprob, runner_up=runner_up)
        assert judge(lost, tied(0)).grade is Grade.GARBAGE
        later = changed(7, logprob=logprob, runner_up=runner_up)
        assert judge(later, tied(7)).matches is False

    def test_an_answer_that_ends_at_a_tie_is_another_one(self):
        assert judge(answer()[:7], tied(7)).matches is False

    def test_the_same_tokens_with_clearly_other_figures_are_another_answer(self):
        verdict = judge(shifted(-2 * NOISE_LOGPROB), reference())
        assert (verdict.grade, verdict.matches) == (Grade.LATE_DIVERGENCE, False)

    def test_a_shorter_answer_is_another_one(self):
        verdict = judge(answer()[:9], reference())
        assert (verdict.matches, verdict.first_difference) == (False, 9)


class TestNoModel:
    @pytest.mark.parametrize(
        "tokens",
        [
            tuple(token(0, nan, runner_up=None) for _ in range(16)),
            tuple(token(0, -11.9, runner_up=-11.9) for _ in range(16)),
        ],
        ids=["no numbers", "all tokens equally likely"],
    )
    def test_tokens_without_probabilities_are_those_of_no_model(self, tokens):
        alone, compared = judge(tokens, None), judge(tokens, reference())
        assert (alone.grade, alone.decodes, alone.matches) == (None, False, None)
        assert (compared.grade, compared.matches) == (Grade.GARBAGE, False)
        assert "weights are lost" in alone.words

    def test_one_place_without_a_number_is_another_answer(self):
        assert judge(changed(4, logprob=nan), reference()).matches is False
        same_but_nan = (*answer()[:4], token(5, nan), *answer()[5:])
        assert judge(same_but_nan, reference()).matches is False

    def test_an_answer_without_tokens_is_none(self):
        assert judge((), reference()).grade is Grade.NO_ANSWER


class TestBadge:
    def of(self, verdict, **fields):
        return Verification(at_s=0.0, verdict=verdict, **fields).check

    def test_only_a_match_verifies(self):
        assert self.of(judge(answer(), reference())) is Check.VERIFIED
        assert self.of(judge(answer(), None)) is Check.UNVERIFIED
        assert self.of(judge(changed(0), reference())) is Check.CHANGED
        assert self.of(no_answer("no answer in 10 s")) is Check.CHANGED

    def test_what_says_nothing_of_the_weights_changes_no_badge(self):
        assert self.of(no_answer("busy"), is_inconclusive=True) is Check.UNVERIFIED


_numbers = st.floats(-30, 0) | st.just(nan) | st.none()
_tokens = st.builds(
    token,
    st.integers(0, 5) | st.none(),
    _numbers,
    text=st.sampled_from(["a", "b"]),
    runner_up=st.floats(-30, 0) | st.none(),
)
_answers = st.lists(_tokens, max_size=6).map(tuple)


@given(_answers, st.lists(_answers.filter(bool), min_size=1, max_size=3))
def test_any_two_answers_get_a_verdict_that_is_consistent(given_answer, before):
    verdict = judge(given_answer, reference(*before))
    assert verdict.grade is not None
    assert verdict.words
    if verdict.matches:
        assert verdict.decodes
    if verdict.grade in (Grade.IDENTICAL, Grade.WITHIN_NOISE):
        assert verdict.matches
    if verdict.grade in (Grade.GARBAGE, Grade.NO_ANSWER):
        assert not verdict.matches


@given(_answers.filter(bool))
def test_what_was_said_before_is_recognised(said):
    usable = all(one.logprob is None or one.logprob == one.logprob for one in said)
    if usable and not is_void(said):
        assert judge(said, reference(said)).matches


@pytest.mark.parametrize("answers", [(), ((),), (answer(), ())])
def test_a_reference_without_an_answer_is_none(answers):
    with pytest.raises(ValueError, match=r"\(\)"):
        Reference(model="a", prompt="b", max_tokens=1, taken_wall_s=0.0, answers=answers)
