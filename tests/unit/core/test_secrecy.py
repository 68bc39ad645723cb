"""What looks like a secret is replaced, what only speaks of one is not."""

import pytest

from sleeptui.core.secrecy import hide, is_secret_name

SECRET = "hunter2-Correct.Horse"


@pytest.mark.parametrize(
    "text",
    [
        f"--api-key {SECRET}",
        f"--hf-token={SECRET} --port 1",
        f"Authorization: Bearer {SECRET}",
        f"Authorization: Basic {SECRET}",
        f"authorization: {SECRET}",
        f'"Authorization": "Bearer {SECRET}"',
        f"http://me:{SECRET}@host/v1",
        f"POST /v1?api_key={SECRET} failed",
        f'{{"token": "{SECRET}"}}',
        f"token={SECRET}",
        f"HF_TOKEN: {SECRET}",
        f"error: note: api_key={SECRET}",
        f"password={SECRET} password={SECRET}",
        f"password = '{SECRET}",
        "the key sk-proj-abcdefghijklmnop is wrong",
        "hf_ABCDEFGHIJKLMNOPQRST",
    ],
)
def test_a_secret_is_hidden(text):
    hidden = hide(text)
    assert "***" in hidden
    for part in (SECRET, "abcdefghijklmnop", "ABCDEFGHIJKLMNOP"):
        assert part not in hidden


@pytest.mark.parametrize(
    "text",
    [
        "first token: 0.31 s",
        "POST /sleep?level=2&mode=abort answered 500",
        "key: value",
        "the token is wrong",
        "--max-tokens 16 --tokenizer auto --stop-token-ids 1",
        "decodes: 16 tokens, 51 tokens/s",
        "is-asleep --keep 3 -- --key",
        "password:",
        "sha256:0123456789abcdef",
        "",
    ],
)
def test_what_only_speaks_of_one_stays(text):
    assert hide(text) == text


def test_a_long_text_costs_no_more_than_its_length():
    for part in ("a=", "key ", "://", "-", '"', "\\", "key:"):
        hide(part * 20_000)


def test_names_of_secrets():
    assert all(is_secret_name(name) for name in ("API_KEY", "hf-token", "db.password", "Auth"))
    assert not any(is_secret_name(name) for name in ("tokenizer", "max_tokens", "keyfile", "", "-"))
