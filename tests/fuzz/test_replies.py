"""JSON that vLLM answers, and its five shapes of an error."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import DEEP, HOSTILE, VALUES, as_json, fuzz, is_clean, mangled, mutated
from support.replay import recorded_body

from sleeptui.adapters import vllm_json
from sleeptui.adapters.http_errors import detail_of, is_markup, refused
from sleeptui.core.errors import BadReply

MOST = 1 << 62
SHAPES = {
    vllm_json.IsSleeping: "is_sleeping-l1",
    vllm_json.IsPaused: "is_paused-l1",
    vllm_json.Load: "load",
    vllm_json.Version: "version",
    vllm_json.Models: "v1_models",
    vllm_json.ServerInfo: "server_info",
    vllm_json.Done: "wake_up-kv_cache",
}
ERRORS = [
    {"error": {"message": "max_tokens is too much", "type": "BadRequestError", "code": 400}},
    {"object": "error", "message": "no such model", "code": 404},
    {"error": "Unauthorized"},
    {"detail": "Not Found"},
    {"detail": [{"loc": ["query", "level"], "msg": "Input should be 0, 1 or 2"}]},
]
PLAIN = st.one_of(
    HOSTILE.map(lambda text: text.encode(errors="replace")),
    st.binary(max_size=60),
    st.sampled_from([b"Internal Server Error", b"<!DOCTYPE html><html>", b"  <?xml?>", b"", DEEP]),
)


def bodies(recorded: bytes) -> st.SearchStrategy[bytes]:
    """A recorded answer with something wrong, or something else."""
    return st.one_of(
        mutated(json.loads(recorded)).map(as_json), mangled(recorded), VALUES.map(as_json), PLAIN
    )


def numbers(value: object):
    """All integers in an answer."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one)
    elif hasattr(value, "__struct_fields__"):
        for name in value.__struct_fields__:
            yield from numbers(getattr(value, name))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@fuzz(37)
@given(data=st.data())
def test_an_answer_is_understood_or_not_vllms(shape, data):
    body = data.draw(bodies(recorded_body("vllm-0.32.0", SHAPES[shape])))
    check(shape, body)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("body", [DEEP, b'{"x":' + DEEP, b'{"a":' * 20_000], ids=len)
def test_nested_without_end(shape, body):
    check(shape, body)


def check(shape, body):
    try:
        found = vllm_json.read(body, shape, server="qwen", path="/x")
    except BadReply as error:
        assert is_clean(error.message, error.hint)
        return
    assert all(-MOST < number < MOST for number in numbers(found))


@fuzz(100)
@given(
    st.one_of(st.sampled_from(ERRORS).flatmap(mutated).map(as_json), PLAIN),
    st.integers(100, 999),
    st.sampled_from(["/sleep", "/v1/models"]),
)
@example(b'{"error":' + DEEP, 500, "/sleep")
@example(b'{"error":{"message":"\\u001b[2J"}}', 400, "/sleep")
def test_an_error_is_told_in_one_clean_line(body, status, path):
    detail = detail_of(body)
    assert is_clean(detail)
    assert len(detail) <= 300
    error = refused(status, body, server="qwen", path=path, api_key_env="KEY")
    assert is_clean(error.message, error.hint, error.detail)
    assert isinstance(is_markup(body), bool)
