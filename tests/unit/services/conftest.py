import pytest
from support.clock import ManualClock

from sleeptui.services import lag


@pytest.fixture(autouse=True)
def loop_without_stalls(monkeypatch):
    """A machine that stands still for a second spoils no operation of a test that has no time."""
    monkeypatch.setattr(lag, "_now_s", lambda: 0.0)


@pytest.fixture
def clock():
    return ManualClock()
