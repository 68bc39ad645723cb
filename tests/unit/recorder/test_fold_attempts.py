import pytest
from support.journal_lines import S, begin, end, header, prom

from sleeptui.core.learned import Cycle, Learned
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.fold import fold


def test_what_never_ended_is_unfinished():
    (one,) = fold([header(), begin(mode="wait", parent=7)]).attempts
    assert (one.cls, one.record, one.ended_ns, one.parent) == ("unfinished", None, None, 7)
    assert (one.cycle, one.nth, one.mode) == (1, 1, "wait")


def test_an_end_without_its_begin_counts():
    (one,) = fold([header(), end()]).attempts
    assert (one.cls, one.pre, one.began_ns, one.record.duration_s) == ("ok", None, S, 0.3)


def test_a_number_that_is_used_twice_is_two_attempts():
    every = [header(), begin(), begin(t=3 * S), end(t=4 * S), begin(s="p", t=5 * S), end(t=6 * S)]
    assert [(one.server, one.cls) for one in fold(every).attempts] == [
        ("q", "unfinished"),
        ("q", "ok"),
        ("p", "unfinished"),
        ("q", "ok"),
    ]


def test_the_level_is_that_of_the_end():
    every = [header(), begin(name="wake", level=1), end(name="wake", level=2)]
    assert fold(every).attempts[0].level == 2


def test_what_was_never_sent_is_no_cycle():
    idle = {"sent_ns": None, "done_ns": None, "outcome": "cancelled"}
    every = [
        header(),
        end(1, cls="user_abort", **idle),
        end(2, cls="invalid:no room", **idle),
        end(3, t=3 * S),
        end(4, name="wake", t=4 * S),
        end(5, name="prompt", level=None, t=5 * S),
        end(6, t=6 * S, cyc=40),
    ]
    assert [(one.nth, one.cycle) for one in fold(every).attempts] == [
        (0, None),
        (0, None),
        (1, 1),
        (1, 1),
        (1, None),
        (2, 40),
    ]


def test_a_wake_in_another_life_is_of_no_cycle():
    every = [
        header(),
        prom(m={"process_start_s": 1.0}),
        end(1),
        prom(m={"process_start_s": 2.0}),
        end(2, name="wake", t=4 * S),
    ]
    assert [one.cycle for one in fold(every).attempts] == [1, None]


def test_a_sleep_that_earlier_runs_have_seen_is_not_the_first():
    cycles = tuple(Cycle(process_start_s=5.0, level=level) for level in (1, 1, 2))
    every = [
        header(),
        kinds.Recalled(t=0, s="q", learned=Learned(cycles=cycles)),
        prom(m={"process_start_s": 5.0}),
        begin(),
        end(),
        begin(2, t=3 * S, level=2),
    ]
    assert [(one.level, one.nth) for one in fold(every).attempts] == [(1, 3), (2, 1)]


@pytest.mark.parametrize(
    ("host_b", "nths"), [(14 << 30, [1, 2]), (0, [4, 5])], ids=["pinned now", "pinned before"]
)
def test_of_a_sleep_after_those_of_others_the_memory_tells(host_b, nths):
    every = [
        header(),
        prom(m={"process_start_s": 5.0, "sleep_operations": 3}),
        begin(),
        end(host_b=host_b),
        begin(2, t=3 * S),
    ]
    assert [one.nth for one in fold(every).attempts] == nths


@pytest.mark.parametrize(
    ("found", "nths"),
    [
        ({"by": "", "level": 1}, [2, 3]),
        ({"by": "other", "level": 1}, [2, 3]),
        ({"by": "other", "level": 2}, [1, 2]),
        ({"by": "sleeptui", "level": 1}, [1, 2]),
    ],
    ids=["found asleep", "by others", "at level 2", "ours, counted as an operation"],
)
def test_a_sleep_of_others_counts_where_no_counter_tells(found, nths):
    every = [
        header(),
        kinds.StateLine(t=0, s="q", state="asleep", **found),
        begin(),
        end(),
        begin(2, t=3 * S),
    ]
    assert [one.nth for one in fold(every).attempts] == nths


def test_a_new_process_has_not_slept_yet():
    every = [
        header(),
        prom(m={"process_start_s": 5.0, "sleep_operations": 3}),
        prom(m={"process_start_s": 6.0}),
        begin(),
    ]
    assert [one.nth for one in fold(every).attempts] == [1]
