"""Order, filter, and the share of the screen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import facts, fleet, memory, metrics, server

from sleeptui.core.model import State
from sleeptui.tui.arrange import LEAST_HEIGHT, URGENCY, Sort, share, shown

GIB = 1 << 30


def names(view, text="", sort=Sort.FLEET):
    return [each.name for each in shown(view, text, sort)]


FLEET = fleet(
    [
        server("qwen", memory=memory(40 * GIB), metrics=metrics(running=2, waiting=1)),
        server("Llama", State.ASLEEP, memory=memory(2 * GIB), queue_frozen=True, parked=5,
               metrics=metrics(running=8)),
        server("coder", State.WEDGED, facts=facts(models=("Qwen/Qwen2.5-Coder",))),
        server("gemma", State.WAKING, memory=memory(41 * GIB)),
    ]
)  # fmt: skip


def test_orders():
    assert names(FLEET) == ["qwen", "Llama", "coder", "gemma"]
    assert names(FLEET, sort=Sort.NAME) == ["coder", "gemma", "Llama", "qwen"]
    assert names(FLEET, sort=Sort.STATE) == ["coder", "gemma", "qwen", "Llama"]
    assert names(FLEET, sort=Sort.MEMORY) == ["gemma", "qwen", "Llama", "coder"]
    assert names(FLEET, sort=Sort.QUEUE) == ["Llama", "qwen", "coder", "gemma"]


def test_orders_come_in_turn():
    order, seen = Sort.FLEET, []
    for _ in Sort:
        seen.append(order)
        order = order.next()
    assert order is Sort.FLEET
    assert seen == list(Sort)


def test_every_state_has_its_place():
    assert sorted(URGENCY) == sorted(State)


def test_a_flicker_of_memory_does_not_change_places():
    view = fleet([server("a", memory=memory(40 * GIB)), server("b", memory=memory(40 * GIB + 9))])
    assert names(view, sort=Sort.MEMORY) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("qwen", ["qwen", "coder"]),
        ("LLAMA", ["Llama"]),
        ("asleep", ["Llama"]),
        (" waking ", ["gemma"]),
        ("nothing", []),
        ("", ["qwen", "Llama", "coder", "gemma"]),
    ],
)
def test_the_filter_looks_at_name_model_and_state(text, found):
    assert names(FLEET, text) == found


def test_at_120x36_all_parts_have_room():
    given_out = share(120, 36, gpus=1, servers=3, detail=True)
    assert (given_out.gpus, given_out.table) == (2, 5)
    assert given_out.detail >= 14
    assert given_out.log >= 6


def test_at_80x24_the_table_comes_first():
    given_out = share(80, 24, gpus=1, servers=8, detail=False)
    assert given_out.table == 10
    assert given_out.log == 10
    with_detail = share(80, 24, gpus=1, servers=8, detail=True)
    assert (with_detail.table, with_detail.detail, with_detail.log) == (10, 10, 0)


def test_a_wide_screen_has_the_detail_beside():
    wide = share(160, 40, gpus=2, servers=8, detail=True)
    assert wide.beside
    assert wide.detail == 0
    assert not share(139, 40, gpus=2, servers=8, detail=True).beside


def test_many_gpus_scroll():
    assert share(120, 36, gpus=16, servers=8, detail=False).gpus == 9
    assert share(80, 24, gpus=16, servers=8, detail=False).gpus == 4


def test_an_empty_panel_has_room_for_its_words():
    small = share(80, 24, gpus=0, servers=0, detail=True, empty=True)
    assert (small.detail, small.log) == (0, 0)
    assert small.table == 20


@given(
    st.integers(60, 300),
    st.integers(LEAST_HEIGHT, 120),
    st.integers(0, 32),
    st.integers(0, 200),
    st.booleans(),
)
def test_the_rows_add_up_and_none_is_negative(width, height, gpus, servers, detail):
    given_out = share(width, height, gpus=gpus, servers=servers, detail=detail, empty=servers == 0)
    rows = (given_out.gpus, given_out.table, given_out.detail, given_out.log)
    assert min(rows) >= 0
    assert sum(rows) == height - 2
    assert given_out.table >= 3


def test_sorting_does_not_change_the_picture():
    before = FLEET.servers
    shown(FLEET, "", Sort.NAME)
    assert replace(FLEET).servers is before
