import asyncio

from support.builders import GIB, fleet, gpu, gpu_view, home, memory, reading, server, spec

from sleeptui.services.places import (
    gpus_of,
    gpus_text,
    machine_of,
    may_share,
    overlap,
    seen_gpus_of,
    used_on,
)
from sleeptui.services.queue import Lanes


def lanes(start_up=lambda _: ""):
    told = []
    return Lanes(start_up=start_up, on_note=lambda claim: told.append((claim.id, claim.note))), told


def take(queue, number, *gpus, name=None):
    return queue.claim(
        number=number,
        server=name or f"m{number}",
        title=f"sleep of {name or f'm{number}'}",
        gpus=frozenset(gpus) if gpus else None,
    )


async def test_different_gpus_do_not_wait_for_each_other():
    queue, _ = lanes()
    assert take(queue, 1, 0).turn.done()
    assert take(queue, 2, 1).turn.done()
    assert not queue.is_waiting


async def test_the_same_gpu_is_first_come_first_served():
    queue, told = lanes()
    first, second, third = take(queue, 1, 0), take(queue, 2, 0, 1), take(queue, 3, 1)
    assert (first.turn.done(), second.turn.done(), third.turn.done()) == (True, False, False)
    assert second.note == "waits for sleep of m1 on GPU 0"
    assert third.note == "waits for sleep of m2 on GPU 1"
    assert second.has_waited
    queue.release(first)
    assert second.turn.done()
    assert not third.turn.done()
    queue.release(second)
    assert third.turn.done()
    assert told == []


async def test_what_is_not_known_may_be_anywhere():
    queue, _ = lanes()
    unknown, known = take(queue, 1), take(queue, 2, 5)
    assert not known.turn.done()
    assert known.note == "waits for sleep of m1"
    queue.release(unknown)
    assert known.turn.done()


async def test_one_who_leaves_the_queue_frees_those_behind_and_changes_their_note():
    queue, told = lanes()
    first, second, third = take(queue, 1, 0), take(queue, 2, 0), take(queue, 3, 0)
    queue.release(second)
    queue.release(second)
    assert not third.turn.done()
    assert told == []
    queue.release(first)
    assert third.turn.done()


async def test_a_start_up_holds_the_queue_until_it_is_over():
    reasons = {"now": "waits until b has started"}
    queue, told = lanes(lambda claim: reasons["now"])
    claim = take(queue, 1, 0)
    assert claim.note == "waits until b has started"
    assert queue.is_waiting
    queue.review()
    reasons["now"] = "waits until c has started"
    queue.review()
    assert told == [(1, "waits until c has started")]
    reasons["now"] = ""
    queue.review()
    assert claim.turn.done()
    assert claim.note == ""


async def test_a_turn_that_was_given_up_is_not_given():
    queue, _ = lanes()
    first, second = take(queue, 1, 0), take(queue, 2, 0)
    second.turn.cancel()
    queue.release(first)
    await asyncio.sleep(0)
    assert second.turn.cancelled()


def test_gpus_as_configured_as_measured_or_the_only_one():
    one = fleet(gpus=[gpu_view(3)])
    two = fleet(gpus=[gpu_view(0), gpu_view(1)])
    assert gpus_of(server(spec=spec(gpus=(1, 2))), one) == {1, 2}
    assert gpus_of(server(memory=memory(gpu=1)), two) == {1}
    assert gpus_of(server(), one) == {3}
    assert gpus_of(server(), two) is None
    far = spec(url="http://gpu7:8000")
    assert gpus_of(server(spec=far), one) is None
    assert gpus_of(server(spec=far, home=home()), one) == {3}


def test_overlap_and_text():
    assert overlap(frozenset({0}), frozenset({0, 1}))
    assert not overlap(frozenset({0}), frozenset({1}))
    assert overlap(None, frozenset({1}))
    assert gpus_text([0]) == "GPU 0"
    assert gpus_text([0, 1]) == "GPUs 0, 1"


def test_used_needs_every_gpu():
    seen = reading(gpu(0, 3 * GIB), gpu(1, 4 * GIB), gpu(2, None))
    assert used_on(seen, frozenset({0, 1})) == 7 * GIB
    assert used_on(seen, frozenset({0, 2})) is None
    assert used_on(seen, frozenset({0, 9})) is None
    assert used_on(seen, None) is None
    assert used_on(seen, frozenset()) is None


async def test_the_same_number_on_another_machine_is_another_gpu():
    queue = Lanes(start_up=lambda _: "", on_note=lambda _: None)
    here = queue.claim(number=1, server="a", title="a", gpus=frozenset({0}))
    there = queue.claim(number=2, server="b", title="b", gpus=frozenset({0}), machine="far")
    unknown = queue.claim(number=3, server="c", title="c", gpus=None, machine="far")
    assert here.turn.done()
    assert there.turn.done()
    assert not unknown.turn.done()


def test_machines():
    one = fleet(gpus=[gpu_view(0)])
    here = server("here")
    there = server("there", spec=spec("there", url="http://far:8001", gpus=(0,)))
    beside = server("beside", spec=spec("beside", url="http://far:8002"))
    assert (machine_of(here), machine_of(there)) == ("", "far")
    assert gpus_of(there, one) == {0}
    assert seen_gpus_of(there, one) is None
    assert gpus_of(beside, one) is None
    assert not may_share(here, there, one)
    assert not may_share(here, beside, one)
    assert may_share(there, beside, one)
