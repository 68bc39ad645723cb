import asyncio
from contextlib import contextmanager

import pytest

from sleeptui.adapters.measuring import Measuring
from sleeptui.services.lag import LagMeter, LagReading


class Meter:
    """Finds the loop as late as it is told, once it has measured to the end."""

    @contextmanager
    def measuring(self):
        reading = LagReading()
        yield reading
        reading.worst_s = 0.25


async def answer():
    await asyncio.sleep(0)
    return 7


@pytest.mark.parametrize(("meter", "late_s"), [(None, None), (Meter(), 0.25)])
async def test_a_result_comes_with_how_late_its_stamps_are(meter, late_s):
    measuring = Measuring(meter)
    try:
        assert await measuring.timed(answer()) == (7, late_s)
        assert await measuring.run(answer()) == 7
    finally:
        await measuring.close()


async def test_the_meter_runs_on_the_loop_that_is_measured():
    measuring = Measuring(LagMeter())
    try:
        result, late_s = await measuring.timed(answer())
        assert (result, late_s is not None) == (7, True)
    finally:
        await measuring.close()
