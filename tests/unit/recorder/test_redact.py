"""No secret gets into a journal, and no evidence is spoilt by looking for one."""

from dataclasses import replace
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import spec
from support.disks import header, note, op_end, prom
from support.journals import lines as sample_lines

from sleeptui.core.secrecy import hide
from sleeptui.core.settings import Settings
from sleeptui.recorder.line_samples import GpuCard
from sleeptui.recorder.line_session import Target
from sleeptui.recorder.lines import Gpu, GpuSlow, Note, Prom, StateLine
from sleeptui.recorder.redact import PROMPTS, Redactor, secrets_of

SECRET = 'pa"ss/wö rd\\+1'


def cleared(redactor, line):
    return redactor.clear(line, msgspec.json.encode(line)).decode()


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        msgspec.json.encode(SECRET).decode()[1:-1],
        repr(SECRET)[1:-1],
    ],
)
def test_a_secret_is_found_however_it_is_written(form):
    found = cleared(Redactor([SECRET]), note(text=f"before {form} after"))
    assert msgspec.json.decode(found)["text"] == "before *** after"


def test_one_that_was_cut_off_is_found_as_far_as_it_goes():
    redactor = Redactor(["0123456789abcdefghijklmnopqrstuvwxyz"])
    found = cleared(redactor, note(text="x 0123456789abcdefghijk… y 0123456789abcdef"))
    assert msgspec.json.decode(found)["text"] == "x ***… y ***"


def test_where_two_begin_alike_the_longer_agreement_counts():
    redactor = Redactor(["0123456789abcdef-one", "0123456789abcdef-one-more", "012345"])
    found = cleared(redactor, note(text="0123456789abcdef-one-more, 012345, 0123456789abcdef-one"))
    assert msgspec.json.decode(found)["text"] == "***, ***, ***"


def test_numbers_names_and_words_of_the_journal_stay():
    redactor = Redactor(["123456", "asleep", "reason", "header", "took_ns"])
    line = StateLine(t=123456, s="asleep", state="asleep", reason="asleep since 123456")
    assert msgspec.json.decode(cleared(redactor, line)) == {
        "k": "state", "t": 123456, "s": "asleep", "state": "asleep", "reason": "*** since ***",
    }  # fmt: skip
    assert msgspec.json.decode(cleared(redactor, header()))["k"] == "header"


def test_samples_are_not_searched_but_where_they_carry_text():
    redactor = Redactor(["secret-word"])
    assert "secret-word" in cleared(redactor, prom(m={"secret-word": 1}))
    assert "secret-word" not in cleared(redactor, prom(problem="it said secret-word"))
    card = GpuCard(i=0, name="secret-word", problem="secret-word")
    assert cleared(redactor, GpuSlow(t=1, gpus=(card,))).count("secret-word") == 1
    assert cleared(redactor, Gpu(t=1)) == '{"k":"gpu","t":1}'


def test_what_looks_like_a_key_is_replaced_though_nobody_knows_it():
    redactor = Redactor()
    for text in (
        "Authorization: Bearer abcdefgh",
        "--api-key abcdefgh --port 1",
        '{"password": "abcdefgh"}',
        "http://me:abcdefgh@host",
        "sk-abcdefghijklmnop",
        "hf_abcdefghijklmnop",
        "HF_TOKEN=abcdefgh",
    ):
        assert "abcdefgh" not in cleared(redactor, note(text=text))
    target = Target(name="a", url="http://me:abcdefgh@host/v1?api_key=abcdefgh")
    assert "abcdefgh" not in cleared(redactor, header(targets=(target,)))


def test_a_line_without_secrets_is_the_same_bytes():
    redactor = Redactor(["not-in-there"])
    for line in sample_lines():
        encoded = msgspec.json.encode(line)
        assert redactor.clear(line, encoded) == encoded


def test_prompts_that_a_server_repeats_are_replaced_while_they_are_new():
    redactor = Redactor()
    prompt = "Tell me about\nmy secret employer, please"
    redactor.add_prompt(prompt)
    redactor.add_prompt(prompt)
    repeated = note(text=f"bad: {prompt!r}; Tell me about my secret empl…")
    assert msgspec.json.decode(cleared(redactor, repeated))["text"] == "bad: '***'; ***…"
    redactor.add_prompt("short")
    for n in range(PROMPTS):
        assert "secret" not in cleared(redactor, repeated)
        redactor.add_prompt(f"another prompt {n}")
    assert "secret" in cleared(redactor, repeated)


def test_what_is_too_short_is_not_looked_for():
    redactor = Redactor(["", "short"])
    redactor.add("tiny")
    assert "short tiny" in cleared(redactor, note(text="short tiny"))


def test_secrets_come_from_the_environment_and_from_urls():
    servers = (
        replace(spec("a"), url="http://us%20er:pass%2Fword@host/?sig=value123&x=1"),
        replace(spec("b"), api_key_env="MY_SERVER"),
        replace(spec("c"), url="http://[broken"),
    )
    environment = {
        "MY_SERVER": "server-key",
        "HF_TOKEN": "token-1",
        "aws_secret": "secret-1",
        "DB_PASSWORD": "password-1",
        "CREDENTIAL_FILE": "/credential",
        "API_KEYS": "same",
        "HOME": "/home/me",
    }
    assert secrets_of(Settings(servers=servers), environment) == [
        "token-1", "secret-1", "password-1", "/credential", "us%20er:pass%2Fword",
        "us er:pass/word", "us%20er", "pass%2Fword", "pass/word", "value123", "server-key",
    ]  # fmt: skip


@given(st.text(min_size=6, max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_nothing_of_any_secret_is_left(secret, before, after):
    redactor = Redactor([secret])
    line = Note(t=1, severity="info", text=before + secret + after)
    found = msgspec.json.decode(cleared(redactor, line), type=Note)
    assert secret not in found.text or secret in "***"


@given(st.text(min_size=6, max_size=30))
def test_evidence_outlives_any_secret(secret):
    redactor = Redactor([secret])
    line = op_end()
    found = msgspec.json.decode(redactor.clear(line, msgspec.json.encode(line)), type=type(line))
    assert found == line


def test_figures_of_a_line_that_is_cleared_stay_exact():
    line = Prom(t=2**62, s="a", took_ns=7, problem="key=abcdef", m={"x": 0.1 + 0.2, "y": 1e300})
    found = msgspec.json.decode(cleared(Redactor(), line), type=Prom)
    assert (found.t, found.m, found.problem) == (2**62, line.m, "key=***")


def test_secrets_come_from_what_servers_are_started_with():
    server = replace(
        spec("a"), command=("vllm", "--api-key", "key-of-it"), environment={"A_PWD": "word-of-it"}
    )
    assert secrets_of(Settings(servers=(server,)), {}) == ["word-of-it", "key-of-it"]


PIECES = (
    "apikey", "api_key", "--apikey", "--basic_auth", "--hf_token", "password_file", "DB_PWD", "key",
    "token", "keys", "Authorization", "ghp-0123456789abcdef", "xoxb-0123456789abcdef", "hf_", "sk-",
    "Bearer ", "Basic ", "eyJ0123456789.0123456789", "AKIA0123456789ABCD", "://me:word@host", "=",
    ":", " ", "\n", "\t", "'", '"', "\\", "[", "{", "-", "_", ".", "hunter2hunter2", "é",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_whatever_looks_like_a_secret_is_looked_at(text):
    line = note(text=text)
    assert msgspec.json.decode(cleared(Redactor(), line))["text"] == hide(text)
