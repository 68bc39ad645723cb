"""Token ids and log probabilities of a streamed answer: recorded, old, lost and broken ones."""

import json
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.replay import recorded_body

from sleeptui.adapters.sse import MAX_DETAILS, Answer, BrokenStreamError
from sleeptui.core.canary import Grade, Reference, Token, is_void, judge

ABSENT = object()


def chunk(text=" a", *, ids=ABSENT, logprobs=ABSENT, finish=None) -> bytes:
    choice = {"index": 0, "text": text, "finish_reason": finish}
    choice |= {} if ids is ABSENT else {"token_ids": ids}
    choice |= {} if logprobs is ABSENT else {"logprobs": logprobs}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def told(tokens, values, top=None) -> dict:
    """Log probabilities as /v1/completions writes them."""
    offsets = [0] * len(tokens)
    lists = {"tokens": tokens, "token_logprobs": values, "text_offset": offsets}
    return lists | ({} if top is None else {"top_logprobs": top})


def details(*chunks: bytes) -> list[Token]:
    answer = Answer(detailed=True)
    for part in chunks:
        answer.feed(part, 1.0)
    return answer.details


def test_a_recorded_canary():
    answer = Answer(detailed=True)
    events = answer.feed(recorded_body("vllm-0.32.0", "completions-stream-canary"), 1.0)
    assert len(answer.details) == len(events) == answer.completion_tokens == 16
    assert (answer.finish_reason, answer.terminated, answer.error) == ("length", True, None)
    assert "".join(token.text for token in answer.details) == answer.text
    first = answer.details[0]
    assert first == Token(id=14, text=",", logprob=-5.471230983734131, runner_up=-5.686074733734131)
    for token in answer.details:
        assert token.id is not None
        assert token.runner_up < token.logprob < 0
    assert not is_void(answer.details)


def test_two_recorded_answers_are_identical():
    found = [details(recorded_body("vllm-0.32.0", "completions-stream-canary")) for _ in range(2)]
    reference = Reference(
        model="tiny-a", prompt="p", max_tokens=16, taken_wall_s=0.0, answers=(tuple(found[0]),)
    )
    assert judge(tuple(found[1]), reference).grade is Grade.IDENTICAL


def test_without_being_asked_for_nothing_is_kept():
    answer = Answer()
    answer.feed(recorded_body("vllm-0.32.0", "completions-stream-canary"), 1.0)
    assert answer.details == []


def test_several_tokens_in_one_chunk():
    top = [{" a": -0.5, " x": -2.0}, {" b": -0.1, " y": -3.0, " z": -4.0}]
    one = chunk(" a b", ids=[7, 8], logprobs=told([" a", " b"], [-0.5, -0.1], top))
    assert details(one) == [
        Token(id=7, text=" a", logprob=-0.5, runner_up=-2.0),
        Token(id=8, text=" b", logprob=-0.1, runner_up=-3.0),
    ]


def test_lost_weights_have_no_number_for_a_probability():
    lost = chunk("!", ids=[0], logprobs=told(["!"], [None], [{"!": None, '"': None}]))
    (token,) = details(lost)
    assert (token.id, token.runner_up) == (0, None)
    assert isnan(token.logprob)
    assert is_void([token])


def test_empty_weights_make_all_tokens_equally_likely():
    flat = told(["!"], [-11.93], [{"!": -11.93, '"': -11.93}])
    (token,) = details(chunk("!", ids=[0], logprobs=flat))
    assert token.runner_up == token.logprob == -11.93
    assert is_void([token])


@pytest.mark.parametrize("logprobs", [ABSENT, None], ids=["absent", "null"])
@pytest.mark.parametrize(
    ("text", "ids", "tokens"),
    [
        (" a", [7], [Token(id=7, text=" a")]),
        ("", [7], [Token(id=7, text="")]),
        (" a b", [7, 8], [Token(id=7, text=""), Token(id=8, text="")]),
        (" a", ABSENT, [Token(id=None, text=" a")]),
        (" a", None, [Token(id=None, text=" a")]),
        ("", ABSENT, []),
        ("", [], []),
        (None, None, []),
    ],
)
def test_without_log_probabilities(text, ids, logprobs, tokens):
    assert details(chunk(text, ids=ids, logprobs=logprobs)) == tokens


@pytest.mark.parametrize("ids", [ABSENT, None, []])
def test_old_versions_tell_texts_only(ids):
    old = chunk(" a", ids=ids, logprobs=told([" a"], [-0.5], [{" a": -0.5, " b": -1.5}]))
    assert details(old) == [Token(id=None, text=" a", logprob=-0.5, runner_up=-1.5)]


@pytest.mark.parametrize(
    ("top", "runner_up"),
    [
        ([{" a": -0.5, " b": -0.7, " c": -0.6}], -0.6),
        ([{" a": -0.5}], None),  # the chosen token only
        ([{}], None),
        ([None], None),
        ([], None),
        (None, None),
        ([{" a": -0.5, " b": None}], None),
        ([{" a": -0.8}], -0.8),  # another token of the same text has taken its place
        ([{" a": -0.8, " b": -0.9}], -0.8),
        ([{" a": -0.8, " b": -0.7}], -0.7),
    ],
)
def test_the_runner_up(top, runner_up):
    assert details(chunk(ids=[7], logprobs=told([" a"], [-0.5], top)))[0].runner_up == runner_up


def test_two_tokens_of_one_text_are_told_apart_by_their_ids():
    top = [{"\ufffd": -0.9}]
    one = details(chunk("", ids=[188], logprobs=told(["\ufffd"], [-0.4], top)))
    other = details(chunk("", ids=[189], logprobs=told(["\ufffd"], [-0.4], top)))
    assert one[0].runner_up == -0.9
    assert one[0].text == other[0].text
    assert not one[0].is_same(other[0])


def test_lists_that_are_too_short_or_too_long():
    short = chunk(" a b", ids=[7], logprobs=told([" a", " b"], [-0.5], [{" a": -0.5, " x": -1.0}]))
    assert details(short) == [
        Token(id=7, text=" a", logprob=-0.5, runner_up=-1.0),
        Token(id=None, text=" b"),
    ]
    more = chunk(" a", ids=[7, 8, 9], logprobs=told([" a"], [-0.5, -0.6], [None, None]))
    assert details(more) == [Token(id=7, text=" a", logprob=-0.5)]
    assert details(chunk(ids=[7], logprobs={})) == []


@pytest.mark.parametrize(
    "logprobs",
    [
        [],
        "none",
        7,
        {"tokens": [3], "token_logprobs": [-1.0]},
        {"tokens": [" a"], "token_logprobs": ["low"]},
        {"tokens": [" a"], "token_logprobs": [-1.0], "top_logprobs": [[-1.0]]},
        {"tokens": None},
        {"content": [], "tokens": {}},
    ],
)
def test_log_probabilities_that_cannot_be_read(logprobs):
    with pytest.raises(BrokenStreamError, match="log probabilities that cannot be read"):
        details(chunk(ids=[7], logprobs=logprobs))


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"-1e999"])
def test_figures_that_json_does_not_have(raw):
    broken = chunk(ids=[7], logprobs=told([" a"], [-12345.0])).replace(b"-12345.0", raw)
    with pytest.raises(BrokenStreamError):
        details(broken)


@pytest.mark.parametrize("ids", [[-1], [1 << 31], [1.5], ["7"], 7])
def test_ids_that_are_none(ids):
    with pytest.raises(BrokenStreamError, match="no part of an answer"):
        details(chunk(ids=ids))


def test_log_probabilities_are_not_read_where_nobody_asked_for_them():
    answer = Answer()
    answer.feed(chunk(logprobs="rubbish"), 1.0)
    assert (answer.text, answer.tokens) == (" a", 1)


def test_the_text_of_a_token_is_cleaned_and_bounded():
    wild = "\x1b[2J\u202e" + "x" * 5000
    token = details(chunk(wild, ids=[7], logprobs=told([wild], [-0.5])))[0]
    assert token.text == "x" * 200
    assert details(chunk(wild))[0].text == "x" * 200


def test_absurdly_many_tokens_are_not_kept():
    many = chunk("", ids=[7] * 5000)
    answer = Answer(detailed=True)
    answer.feed(many, 1.0)
    answer.feed(many, 1.0)
    assert len(answer.details) == MAX_DETAILS
    with pytest.raises(BrokenStreamError, match="more than 10000 tokens"):
        answer.feed(chunk("", ids=[7]), 1.0)


def test_the_last_chunk_of_an_abort_has_no_token():
    last = chunk("", ids=[], logprobs=None, finish="abort")
    assert details(chunk(" a", ids=[7]), last) == [Token(id=7, text=" a")]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
lists = st.fixed_dictionaries(
    {"tokens": st.lists(st.text(max_size=3), max_size=4)},
    optional={"token_logprobs": anything, "top_logprobs": anything},
)


@given(ids=anything, logprobs=anything | lists)
def test_any_json_gives_tokens_or_the_one_error(ids, logprobs):
    try:
        found = details(chunk(" a", ids=ids, logprobs=logprobs))
    except BrokenStreamError:
        return
    assert all(isinstance(token, Token) for token in found)
