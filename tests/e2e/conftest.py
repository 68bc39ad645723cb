"""What holds for all tests of whole screens and programs."""

import pytest
from textual.pilot import Pilot

_HOPS = 8
"""A key goes from the table over its screen and the app to an action, which may post again."""


@pytest.fixture(autouse=True)
def patient_keys(monkeypatch):
    """After a key wait until what it has led to is over.

    Textual waits until the process is idle, which it also is where the machine runs another one.
    """
    plain = Pilot.press

    async def press(self, *keys):
        await plain(self, *keys)
        for _ in range(_HOPS):
            await self._wait_for_screen()

    monkeypatch.setattr(Pilot, "press", press)
