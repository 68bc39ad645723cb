"""Random orders to the panel's services, drawn from a seed, and what other people do meanwhile."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import httpx

from sleeptui.core.errors import NotAllowed, SleeptuiError
from sleeptui.core.lifecycle import STARTABLE, refusal
from sleeptui.core.model import SleepLevel, SleepMode
from sleeptui.services.doctor import examine, scene_of
from sleeptui.services.panel import Services
from tests.soak.fleet import PLACES

_ORDERS = ("sleep", "sleep", "wake", "wake", "switch", "switch", "verify", "prompt", "cancel")
_SELDOM = ("start", "start", "stop")
_LEVELS = (1, 1, 1, 2, 2, 0)
_MODES = (None, *SleepMode)
_OUTSIDE = (
    "/sleep?level=1",
    "/sleep?level=2",
    "/wake_up",
    "/wake_up?tags=weights",
    "/pause?mode=keep",
    "/resume",
)
_INTERVALS_S = (0.1, 0.25, 0.5, 0.5, 1.0)
_PAUSE_S = (0.0, 0.5)
_OUTSIDE_S = 1.0
_MOST_AT_ONCE = 40
"""Orders beside each other, beyond which the next one waits."""
_WEIGHTS = {
    "order": 24,
    "seldom": 2,
    "somebody": 3,
    "look_around": 1,
    "mark": 1,
    "interval": 1,
    "rest": 1,
}


class Orders:
    """Gives orders to services that have begun."""

    def __init__(self, services: Services, http: httpx.AsyncClient, rng: random.Random) -> None:
        self._services = services
        self._http = http
        self._rng = rng
        self._kinds = [kind for kind, times in _WEIGHTS.items() for _ in range(times)]

    async def go_on(self, until: Callable[[], bool], rotate_s: float) -> None:
        """Act at random until it is over; a new recording begins each ``rotate_s`` seconds."""
        clock = self._services.clock
        rotated_s = clock.now_s()
        while not until():
            await getattr(self, f"_{self._rng.choice(self._kinds)}")()
            if clock.now_s() - rotated_s > rotate_s:
                rotated_s = clock.now_s()
                await self._rotate()
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))

    async def _order(self) -> None:
        """Mostly for a server that takes it."""
        what = self._rng.choice(_ORDERS)
        views = self._services.store.view.servers
        takes = [
            view.name
            for view in views
            if view.operation is None and refusal(f"server.{what}", view) is None
        ]
        is_any = what == "cancel" or not takes or self._rng.random() < 0.1
        self._give(what, self._rng.choice(sorted(PLACES) if is_any else takes))

    async def _seldom(self) -> None:
        """A server is started or stopped."""
        what = self._rng.choice(_SELDOM)
        views = self._services.store.view.servers
        gone = [view.name for view in views if view.state in STARTABLE]
        is_start = what == "start" and gone
        self._give(what, self._rng.choice(gone if is_start else sorted(PLACES)))

    def _give(self, what: str, name: str) -> None:
        orders, rng = self._services.operations, self._rng
        level, mode, force = rng.choice(_LEVELS), rng.choice(_MODES), rng.random() < 0.3
        tokens = rng.randrange(1, 200)
        give: dict[str, Callable[[], object]] = {
            "sleep": lambda: orders.sleep(name, level=SleepLevel(level), mode=mode),
            "wake": lambda: orders.wake(name, verify=not force, force=force),
            "switch": lambda: orders.switch(name, force=force),
            "verify": lambda: orders.verify(name),
            "cancel": lambda: orders.cancel(name),
            "start": lambda: orders.start(name),
            "stop": lambda: orders.stop(name),
            "prompt": lambda: orders.prompt(
                name, "Hello", max_tokens=tokens, on_token=lambda _: None
            ),
        }
        if len(orders._running) < _MOST_AT_ONCE:
            with suppress(NotAllowed):
                give[what]()

    async def _somebody(self) -> None:
        """Somebody else acts on a server past the panel."""
        spec = self._rng.choice(self._services.store.view.servers).spec
        path = self._rng.choice(_OUTSIDE)
        with suppress(httpx.HTTPError):
            await self._http.post(f"{spec.url}{path}", timeout=_OUTSIDE_S)

    async def _look_around(self) -> None:
        """What the pages ask for: logs, the doctor's findings, the sessions."""
        services = self._services
        view = self._rng.choice(services.store.view.servers)
        examine(scene_of(services, {}))
        assert services.archive is not None
        with suppress(SleeptuiError):
            await asyncio.to_thread(services.archive.sessions)
            if view.home is not None:
                await services.finder.log_tail(view.home, 100)

    async def _mark(self) -> None:
        with suppress(NotAllowed):
            self._services.recordings.mark()

    async def _interval(self) -> None:
        self._services.supervisor.set_interval(self._rng.choice(_INTERVALS_S))

    async def _rest(self) -> None:
        """Let what runs come to its end, or the half of it."""
        orders = self._services.operations
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rng.uniform(0.5, 4.0)):
                while orders.busy:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.05)

    async def _rotate(self) -> None:
        """End the recording and begin the next one."""
        await self._services.recordings.stop()
        await self._services.recordings.start_or_say()
