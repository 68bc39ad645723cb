from support.journal_lines import S, asked, begin, end, header

from sleeptui.recorder import lines as kinds
from sleeptui.recorder.fold import fold


def test_a_request_that_never_ended():
    first = kinds.ReqMark(t=2 * S, s="q", req=1, what="first_token")
    other = kinds.ReqMark(t=3 * S, s="q", req=1, what="headers")
    stray = kinds.ReqMark(t=3 * S, s="q", req=9, what="first_token")
    (one,) = fold([header(), asked(op=4), first, other, stray]).requests
    assert (one.fate, one.first_ns, one.ended_ns, one.operation) == ("open", 2 * S, None, 4)


def test_a_request_that_broke_off():
    lone = kinds.ReqEnd(t=2 * S, s="q", req=2, end_ns=2 * S, fate="cut")
    last = kinds.ReqEnd(t=3 * S, s="q", req=1, end_ns=3 * S, fate="cut", error="gone")
    (one,) = fold([header(), asked(), lone, last]).requests
    assert (one.fate, one.error, one.max_gap_s, one.chunks) == ("cut", "gone", None, ())


def test_a_silence_with_a_sleep_in_it():
    chunks = ((100_000, 1), (200_000, 2), (8_000_000, 3), (100_000, 4))
    last = kinds.ReqEnd(
        t=11 * S, s="q", req=1, sent_ns=S, end_ns=11 * S, fate="completed", chunks=chunks
    )
    quiet, slept = [header(), asked(), last], kinds.StateLine(t=4 * S, s="q", state="asleep")
    (one,) = fold(quiet).requests
    assert (one.max_gap_s, one.gap_covers_sleep) == (8.0, False)
    assert one.chunks[1] == (1_300_000_000, 2)
    assert fold([header(), asked(), slept, last]).requests[0].gap_covers_sleep
    ours = [header(), asked(), begin(t=2 * S), end(t=6 * S, done_ns=3 * S), last]
    assert fold(ours).requests[0].gap_covers_sleep
