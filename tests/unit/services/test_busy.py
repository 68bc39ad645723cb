"""Requests in flight, summed and counted in words."""

import pytest
from support import builders as build

from sleeptui.services.busy import Queue, counts, queue_of


def busy(name="qwen", *, running=3, waiting=1, **fields):
    return build.server(name, metrics=build.metrics(running=running, waiting=waiting), **fields)


def test_the_queue_is_summed_and_parked_requests_count():
    queue = queue_of([busy(), busy("code", running=1, waiting=0, parked=2)])
    assert (queue.running, queue.waiting, queue.unknown) == (4, 3, ())
    assert queue.is_busy


def test_an_unreadable_queue_is_unknown_not_empty():
    queue = queue_of([build.server(metrics=None), busy("code", running=None)])
    assert queue.unknown == ("qwen", "code")
    assert not queue.is_busy


@pytest.mark.parametrize(
    ("running", "waiting", "words"),
    [
        (3, 1, "3 running and 1 waiting requests are"),
        (1, 0, "1 running request is"),
        (0, 2, "2 waiting requests are"),
    ],
)
def test_counts_are_said_with_their_verb(running, waiting, words):
    assert counts(Queue(running=running, waiting=waiting)) == words
