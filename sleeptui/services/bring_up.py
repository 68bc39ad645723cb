"""Brings a fleet up in the guided order, and ends it: one server after the other on a GPU.

Start one, wait, verify it, put it to sleep, start the next: a server that starts wants the GPU for
itself, and profiles it while it does.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from sleeptui.core.errors import NotAllowed
from sleeptui.core.model import IN_TRANSITION, ServerView, SleepLevel, State
from sleeptui.core.operation import Cause, OperationRecord, Outcome
from sleeptui.core.units import duration
from sleeptui.services.deadline import within
from sleeptui.services.panel import Services
from sleeptui.services.places import may_share
from sleeptui.services.ticket import Ticket

AWAKE = frozenset({State.AWAKE, State.NO_CONTROL})
ASLEEP = frozenset({State.ASLEEP, State.PAUSED})
_WELL = frozenset({Cause.ALREADY_SO})
_LOOK_S = 0.2
"""Between two looks at the picture, while somebody else moves a server."""
Told = Callable[[str, str], None]
"""Called with the name of a server, and what is true of it now."""


class Stuck(Exception):
    """It does not go on.

    Attributes:
        server: Where.
        message: Why, in one sentence.
        hint: What to do.
        record: The operation that did not end well; None: none was begun.
        state: The one that it stands in, where that is why.
    """

    def __init__(
        self,
        server: str,
        message: str,
        *,
        hint: str = "",
        record: OperationRecord | None = None,
        state: State | None = None,
    ) -> None:
        super().__init__(message)
        self.server = server
        self.message = message
        self.hint = hint
        self.record = record
        self.state = state


class Guide:
    """One bring-up, or the end of one.

    Attributes:
        records: The operations that have ended, in their order.
        current: The server that something is done with, and what; "": nothing is.
    """

    def __init__(self, services: Services, told: Told) -> None:
        """Nothing is done yet; ``told`` hears each step when it is over."""
        self._services = services
        self._told = told
        self.records: list[OperationRecord] = []
        self.current = ""

    async def up(
        self, names: Sequence[str], *, level: int | None = None, all_asleep: bool = False
    ) -> None:
        """Bring up these servers in their order; the last one of a GPU stays awake.

        Args:
            names: Those to bring up; others are put to sleep where they are in the way.
            level: At which they sleep; None: each at its own.
            all_asleep: The last one too.

        Raises:
            Stuck: One does not come up, or does not fall asleep. What runs goes on.
        """
        for name in names:
            await self._settled(name)
            view = self._view(name)
            if view.state in ASLEEP or view.state in AWAKE:
                self._told(name, f"{view.state.value} already, left as it is")
                continue
            if view.state is not State.DOWN:
                words = f"is {view.state.value}: {view.reason}"
                raise Stuck(name, words, hint=view.advice, state=view.state)
            for other in self._in_the_way(view):
                await self._sleep(other, level)
            await self._order(name, "starting", partial(self._services.operations.start, name))
        if all_asleep:
            for name in names:
                if self._view(name).state in AWAKE:
                    await self._sleep(name, level)

    async def down(self, names: Sequence[str]) -> bool:
        """Stop these servers; one that cannot be stopped does not keep the others from it.

        Returns:
            Whether all have ended.
        """
        are_down = True
        # One that starts up holds up all others on its GPUs.
        for name in sorted(names, key=lambda one: self._view(one).state is not State.STARTING):
            try:
                await self._order(name, "stopping", partial(self._services.operations.stop, name))
            except Stuck as stuck:
                are_down = False
                self._told(name, " ".join(one for one in (f"{stuck}.", stuck.hint) if one))
        return are_down

    def startable(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of them that something is known of that starts and ends them."""
        runtimes = self._services.runtimes
        if runtimes is None:
            return ()
        return tuple(name for name in names if runtimes.of(self._view(name).spec) is not None)

    def _view(self, name: str) -> ServerView:
        view = self._services.store.server(name)
        if view is None:
            raise Stuck(name, "is not watched any more")
        return view

    def _in_the_way(self, view: ServerView) -> tuple[str, ...]:
        fleet = self._services.store.view
        return tuple(
            other.name
            for other in fleet.servers
            if other.name != view.name
            and other.state in AWAKE
            and not other.spec.pinned
            and may_share(view, other, fleet)
        )

    async def _settled(self, name: str) -> None:
        """Wait for a server that others start or move."""
        view = self._view(name)
        if view.state not in IN_TRANSITION:
            return
        self.current = f"{name}: {view.state.value}, by somebody else"
        limit_s = view.spec.timeouts.start_s
        try:
            await within(self._services.clock, limit_s, self._until_settled(name))
        except TimeoutError:
            words = f"is {view.state.value} for more than {duration(limit_s)}, by somebody else"
            raise Stuck(name, words, hint="sleeptui doctor says more") from None
        finally:
            self.current = ""

    async def _until_settled(self, name: str) -> None:
        while self._view(name).state in IN_TRANSITION:
            await self._services.clock.sleep(_LOOK_S)

    async def _sleep(self, name: str, level: int | None) -> None:
        wanted = None if level is None else SleepLevel(level)
        order = partial(self._services.operations.sleep, name, level=wanted)
        await self._order(name, "going to sleep", order)

    async def _order(self, name: str, doing: str, order: Callable[[], Ticket]) -> None:
        """Give an order and wait for its end."""
        self.current = f"{name}: {doing}"
        try:
            ticket = order()
            record = await ticket.ended()
        except NotAllowed as error:
            raise Stuck(name, error.message, hint=error.hint) from error
        finally:
            self.current = ""
        self.records.append(record)
        if record.outcome is not Outcome.DONE and record.cause not in _WELL:
            words = f"{record.kind.value} {record.outcome.value}: {record.message}"
            raise Stuck(name, words, hint=record.hint, record=record)
        self._told(name, record.message)
