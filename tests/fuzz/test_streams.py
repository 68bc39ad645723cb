"""Streamed answers: cut anywhere, and wrong anywhere."""

import json
from math import isnan

from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import DEEP, as_json, fuzz, is_clean, mangled, mutated, pieces
from support.replay import recorded_body

from sleeptui.adapters.sse import Answer, BrokenStreamError, EventReader

STREAMS = [
    recorded_body("vllm-0.32.0", f"{name}-stream{kind}")
    for name, kind in (
        ("completions", ""),
        ("completions", "-canary"),
        ("completions", "-continuous_usage"),
        ("chat", ""),
        ("chat", "-no_usage"),
    )
]
EVENTS = [
    json.loads(event[6:])
    for stream in STREAMS
    for event in stream.split(b"\n\n")[:6]
    if event.startswith(b"data: {")
] + [
    {"error": {"message": "engine died", "code": 500}},
    {"choices": [{"index": 0, "text": "", "finish_reason": "abort"}], "error": "gone"},
]
EVENT = st.sampled_from(EVENTS).flatmap(mutated).map(lambda one: b"data: " + as_json(one))
LINES = st.one_of(
    EVENT,
    EVENT,
    st.sampled_from(EVENTS).map(lambda one: b"data:" + as_json(one)),
    st.sampled_from([b"data: [DONE]", b": ping", b"event: x", b"data: ", b"data", b"\r", b"id: 7"]),
    st.binary(max_size=20),
)
ENDS = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n"])
BODIES = st.one_of(
    st.lists(st.tuples(LINES, ENDS).map(b"".join), max_size=6).map(b"".join),
    st.sampled_from(STREAMS).flatmap(mangled),
)


def fed(parts, *, detailed):
    """What came of it, and what is wrong with it."""
    answer, events = Answer(detailed=detailed), []
    try:
        for at, part in enumerate(parts):
            events += answer.feed(part, float(at))
    except BrokenStreamError as error:
        assert is_clean(str(error))
        return answer, events, str(error)
    return answer, events, None


@fuzz(125)
@given(BODIES.flatmap(pieces), st.booleans())
@example([b'data: {"x":' + DEEP + b"\n\n"], False)
@example([b'data: {"choices":[{"logprobs":' + DEEP + b"}]}\n\n"], True)
@example([b'data: {"error":' + DEEP + b"\n\n"], False)
@example(
    [b'data: {"choices":[{"text":"a"}],"usage":{"completion_tokens":' + b"9" * 60 + b"}}\n\n"],
    False,
)
def test_any_stream_is_an_answer_or_broken(parts, detailed):
    answer, events, _ = fed(parts, detailed=detailed)
    assert is_clean(answer.text, lines=True)
    assert is_clean(answer.finish_reason, answer.error)
    assert (
        "".join(event.text for event in events) == answer.text[: sum(len(e.text) for e in events)]
    )
    for token in answer.details:
        assert is_clean(token.text, lines=True)
        assert token.logprob is None or isinstance(token.logprob, float)
    counts = (answer.tokens, answer.prompt_tokens or 0)
    assert all(0 <= count < 1 << 62 for count in counts)


@fuzz(50)
@given(st.data())
def test_where_it_is_cut_changes_nothing(data):
    body = data.draw(BODIES)
    whole, _, why = fed([body], detailed=True)
    cut, _, same = fed(data.draw(pieces(body)), detailed=True)
    assert same == why
    assert (cut.text, cut.tokens, cut.finish_reason, cut.terminated, cut.error) == (
        whole.text, whole.tokens, whole.finish_reason, whole.terminated, whole.error,
    )  # fmt: skip
    assert len(cut.details) == len(whole.details)
    for one, other in zip(cut.details, whole.details, strict=True):
        assert one == other or (isnan(one.logprob or 0) and isnan(other.logprob or 0))


@fuzz(25)
@given(st.lists(st.binary(max_size=50), max_size=20))
def test_nothing_is_kept_of_what_is_no_event(chunks):
    reader = EventReader()
    events = [event for chunk in chunks for event in reader.feed(chunk + b"\n\n")]
    assert sum(map(len, events)) <= sum(map(len, chunks))
    assert not reader.feed(b"")
