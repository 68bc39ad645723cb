"""The queue of operations in words."""

from dataclasses import replace

import pytest
from support import pictures
from support.builders import fleet, memory, operation, server, spec

from sleeptui.core.operation import Kind, Phase
from sleeptui.tui.present_queue import places, queue_words, queued, waits_for


def waits(name, *, number, gpu=0, **fields):
    order = operation(Kind.WAKE, name, id=number, phase=Phase.QUEUED)
    return server(name, memory=memory(gpu=gpu), operation=order, **fields)


def test_they_stand_in_the_order_of_the_asking():
    view = fleet([waits("late", number=9), server("idle"), waits("early", number=2)])
    assert [each.name for each in queued(view)] == ["early", "late"]
    assert queue_words(queued(view)) == "1 wake early, 2 wake late"


def test_without_a_queue_nothing_is_said():
    running = server(operation=operation(Kind.SLEEP))
    assert queued(fleet([running])) == ()
    assert queue_words(()) == ""
    assert places(fleet([running])) == {}


def test_a_long_queue_is_cut_and_names_are_cleaned():
    names = ["a\x1b[31mb", "x" * 60, *"cdefg"]
    view = fleet([waits(name, number=number) for number, name in enumerate(names)])
    words = queue_words(queued(view))
    assert words.startswith("1 wake ab, 2 wake xxx")
    assert words.endswith("5 wake e, 2 more")
    assert words.isprintable()


def test_each_gpu_has_its_own_queue():
    view = fleet(
        [waits("a", number=1), waits("b", number=2, gpu=1), waits("c", number=3)],
    )
    assert places(view) == {
        "a": "1st in the queue of GPU 0",
        "b": "1st in the queue of GPU 1",
        "c": "2nd in the queue of GPU 0",
    }


def test_a_server_whose_gpus_are_not_known_may_wait_for_all():
    nowhere = replace(waits("c", number=3), memory=None)
    view = fleet([waits("a", number=1), waits("b", number=2, gpu=1), nowhere])
    assert places(view)["c"] == "3rd in the queue"


def test_the_queue_of_another_machine_is_named():
    remote = waits("far", number=2, spec=spec("far", url="http://gpu-box-2:8001"))
    view = fleet([waits("a", number=1), remote])
    assert places(view)["far"] == "1st in the queue of GPU 0 of gpu-box-2"


@pytest.mark.parametrize(
    ("place", "word"), [(1, "1st"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st")]
)
def test_ordinals(place, word):
    view = fleet([waits(str(number), number=number) for number in range(1, place + 1)])
    assert places(view)[str(place)].startswith(f"{word} in the queue")


def test_the_gpu_is_named_once():
    order = operation(phase=Phase.QUEUED, note="waits for sleep of code on GPU 0")
    assert waits_for(order, "2nd in the queue of GPU 0") == (
        "2nd in the queue of GPU 0: waits for sleep of code"
    )
    assert waits_for(order, "2nd in the queue of GPU 0 of box") == (
        "2nd in the queue of GPU 0 of box: waits for sleep of code on GPU 0"
    )
    assert waits_for(order, "") == "waits for sleep of code on GPU 0"
    assert waits_for(replace(order, note=""), "1st in the queue") == "1st in the queue"


def test_the_picture_of_a_queue():
    assert places(pictures.waiting()) == {
        "llama": "1st in the queue of GPU 0",
        "coder": "2nd in the queue of GPU 0",
        "phi": "3rd in the queue of GPU 0",
    }
