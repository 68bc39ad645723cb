"""How long no request has run: told by the queue and by the server's own counters."""

from support import builders as make

from sleeptui.core.idle import Idle, Requests, idle
from sleeptui.core.model import State


def page(running=0, *, done=5, tokens=80.0, **fields):
    """A page of metrics of a server that has worked."""
    return make.metrics(
        running=running,
        requests_total={"stop": done},
        generation_tokens_total=tokens,
        prompt_tokens_total=10.0,
        **fields,
    )


def seen(*looks):
    """What some looks tell: time, metrics, asleep."""
    requests = Requests()
    for at_s, metrics, asleep in looks:
        requests.take(at_s, metrics, asleep=asleep)
    return requests


def view(requests, metrics, **fields):
    return make.server(
        metrics=metrics,
        idle_since_s=requests.idle_since_s,
        was_busy=requests.was_busy,
        **fields,
    )


def test_before_the_first_look_nothing_is_known():
    requests = Requests()
    assert (requests.idle_since_s, requests.was_busy) == (None, False)
    assert idle(make.server(metrics=None), 10.0, 0.0) is None


def test_what_runs_is_not_idle():
    requests = seen((1.0, page(2), False))
    assert idle(view(requests, page(2)), 9.0, 0.0) == Idle(seconds=0.0)


def test_after_a_request_that_was_seen_the_time_is_known():
    requests = seen((1.0, page(2), False), (2.0, page(0), False), (3.0, page(0), False))
    assert idle(view(requests, page(0)), 9.0, 0.0) == Idle(seconds=7.0)


def test_where_none_was_seen_it_is_at_least_that_long():
    requests = seen((1.0, page(), False), (3.0, page(), False))
    assert idle(view(requests, page()), 9.0, 0.0) == Idle(seconds=8.0, is_least=True)


def test_a_request_between_two_looks_is_told_by_the_counters():
    requests = seen((1.0, page(), False), (2.0, page(done=6, tokens=96.0), False))
    assert idle(view(requests, page()), 9.0, 0.0) == Idle(seconds=7.0)
    requests = seen((1.0, page(), False), (2.0, page(tokens=96.0), False))
    assert requests.was_busy


def test_the_frozen_queue_of_a_sleeping_server_runs_nothing():
    requests = seen((1.0, page(8), True), (5.0, page(8), True))
    known = idle(view(requests, page(8), state=State.ASLEEP), 9.0, 0.0)
    assert known == Idle(seconds=8.0, is_least=True)


def test_requests_that_the_sleep_has_frozen_ran_until_then():
    requests = seen((1.0, page(8), False), (2.0, page(8), True), (7.0, page(8), True))
    assert idle(view(requests, page(8), state=State.ASLEEP), 9.0, 0.0) == Idle(seconds=7.0)


def test_one_that_has_never_worked_is_idle_since_its_start():
    fresh = make.metrics(
        requests_total={"stop": 0, "abort": 0},
        generation_tokens_total=0.0,
        prompt_tokens_total=0.0,
        process_start_s=1_000.0,
    )
    requests = seen((1.0, fresh, False))
    assert idle(view(requests, fresh), 9.0, 1_100.0) == Idle(seconds=109.0)


def test_without_counters_its_start_tells_nothing():
    bare = make.metrics(running=0)
    requests = seen((1.0, bare, False))
    assert idle(view(requests, bare), 9.0, 1_100.0) == Idle(seconds=8.0, is_least=True)


def test_a_queue_that_cannot_be_read_is_not_idle():
    requests = seen((1.0, page(None), False))
    assert requests.idle_since_s is None
    assert idle(view(requests, page(None)), 9.0, 0.0) is None
    requests.lose(2.0)
    assert (requests.running.last, requests.waiting.last) == (None, None)


def test_of_one_that_does_not_answer_nothing_is_known():
    requests = seen((1.0, page(), False))
    for state in (State.DOWN, State.STARTING, State.UNKNOWN):
        assert idle(view(requests, page(), state=state), 9.0, 0.0) is None


def test_a_new_process_begins_anew():
    requests = seen((1.0, page(2), False), (2.0, page(0), False))
    requests.forget()
    assert not requests.was_busy
    requests.take(5.0, page(0, done=0, tokens=0.0), asleep=False)
    assert (requests.idle_since_s, requests.was_busy) == (5.0, False)


def test_a_clock_that_went_back_makes_no_negative_time():
    requests = seen((5.0, page(), False))
    assert idle(view(requests, page()), 4.0, 0.0) == Idle(seconds=0.0, is_least=True)
