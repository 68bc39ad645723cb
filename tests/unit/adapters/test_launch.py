"""What is told of how a server was started: all that steers it, nothing that is secret."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.adapters.launch import HIDDEN, steering, without_secrets

SECRET = "hunter2-Correct.Horse"


def shown(line: str) -> str:
    return " ".join(without_secrets(shlex.split(line)))


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve org/Model-7B --port 8000 --enable-sleep-mode",
        "vllm serve /models/org--Model --revision 0123456789abcdef0123456789abcdef01234567",
        "vllm serve m --max-num-batched-tokens 8192 --tokenizer org/tok --tokenizer-mode auto",
        "vllm serve m --ssl-keyfile /etc/key.pem --long-prefill-token-threshold 512",
        "vllm serve m --stop-token-ids 1 2 --max-model-len=4096",
        "vllm serve m --otlp-traces-endpoint http://collector:4317/v1?kind",
        "python3 -m vllm.entrypoints.openai.api_server --model org/task-force-token-classifier",
    ],
)
def test_what_is_no_secret_stays(line):
    assert shown(line) == line


@pytest.mark.parametrize(
    "line",
    [
        f"vllm serve m --api-key {SECRET}",
        f"vllm serve m --api-key={SECRET}",
        f"vllm serve m --api_key {SECRET}",
        f"vllm serve m --api-key first {SECRET} --port 1",
        f"vllm serve m --hf-token {SECRET}",
        f"vllm serve m --ssl-keyfile-password={SECRET}",
        f"vllm serve m --otlp-traces-endpoint http://me:{SECRET}@collector:4317",
        f"vllm serve m --otlp-traces-endpoint 'http://collector/?token={SECRET}&x={SECRET}'",
        f"vllm serve m --kv-transfer-config.api_key {SECRET}",
        f"""vllm serve m --extra '{{"a": {{"auth_token": "{SECRET}", "n": 1}}}}'""",
        f"""vllm serve m --extra '{{"a": {{"password":"x\\"{SECRET}"}}}}'""",
        f"""vllm serve m --extra '{{"password":"{SECRET}'""",
        f"""vllm serve m --extra "{{'password': '{SECRET}'}}" """,
        f"env HF_TOKEN={SECRET} vllm serve m",
        f"sh -c 'export HF_TOKEN={SECRET}; exec vllm serve m'",
        f"vllm serve m --middleware 'Authorization: {SECRET}'",
        f"vllm serve m --header 'X: Bearer {SECRET}'",
    ],
)
def test_secrets_are_replaced(line):
    assert SECRET not in shown(line)
    assert HIDDEN in shown(line)
    assert "vllm serve m" in shown(line)


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghijklmnop",
        "hf_ABCDEFGHIJKLMNOPQRST",
        "ghp_abcdefghijklmnopqrst",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
)
def test_what_looks_like_a_key_is_replaced_wherever_it_stands(key):
    assert key not in shown(f"vllm serve m --note x{key[:0]} {key}")
    assert steering([("VLLM_NOTE", f"a {key} b")]) == {"VLLM_NOTE": "a *** b"}


def test_words_are_cleaned_and_cut():
    (word,) = without_secrets(["a\x1b[31mb\n" + "c" * 5000])
    assert word.startswith("ab c")
    assert len(word) <= 1000
    assert len(without_secrets(["x"] * 5000)) <= 200
    assert without_secrets([]) == ()


def test_only_variables_that_steer_are_told():
    found = steering(
        [
            ("VLLM_SERVER_DEV_MODE", "1"),
            ("NCCL_P2P_DISABLE", "1"),
            ("CUDA_VISIBLE_DEVICES", "0,1"),
            ("VLLM_API_KEY", SECRET),
            ("VLLM_S3_SECRET", SECRET),
            ("NCCL_PASSPHRASE", SECRET),
            ("HF_TOKEN", SECRET),
            ("HOME", "/root"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("VLLM_\x1b[31m", "x"),
            ("VLLM_RPC", f"tcp://a:{SECRET}@host:1"),
        ]
    )
    assert list(found.items()) == [
        ("CUDA_VISIBLE_DEVICES", "0,1"),
        ("NCCL_P2P_DISABLE", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("VLLM_RPC", "tcp://***@host:1"),
        ("VLLM_SERVER_DEV_MODE", "1"),
    ]


@given(st.lists(st.text(max_size=30), max_size=8), st.sampled_from(["--api-key", "--hf-token"]))
def test_nothing_of_a_secret_is_left_whatever_stands_around_it(words, flag):
    line = without_secrets([*words, flag, SECRET])
    assert not any(SECRET in word for word in line)
    assert all(word.isprintable() for word in line)
