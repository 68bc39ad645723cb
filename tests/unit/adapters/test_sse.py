"""Streams: recorded ones however they are cut, and broken ones."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.replay import recorded_body

from sleeptui.adapters.sse import (
    MAX_EVENT_BYTES,
    MAX_TEXT_CHARS,
    Answer,
    BrokenStreamError,
    EventReader,
)

DONE = b"data: [DONE]\n\n"


def data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def completion(text: str = "", finish: str | None = None, tokens: int | None = None) -> bytes:
    chunk: dict[str, object] = {"choices": [{"index": 0, "text": text, "finish_reason": finish}]}
    if tokens is not None:
        chunk["usage"] = {"prompt_tokens": 4, "completion_tokens": tokens}
    return data(chunk)


def chat(finish: str | None = None, **delta: object) -> bytes:
    return data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def usage(tokens: int) -> bytes:
    return data({"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": tokens}})


def answered(*chunks: bytes) -> tuple[Answer, list]:
    """The chunks arrive at 1, 2, 3... seconds."""
    answer = Answer()
    events = []
    for at, chunk in enumerate(chunks, start=1):
        events += answer.feed(chunk, float(at))
    return answer, events


@pytest.mark.parametrize(
    ("folder", "name", "tokens", "prompt", "finish", "text"),
    [
        ("vllm-0.32.0", "completions-stream", 12, 4, "length", " fox" * 12),
        ("vllm-0.32.0", "completions-stream-continuous_usage", 6, 4, "length", " brown" * 4),
        ("vllm-0.31.0", "completions-stream", 12, 4, "length", " fox" * 12),
        ("vllm-0.25.1", "completions-stream", 6, 5, "length", ""),
        ("vllm-0.32.0", "chat-stream", 12, 23, "length", "\n" * 12),
        ("vllm-0.25.1", "chat-stream", 6, 23, "length", ""),
        ("vllm-0.32.0", "chat-stream-continuous_usage", 3, 23, "length", "\n" * 3),
        ("vllm-0.32.0", "chat-stream-no_usage", 3, None, "length", "\n" * 3),
        ("vllm-0.25.1", "completions-stream-abort", 482, 5, "abort", ""),
    ],
)
def test_recorded_streams(folder, name, tokens, prompt, finish, text):  # noqa: PLR0917 - a table
    answer, events = answered(recorded_body(folder, name))
    assert answer.completion_tokens == tokens
    assert answer.prompt_tokens == prompt
    assert answer.finish_reason == finish
    assert answer.text == text
    assert answer.terminated
    assert answer.error is None
    assert "".join(event.text for event in events) == text


@pytest.mark.parametrize("name", ["completions-stream", "chat-stream-continuous_usage"])
@given(cuts=st.lists(st.integers(0, 2000), max_size=20))
def test_however_a_stream_is_cut_the_answer_is_the_same(name, cuts):
    body = recorded_body("vllm-0.32.0", name)
    borders = [0, *sorted(cut for cut in cuts if cut < len(body)), len(body)]
    whole, whole_events = answered(body)
    answer, events = answered(*(body[a:b] for a, b in pairwise(borders)))
    assert answer.text == whole.text
    assert answer.tokens == whole.tokens
    assert answer.terminated
    assert [event.tokens for event in events] == [event.tokens for event in whole_events]


def test_first_token_is_the_first_chunk_with_one_not_the_role():
    answer, events = answered(
        chat(role="assistant", content=""), chat(content="a"), chat(content="b"), DONE
    )
    assert (answer.first_token_s, answer.last_token_s) == (2.0, 3.0)
    assert [event.tokens for event in events] == [1, 2]


def test_special_tokens_without_text_are_tokens_by_usage():
    answer, events = answered(
        completion("", tokens=1), completion("", tokens=2), completion(" x", tokens=5)
    )
    assert [(event.tokens, event.text) for event in events] == [(1, ""), (2, ""), (5, " x")]
    assert answer.first_token_s == 1.0


def test_a_chunk_without_a_new_token_is_none_where_usage_says_so():
    answer, events = answered(
        completion("a", tokens=1), completion("", finish="abort", tokens=1), usage(1), DONE
    )
    assert [event.tokens for event in events] == [1]
    assert (answer.last_token_s, answer.completion_tokens) == (1.0, 1)


def test_the_last_chunk_of_an_abort_is_no_token_without_usage():
    answer, _ = answered(completion("a"), completion("", finish="abort"), DONE)
    assert (answer.tokens, answer.finish_reason) == (1, "abort")


def test_usage_at_the_end_sets_the_count_right():
    answer, events = answered(completion("two words"), usage(2), DONE)
    assert [event.tokens for event in events] == [1]
    assert answer.completion_tokens == 2


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_counts_from_its_first_token(name):
    answer, _ = answered(
        chat(role="assistant", content=""), chat(**{name: "hm"}), chat(content="x")
    )
    assert (answer.first_token_s, answer.text) == (2.0, "hmx")


def test_reasoning_under_both_names_is_taken_once():
    assert answered(chat(reasoning="hm", reasoning_content="hm"))[0].text == "hm"


def test_keep_alive_comments_and_other_fields_are_skipped():
    answer, events = answered(b": keep-alive\n\n", b"event: x\nid: 7\nretry: 1\n\n", DONE)
    assert (events, answer.terminated, answer.error) == ([], True, None)
    assert answer.completion_tokens is None


def test_carriage_returns_and_data_without_a_space():
    body = completion("a").replace(b"\n", b"\r\n").replace(b"data: ", b"data:")
    assert answered(body[:-1], body[-1:])[0].text == "a"


def test_data_over_several_lines_is_one_event():
    assert EventReader().feed(b"data: [1,\ndata: 2]\n\n") == [b"[1,\n2]"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"message": "engine\ndied", "code": 500}, "engine died"),
        ("overloaded", "overloaded"),
        ({"code": 500}, "an error without words"),
        ([1], "an error that cannot be read"),
        (None, None),
    ],
)
def test_an_error_inside_the_stream(error, words):
    answer, _ = answered(completion("a"), data({"error": error}), DONE)
    assert (answer.error, answer.terminated, answer.text) == (words, True, "a")


def test_a_cut_stream_has_no_end():
    answer, _ = answered(completion("a"), completion("b")[:-3])
    assert (answer.text, answer.terminated, answer.finish_reason) == ("a", False, None)


def test_letters_split_over_chunks():
    body = completion("é漢")
    middle = body.index("漢".encode()) + 1
    assert answered(body[:middle], body[middle:])[0].text == "é漢"


def test_escape_sequences_do_not_come_through_even_in_pieces():
    answer, events = answered(
        completion("\x1b[2J\x1b]0;owned\x07ok\n"), completion("\x1b["), completion("31mred\x9b2J")
    )
    assert answer.text == "ok\n31mred"
    assert all("\x1b" not in event.text for event in events)


def test_a_finish_reason_is_cleaned():
    assert answered(completion("", finish="st\x1b[2Jop"))[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "event",
    [
        b"data: {not json}\n\n",
        b'data: {"choices": 3}\n\n',
        b"data: [1, 2]\n\n",
        b'data: {"choices": [{"text": "\xff"}]}\n\n',
        b'data: {"choices": [], "usage": {"completion_tokens": -1}}\n\n',
    ],
)
def test_events_that_are_no_part_of_an_answer(event):
    with pytest.raises(BrokenStreamError, match="no part of an answer"):
        answered(completion("a"), event)


def test_absurdly_long_events_are_not_kept():
    reader = EventReader()
    assert reader.feed(b"x" * MAX_EVENT_BYTES) == []
    with pytest.raises(BrokenStreamError, match="more than 1 MiB"):
        reader.feed(b"x")
    reader = EventReader()
    with pytest.raises(BrokenStreamError, match="more than 1 MiB"):
        reader.feed((b"data: " + b"x" * 65536 + b"\n") * (MAX_EVENT_BYTES // 65536 + 1))


def test_absurdly_long_answers_are_not_kept():
    answer = Answer()
    chunk = completion("x" * (MAX_EVENT_BYTES // 2))
    for _ in range(MAX_TEXT_CHARS // (MAX_EVENT_BYTES // 2)):
        answer.feed(chunk, 1.0)
    with pytest.raises(BrokenStreamError, match="4 million"):
        answer.feed(chunk, 1.0)


def test_a_dripping_stream_costs_no_more_than_its_length():
    reader = EventReader()
    events = [
        event
        for byte in b"data: " + b"x" * 30_000 + b"\n\n"
        for event in reader.feed(bytes([byte]))
    ]
    assert events == [b"x" * 30_000]


@given(st.binary(max_size=300))
def test_any_bytes_give_an_answer_or_the_one_error(rubbish):
    try:
        answered(rubbish, b"\n\n")
    except BrokenStreamError:
        return
