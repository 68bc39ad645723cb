"""What the models say alone, beside others, and with weights that are not theirs."""

from itertools import count
from math import exp

from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.canary import NEAR_TIE, NOISE_LOGPROB, Grade, Reference, Token, judge
from sleeptui.sim.text import EMPTY, WRONG, Speech, Voice

TOKENS = 64
EVERYWHERE = range(TOKENS)


def said(speech: Speech | Voice, tokens: int = TOKENS) -> tuple[Token, ...]:
    found = (speech.token(place) for place in range(tokens))
    return tuple(
        Token(id=one.id, text=one.text, logprob=one.logprob, runner_up=one.logprob - one.lead)
        for one in found
    )


def graded(answer, before, tokens: int = TOKENS) -> Grade | None:
    reference = Reference(
        model="m", prompt="p", max_tokens=tokens, taken_wall_s=0.0, answers=(before,)
    )
    return judge(answer, reference).grade


def test_the_second_token_is_another_one_and_less_likely():
    for token in map(Voice("m", "p").token, range(400)):
        assert token.second_id != token.id
        assert token.second.lower() != token.text.rstrip(".").lower()
        assert token.lead >= 0
        assert exp(token.logprob) + exp(token.logprob - token.lead) < 1.4


def test_alone_it_says_the_same_to_the_last_digit():
    alone = Speech(Voice("m", "p"), beside=(), seed="1")
    other = Speech(Voice("m", "p"), beside=(), seed="2")
    assert said(alone) == said(other) == said(Voice("m", "p"))
    assert graded(said(alone), said(other)) is Grade.IDENTICAL


@given(seed=st.text(max_size=8), prompt=st.text(max_size=8))
def test_beside_others_the_figures_differ_and_the_tokens_only_near_a_tie(seed, prompt):
    alone = said(Voice("m", prompt))
    beside = said(Speech(Voice("m", prompt), beside=EVERYWHERE, seed=seed))
    assert alone != beside
    for before, now in zip(alone, beside, strict=True):
        if before.id != now.id:
            assert before.logprob - before.runner_up < NEAR_TIE / 4
            break
        assert abs(before.logprob - now.logprob) < NOISE_LOGPROB / 10
        assert now.logprob < 0
        assert now.runner_up <= now.logprob
    assert graded(beside, alone) in {Grade.WITHIN_NOISE, Grade.LATE_DIVERGENCE, Grade.GARBAGE}


def test_the_same_request_says_the_same_again():
    noisy = Speech(Voice("m", "p"), beside=EVERYWHERE, seed="1")
    again = Speech(Voice("m", "p"), beside=EVERYWHERE, seed="1")
    assert said(noisy) == said(noisy) == said(again)
    assert said(noisy) != said(Speech(Voice("m", "p"), beside=EVERYWHERE, seed="2"))


def test_only_what_was_made_beside_others_differs():
    alone, partly = said(Voice("m", "p")), Speech(Voice("m", "p"), beside={3, 4}, seed="1")
    differs = [place for place in EVERYWHERE if said(partly)[place] != alone[place]]
    assert differs == [3, 4]


def test_near_a_tie_it_goes_on_otherwise():
    """A late divergence, which is a match all the same."""
    for number in count():
        voice = Voice("m", f"p{number}")
        ties = [place for place in range(2, 40) if voice.token(place).lead < 0.004]
        if ties:
            break
    alone, place = said(voice), ties[0]
    turned = next(
        answer
        for seed in count()
        if (answer := said(Speech(Voice("m", f"p{number}"), beside={place}, seed=str(seed))))[place]
        != alone[place]
        and answer[place].id != alone[place].id
    )
    assert turned[:place] == alone[:place]
    assert turned[place + 1 :] != alone[place + 1 :]
    verdict = judge(
        turned,
        Reference(model="m", prompt="p", max_tokens=64, taken_wall_s=0.0, answers=(alone,)),
    )
    assert (verdict.grade, verdict.matches) == (Grade.LATE_DIVERGENCE, True)
    assert verdict.first_difference == place


def test_ties_are_rare():
    voice = Voice("m", "p")
    ties = sum(voice.token(place).lead < 0.02 for place in range(6400))
    assert 40 < ties < 200


def test_garbage_is_another_answer_with_other_figures():
    garbage = tuple(Token(id=WRONG.id, text=WRONG.text, logprob=WRONG.logprob) for _ in EVERYWHERE)
    assert graded(garbage, said(Voice("m", "p"))) is Grade.GARBAGE
    assert EMPTY.logprob is None
