"""The panel's services without a screen: ``python -m tests.soak.services FILE SECONDS SEED DIR N``.

The fleet is that of the environment. A short first round brings in all that stays for good
(imports); then comes the soak, and what it leaves is compared with that.
"""

import asyncio
import random
import signal
import sys
import time
from pathlib import Path

import httpx
from support.leaving import left

from sleeptui.core.settings import RecordingDefaults, Settings
from sleeptui.services.doctor_survey import Survey
from sleeptui.wiring import open_services
from tests.soak.fleet import ANNOUNCED
from tests.soak.inside import Inside, reach_bounds
from tests.soak.orders import Orders

_FIRST_S = 3.0
_KNOWN_LIMIT_S = 30.0


class Soak:
    """Rounds of services that are opened, used and closed."""

    def __init__(self, folder: str, rng: random.Random, recordings: int) -> None:
        self._settings = Settings(
            demo=ANNOUNCED, recording=RecordingDefaults(folder=folder, at_start=True)
        )
        self._rng = rng
        self._recordings = recordings
        self._is_over = False

    async def live(self, seconds: float) -> None:
        """Open the services, give orders for a while, close them whatever runs then.

        SIGTERM ends it early.
        """
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        async with (
            httpx.AsyncClient(trust_env=False) as http,
            open_services(self._settings) as services,
        ):
            await Survey(services).take(_KNOWN_LIMIT_S, lambda _: None)
            until_s = time.monotonic() + seconds
            orders = Orders(services, http, self._rng)
            await orders.go_on(
                lambda: self._is_over or time.monotonic() > until_s, seconds / self._recordings
            )

    def _end(self) -> None:
        self._is_over = True


def main(told: Path, seconds: float, seed: str, folder: str, recordings: int) -> None:
    """Soak, and tell what was done and what is left."""
    inside = Inside()
    reach_bounds()
    soak = Soak(folder, random.Random(f"orders-{seed}"), recordings)
    with inside.listening():
        with Inside().watching():
            asyncio.run(soak.live(_FIRST_S))
        before = left()
        with inside.watching():
            asyncio.run(soak.live(seconds))
    told.write_text(inside.report(before, left()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
