"""Which life of its process a server is in: restarts, and starts of ours."""

from support.journal_lines import S, begin, end, header, prom

from sleeptui.recorder.fold import fold
from sleeptui.recorder.line_operations import Standing


def lived(*every):
    """The lives of the attempts, and how many the server had."""
    found = fold([header(), *every])
    return [(one.kind, one.life, one.nth) for one in found.attempts], found.servers[0].lives


def alive(at_s, began_s):
    """A look at a process that began then."""
    return prom(int(at_s * S), reach="answered", m={"process_start_s": began_s})


def refused(at_s):
    return prom(int(at_s * S), reach="refused")


def start(op, at_s, **fields):
    t = int(at_s * S)
    how = {"name": "start", "level": None}
    return begin(op, t, **how), end(op, t + 5 * S, **how, **fields)


def stop(op, at_s):
    t = int(at_s * S)
    return begin(op, t, name="stop", level=None), end(op, t + S, name="stop", level=None)


def test_a_start_begins_a_life_though_its_process_tells_of_it_later():
    stale = Standing(state="starting", process_start_s=100.0)
    attempts, lives = lived(
        alive(1, 100.0),
        begin(1, 2 * S),
        end(1, 3 * S),
        *stop(2, 4),
        refused(6),
        *start(3, 7),
        begin(4, 12 * S, name="verify", level=None, pre=stale),
        alive(13, 200.0),
        begin(5, 14 * S),
        end(5, 15 * S),
        begin(6, 16 * S),
        end(6, 17 * S),
    )
    assert attempts == [
        ("sleep", 1, 1),
        ("stop", 1, 1),
        ("start", 2, 1),
        ("verify", 2, 1),
        ("sleep", 2, 1),
        ("sleep", 2, 2),
    ]
    assert lives == 2


def test_what_is_started_first_is_in_its_first_life():
    attempts, lives = lived(refused(1), *start(1, 2), alive(8, 100.0), alive(9, 100.0))
    assert (attempts, lives) == ([("start", 1, 1)], 1)


def test_each_start_is_a_life_of_its_own_also_where_no_process_tells_when_it_began():
    first, second = start(1, 2), start(2, 20)
    looks = [refused(1), prom(8 * S, reach="answered"), refused(19), prom(26 * S, reach="answered")]
    attempts, lives = lived(looks[0], *first, *looks[1:3], *second, looks[3])
    assert (attempts, lives) == ([("start", 1, 1), ("start", 2, 1)], 2)
    lost = {"cls": "engine_dead", "cause": "engine lost", "outcome": "failed"}
    attempts, lives = lived(refused(1), *start(1, 2, **lost), *start(2, 20))
    assert (attempts, lives) == ([("start", 1, 1), ("start", 2, 1)], 2)


def test_a_process_that_was_looked_at_only_once_it_answered_ends_with_the_next_start():
    attempts, _ = lived(prom(S, reach="answered"), *start(1, 2))
    assert attempts == [("start", 2, 1)]


def test_a_start_that_found_it_running_begins_nothing():
    found = {"cls": "no_op", "cause": "already so", "sent_ns": None, "outcome": "done"}
    attempts, lives = lived(
        alive(1, 100.0), *start(1, 2, **found), alive(8, 100.0), begin(2, 9 * S), end(2, 10 * S)
    )
    assert (attempts, lives) == ([("start", 1, 0), ("sleep", 1, 1)], 1)


def test_a_process_that_others_began_meanwhile_is_a_new_one_all_the_same():
    given_up = {"cls": "user_abort", "sent_ns": None, "outcome": "cancelled"}
    began, ended = start(1, 2, **given_up)
    attempts, lives = lived(alive(1, 100.0), began, alive(5, 300.0), ended)
    assert (attempts, lives) == ([("start", 2, 0)], 2)


def test_a_restart_by_others_after_a_start_is_a_life_more():
    attempts, lives = lived(
        refused(1), *start(1, 2), alive(8, 100.0), alive(9, 500.0), begin(2, 10 * S), end(2, 11 * S)
    )
    assert (attempts, lives) == ([("start", 1, 1), ("sleep", 2, 1)], 2)
