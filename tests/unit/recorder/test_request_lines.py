from dataclasses import replace

import msgspec
import pytest

from sleeptui.core.completion import Completion
from sleeptui.core.events import RequestAdvanced, RequestBegan, RequestEnded
from sleeptui.core.operation import Fate
from sleeptui.recorder import request_lines
from sleeptui.recorder.line_operations import ReqEnd
from sleeptui.recorder.request_lines import began_of, ended_of, sha, stamps

BEGAN = RequestBegan(
    at_s=10.0,
    id=3,
    server="qwen",
    cohort="prompt",
    operation=7,
    prompt="why is the sky blue?",
    max_tokens=8,
)


def answered(**fields):
    values = {
        "sent_s": 10.001,
        "headers_s": 10.1,
        "first_token_s": 10.5,
        "last_token_s": 11.0,
        "ended_s": 11.1,
        "text": "it scatters",
        "prompt_tokens": 6,
        "completion_tokens": 3,
        "finish_reason": "stop",
        "terminated": True,
        **fields,
    }
    return Completion(**values)


def again(line):
    return msgspec.json.decode(msgspec.json.encode(line), type=type(line))


@pytest.mark.parametrize("text", [True, False])
def test_a_request_comes_back(text):
    line = again(request_lines.begin_line(BEGAN, text=text))
    assert (line.prompt_sha, line.prompt_chars) == (sha(BEGAN.prompt), 20)
    assert (BEGAN.prompt in str(line)) is text
    assert began_of(line).prompt == (BEGAN.prompt if text else "")
    mark = request_lines.mark_line(RequestAdvanced(at_s=10.5, id=3, server="qwen"))
    assert (mark.req, mark.what, mark.t) == (3, "first_token", 10_500_000_000)
    end = RequestEnded(
        at_s=11.2,
        id=3,
        server="qwen",
        fate=Fate.COMPLETED,
        completion=answered(text="it scatters" if text else ""),
        chunks=((10.5, 1), (10.75, 2), (11.0, 3)),
    )
    line = again(request_lines.end_line(end, began_ns=0, text=text))
    assert line.chunks == ((499_000, 1), (250_000, 2), (250_000, 3))
    assert [round(at_ns / 1e6) for at_ns, _ in stamps(line)] == [10_500, 10_750, 11_000]
    came = ended_of(line)
    assert came.completion == end.completion
    assert [(pytest.approx(at_s), tokens) for at_s, tokens in end.chunks] == list(came.chunks)
    assert (came.fate, came.error) == (Fate.COMPLETED, None)


def test_an_answer_is_only_a_hash_where_texts_are_not_wanted():
    end = RequestEnded(at_s=11.2, id=3, server="qwen", fate=Fate.COMPLETED, completion=answered())
    line = request_lines.end_line(end, began_ns=0, text=False)
    assert (line.text, line.text_sha) == (None, sha("it scatters"))


def test_one_that_was_given_up_midway_keeps_its_chunks():
    end = RequestEnded(
        at_s=11.0,
        id=3,
        server="qwen",
        fate=Fate.CUT,
        error="given up",
        chunks=((10.5, 1), (10.6, 2)),
    )
    line = again(request_lines.end_line(end, began_ns=10_000_000_000, text=False))
    assert (line.sent_ns, line.chunks) == (10_000_000_000, ((500_000, 1), (100_000, 2)))
    assert (line.error, line.fate, line.end_ns) == ("given up", "cut", 11_000_000_000)


def test_one_that_had_no_answer():
    end = RequestEnded(at_s=11.0, id=3, server="qwen", fate=Fate.CUT, error="no answer in 2 s")
    line = again(request_lines.end_line(end, began_ns=10_000_000_000, text=False))
    assert (line.sent_ns, line.chunks, stamps(line)) == (None, (), ())
    assert ended_of(line) == end


def test_words_of_a_newer_version_and_half_a_character():
    line = ReqEnd(t=1, s="qwen", req=1, end_ns=1, fate="teleported")
    assert ended_of(line).fate is Fate.CUT
    assert stamps(ReqEnd(t=1, s="qwen", req=1, end_ns=5, fate="cut", chunks=((1, 1),))) == (
        (1005, 1),
    )
    odd = RequestBegan(
        at_s=1.0,
        id=1,
        server="qwen",
        cohort="prompt",
        operation=None,
        prompt="\ud800!",
        max_tokens=1,
    )
    line = again(request_lines.begin_line(odd, text=True))
    assert line.prompt == "?!"
    assert line.prompt_sha == sha("\ud800!")
    assert sha("") == ""


def test_one_of_a_load_has_its_schedule_and_what_it_was_compared_with():
    began = replace(BEGAN, cohort="late", scheduled_s=9.5, xid="b2-late-1")
    line = again(request_lines.begin_line(began, text=True))
    assert (line.scheduled_ns, line.xid) == (9_500_000_000, "b2-late-1")
    assert began_of(line) == began
    end = RequestEnded(
        at_s=11.0,
        id=3,
        server="qwen",
        fate=Fate.COMPLETED,
        completion=replace(answered(text=""), late_s=0.004),
        control=2,
        equal=False,
        equal_chars=17,
        tie=True,
        http=503,
    )
    line = again(request_lines.end_line(end, began_ns=0, text=False))
    assert (line.control, line.equal, line.equal_chars, line.http) == (2, False, 17, 503)
    assert (line.tie, line.stamp_lag_s) == (True, 0.004)
    assert ended_of(line) == end
