"""The seam between two tails of a growing log."""

from hypothesis import given
from hypothesis import strategies as st

from sleeptui.tui.screens.log import added


def test_nothing_new():
    assert added(["a", "b"], ["a", "b"]) == 0


def test_new_lines_at_the_end():
    assert added(["a", "b", "c"], ["b", "c", "d", "e"]) == 2


def test_a_log_that_started_anew_does_not_meet():
    assert added(["a", "b"], ["x", "y"]) is None
    assert added([], ["x"]) is None
    assert added(["a"], []) is None


@given(
    lines=st.lists(st.sampled_from("abc"), min_size=1, max_size=30),
    more=st.lists(st.sampled_from("abc"), max_size=10),
    limit=st.integers(min_value=1, max_value=20),
)
def test_appending_what_is_new_gives_the_new_tail(lines, more, limit):
    old, new = lines[-limit:], (lines + more)[-limit:]
    fresh = added(old, new)
    if fresh is not None:
        assert (old + new[len(new) - fresh :])[-len(new) :] == new
    elif len(more) < len(old):
        raise AssertionError("the tails meet")
