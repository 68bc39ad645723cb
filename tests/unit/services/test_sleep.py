import pytest

from support.builders import GIB
from support.clock import ManualClock
from support.fakes import FakeEngine
from support.panel import opened


@pytest.fixture
def clock():
    return ManualClock()


async def test_sleep(clock):
    async with opened(FakeEngine(clock), clock=clock) as panel:
        r = await panel.ends(panel.services.operations.sleep("qwen"))
        print(r, panel.view("qwen").state, panel.story(), clock.now_s())
        r = await panel.ends(panel.services.operations.wake("qwen"))
        print(r, panel.view("qwen").state, panel.story(), clock.now_s())
