"""Whether a wake has room, in words."""

from dataclasses import replace

from support import builders as build
from support.builders import GIB

from sleeptui.core.model import State
from sleeptui.core.operation import Kind, Operation
from sleeptui.tui import room_words


def asleep(*, freed=80 * GIB, **fields):
    slept = build.record(kind=Kind.SLEEP, level=1, freed_bytes=freed)
    return build.server("code", State.ASLEEP, spec=build.spec("code"), history=(slept,), **fields)


def fleet(view, *, used):
    return build.fleet([view], gpus=[build.gpu_view(0, used)])


def test_a_wake_that_does_not_fit_says_by_how_much():
    words = room_words.missing(asleep(), fleet(asleep(), used=100 * GIB))
    assert words.startswith("code needs 80.0 GiB on GPU 0, ")
    assert words.endswith(" are free.")


def test_a_wake_that_fits_or_cannot_be_known_says_nothing():
    assert room_words.missing(asleep(), fleet(asleep(), used=1 * GIB)) == ""
    unknown = asleep(freed=None)
    assert room_words.missing(unknown, build.fleet([unknown])) == ""
    paused = replace(asleep(), state=State.PAUSED)
    assert room_words.missing(paused, fleet(paused, used=100 * GIB)) == ""


def test_a_switch_says_what_it_waits_for():
    operation = Operation(
        id=1, kind=Kind.SWITCH, server="code", began_s=0, note="waits for switch of chat on GPU 0"
    )
    queued = asleep(operation=operation)
    words = room_words.of_switch(queued, fleet(queued, used=0))
    assert words == "It waits for switch of chat on GPU 0."


def test_a_switch_says_who_may_make_room():
    view = asleep()
    assert room_words.of_switch(view, build.fleet([view])) == "Nothing has to make room."
    other = build.server("chat", State.AWAKE, spec=build.spec("chat"))
    words = room_words.of_switch(view, build.fleet([view, other]))
    assert words == "chat may have to sleep first, once running requests end."
