"""The stand-ins of the tests have the methods of the ports, with the same parameters.

They are not type-checked: without this a port could change and its tests would not notice.
"""

import inspect

import pytest
from support.clock import ManualClock
from support.fakes import FakeEngine, FakeEngines, FakeGpus, FakeHomes

from sleeptui.core import ports
from sleeptui.core.completion import Timed

PAIRS = [
    (ports.EngineClient, FakeEngine),
    (ports.EngineClients, FakeEngines),
    (ports.GpuProbe, FakeGpus),
    (ports.HomeFinder, FakeHomes),
    (ports.Clock, ManualClock),
]
CASES = [
    pytest.param(method, stand_in, id=f"{stand_in.__name__}.{name}")
    for port, stand_in in PAIRS
    for name, method in vars(port).items()
    if inspect.isfunction(method) and (name == "__call__" or not name.startswith("_"))
]


def needed(parameters):
    return {name for name, one in parameters.items() if one.default is one.empty}


@pytest.mark.parametrize(("method", "stand_in"), CASES)
def test_it_takes_what_the_port_takes(method, stand_in):
    mine = getattr(stand_in, method.__name__)
    asked, taken = inspect.signature(method).parameters, inspect.signature(mine).parameters
    assert inspect.iscoroutinefunction(mine) is inspect.iscoroutinefunction(method)
    assert needed(asked) <= set(taken)
    assert needed(taken) <= set(asked)


def test_a_request_is_timed_from_the_write_to_the_last_byte():
    assert Timed(sent_s=2.0, done_s=2.5).duration_s == 0.5
