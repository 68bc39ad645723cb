"""What looks like a secret is replaced, what only speaks of one is not."""

import pytest

from sleeptui.core.secrecy import hide, is_secret_name, secrets_within, without

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


def test_lists_and_groups_behind_a_name_are_its_value():
    said = "non-default args: {'api_key': ['one', 'two'], 'port': 8000} auth=('me', 'it')"
    assert hide(said) == "non-default args: {'api_key': ***, 'port': 8000} auth=***"
    assert hide('"credentials": {"user": "me", "word": "it"}, "a": 1') == (
        '"credentials": ***, "a": 1'
    )


def test_what_a_server_is_started_with_is_known_by_its_name():
    command = (
        "bash", "-c", "X_TOKEN='in-a-script' vllm serve m --hf-token behind-a-flag",
        "--api-key", "first-key", "second-key", "--port", "8000-not-secret", "--auth=attached",
        "plain-word", "--key", "no",
    )  # fmt: skip
    variables = {"MY_PWD": "of-a-name", "OPENAI_KEYS": "part-of-one", "PWD": "/home/me", "KEY": ""}
    assert secrets_within(command, variables) == [
        "of-a-name", "part-of-one", "behind-a-flag", "in-a-script", "first-key", "second-key",
        "attached",
    ]  # fmt: skip


def test_known_ones_are_replaced_the_longest_first():
    assert without("a secret-word, secret", ["secret", "secret-word"]) == "a ***, ***"
