import pytest
from support.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()
