from datetime import UTC, datetime

import pytest
from support.builders import home, server

from sleeptui.core.model import State
from sleeptui.services.startup import LIMIT_S, is_starting_up


def started(clock, ago_s, *, zone=True):
    moment = datetime.fromtimestamp(clock.wall_s() - ago_s, UTC)
    return (moment if zone else moment.replace(tzinfo=None)).isoformat()


def starting(**fields):
    return server(state=State.STARTING, **{"seen_at_s": None, "since_s": 100.0, **fields})


@pytest.mark.parametrize("zone", [True, False])
def test_a_process_that_began_a_minute_ago_and_never_answered(clock, zone):
    assert is_starting_up(starting(home=home(started_at=started(clock, 60, zone=zone))), clock)


def test_nobody_knows_when_it_began(clock):
    assert is_starting_up(starting(), clock)
    assert is_starting_up(starting(home=home(started_at="yesterday")), clock)
    clock.move(LIMIT_S)
    assert not is_starting_up(starting(), clock)


@pytest.mark.parametrize("state", [State.AWAKE, State.DOWN, State.UNKNOWN])
def test_another_state(clock, state):
    assert not is_starting_up(server(state=state), clock)


def test_one_that_began_too_long_ago(clock):
    assert not is_starting_up(starting(home=home(started_at=started(clock, LIMIT_S + 1))), clock)


def test_one_that_has_answered_since_its_process_began(clock):
    old = home(started_at=started(clock, 60))
    assert not is_starting_up(starting(home=old, seen_at_s=clock.now_s() - 5), clock)
    new = home(started_at=started(clock, 2))
    assert is_starting_up(starting(home=new, seen_at_s=clock.now_s() - 5), clock)


@pytest.mark.parametrize("fields", [{"container_state": "restarting"}, {"restarts": 3}])
def test_one_that_docker_restarts(clock, fields):
    assert not is_starting_up(starting(home=home(**fields)), clock)
