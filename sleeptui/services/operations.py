"""Takes orders: sleep, wake, switch, start, stop, prompt; one transition at a time on a GPU.

What carries an order out is imported with the first order: no first frame waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sleeptui.core.errors import NotAllowed
from sleeptui.core.events import Event, HomeFound, OperationQueued, StateObserved
from sleeptui.core.lifecycle import TRANSITIONS, level_refusal, refusal, runtime_refusal
from sleeptui.core.model import ServerView, SleepLevel, SleepMode
from sleeptui.core.operation import Cause, Kind, Operation, Outcome, Phase
from sleeptui.services.deadline import end, within
from sleeptui.services.places import Gpus, gpus_of, machine_of, overlap
from sleeptui.services.queue import Claim, Lanes
from sleeptui.services.run import Desk, Result, Run
from sleeptui.services.startup import is_starting_up
from sleeptui.services.ticket import Stopped, Ticket
from sleeptui.services.turn import until_turn

if TYPE_CHECKING:
    from sleeptui.core.cold import ColdKind
    from sleeptui.core.completion import TokenEvent
    from sleeptui.core.runtime import Runtime

Work = Callable[[Run], Awaitable[Result]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Order:
    """An operation that waits or runs."""

    operation: Operation
    ticket: Ticket
    task: asyncio.Task[None]

    @property
    def kind(self) -> Kind:
        """What it does."""
        return self.operation.kind

    def is_on(self, server: str) -> bool:
        """Whether it was given for this server."""
        return self.operation.server == server


class Operations:
    """Every order is checked against the state table once, here, and is then carried out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._group: asyncio.TaskGroup | None = None
        self._lanes = Lanes(start_up=self._start_up, on_note=self._renote)
        self._running: dict[int, _Order] = {}
        self._queued: dict[int, Operation] = {}
        self._is_closed = False
        desk.bus.subscribe(self._follow)
        desk.bus.subscribe(desk.ledger.follow)

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Orders are taken from now on; their tasks belong to ``group``."""
        self._group = group

    @property
    def busy(self) -> bool:
        """Whether something runs or is queued."""
        return bool(self._running)

    def sleep(
        self,
        server: str,
        *,
        level: SleepLevel | None = None,
        mode: SleepMode | None = None,
        verify: bool = True,
    ) -> Ticket:
        """Put a server to sleep, at its own level and waiting for its requests if not said.

        Args:
            server: Its name.
            level: How deep.
            mode: What becomes of its requests.
            verify: Ask the canary before, where it is not switched off; it takes its time.

        Raises:
            NotAllowed: Its state or its version does not allow it.
        """
        from sleeptui.services.sleep import fall_asleep, first_phase  # noqa: PLC0415

        command = "server.sleep" if level is None and mode is None else "server.sleep_options"
        view = self._allowed(command, server)
        wanted = view.spec.level if level is None else int(level)
        if (refused := level_refusal(view, wanted)) is not None:
            raise refused
        if mode in (SleepMode.ABORT, SleepMode.KEEP) and not view.facts.features.sleep_mode:
            raise NotAllowed(
                f"{server}: this version cannot {mode} requests, only wait for them",
                hint="choose wait",
            )
        chosen, how = SleepLevel(wanted), mode or SleepMode.WAIT
        operation = self._operation(Kind.SLEEP, server, level=chosen, mode=how)
        return self._submit(
            operation,
            partial(fall_asleep, level=chosen, mode=how, verify=verify),
            gpus=self._gpus(view),
            phase=first_phase(view, level=chosen, mode=how, verify=verify),
        )

    def wake(self, server: str, *, verify: bool = True, force: bool = False) -> Ticket:
        """Wake a server, in steps from level 2, and check its answers.

        Args:
            server: Its name.
            verify: Ask the canary, where it is not switched off.
            force: Send it even if it does not fit on its GPUs.

        Raises:
            NotAllowed: Its state does not allow it, or a wake would not bring it back.
            NoRoom: It does not fit; asked again when its turn has come.
        """
        from sleeptui.services.admit import with_room  # noqa: PLC0415
        from sleeptui.services.wake import slept_level, wake_refusal, wake_up  # noqa: PLC0415

        view = self._allowed("server.wake", server)
        if (refused := wake_refusal(view)) is not None:
            raise refused
        if not force:
            self._need_room(view)
        operation = self._operation(Kind.WAKE, server, level=slept_level(view))
        work = partial(with_room, work=partial(wake_up, verify=verify), force=force)
        return self._submit(operation, work, gpus=self._gpus(view), phase=Phase.CALLING)

    def switch(self, server: str, *, force: bool = False) -> Ticket:
        """Make room on the GPUs of a sleeping server and wake it.

        Args:
            server: Its name.
            force: Wake it even if all who can sleep do not make room enough.

        Raises:
            NotAllowed: Its state does not allow it, or a wake would not bring it back.
            NoRoom: All who can sleep do not make room enough.
        """
        from sleeptui.services.switch import switch  # noqa: PLC0415
        from sleeptui.services.wake import slept_level, wake_refusal  # noqa: PLC0415

        view = self._allowed("server.switch", server)
        if (refused := wake_refusal(view)) is not None:
            raise refused
        if not force:
            self._need_room(view, made=True)
        operation = self._operation(Kind.SWITCH, server, level=slept_level(view))
        gpus = self._gpus_of_switch(view)
        work = partial(switch, held=gpus, force=force)
        return self._submit(operation, work, gpus=gpus, phase=Phase.MAKING_ROOM)

    def verify(self, server: str) -> Ticket:
        """Ask the canary and judge its answer; not a transition, it waits for nobody.

        A sleep or wake that begins on the server meanwhile stops it.

        Raises:
            NotAllowed: The server is not awake, or is being verified already.
        """
        from sleeptui.services.verify import check  # noqa: PLC0415

        self._allowed("server.verify", server)
        if any(one.is_on(server) and one.kind is Kind.VERIFY for one in self._running.values()):
            raise NotAllowed(f"{server} is being verified already", hint="wait for its end")
        operation = self._operation(Kind.VERIFY, server)
        return self._submit(operation, check, gpus=None, phase=Phase.VERIFYING)

    def start(self, server: str, *, cold: "ColdKind | None" = None) -> Ticket:
        """Start the process or container of a server, and wait until it answers.

        Args:
            server: Its name.
            cold: From what it is to start, which is prepared; None: from what there is.

        Raises:
            NotAllowed: Nothing is known that starts it, or it runs already.
        """
        from sleeptui.services.start import start_up  # noqa: PLC0415

        view, runtime = self._runtime(Kind.START, server)
        work = partial(start_up, runtime=runtime, weights=self._desk.weights, cold=cold)
        operation = self._operation(Kind.START, server)
        return self._submit(operation, work, gpus=self._gpus(view), phase=Phase.STARTING)

    def stop(self, server: str) -> Ticket:
        """End the process or container of a server, and wait until its memory is free.

        Raises:
            NotAllowed: Nothing is known that ends it, or another operation runs on it.
        """
        from sleeptui.services.stop import bring_down  # noqa: PLC0415

        view, runtime = self._runtime(Kind.STOP, server)
        work = partial(bring_down, runtime=runtime)
        operation = self._operation(Kind.STOP, server)
        return self._submit(operation, work, gpus=self._gpus(view), phase=Phase.STOPPING)

    def cancel(self, server: str) -> bool:
        """Take back the newest order for a server that waits, is verified or drains.

        Of a server that takes part in a switch, the switch.

        Raises:
            NotAllowed: There is none, or it is too late.
        """
        orders = [one for one in self._running.values() if one.is_on(server)]
        shown = self._desk.view(server).operation
        if shown is not None and shown.parent in self._running:
            orders.append(self._running[shown.parent])
        orders = [one for one in orders if one.kind is not Kind.PROMPT]
        if not orders:
            raise NotAllowed(f"{server}: nothing waits or drains", hint="s and w act on it")
        if any(order.ticket.cancel() for order in reversed(orders)):
            return True
        what = orders[-1].kind.value
        raise NotAllowed(
            f"{server}: its {what} is with the server, which does not take it back",
            hint="wait for its end",
        )

    def prompt(
        self, server: str, text: str, *, max_tokens: int, on_token: "Callable[[TokenEvent], None]"
    ) -> Ticket:
        """Send a prompt; not a transition, it waits for nobody.

        Raises:
            NotAllowed: The server is not awake: it would hang until it wakes.
        """
        from sleeptui.services.prompt import stream  # noqa: PLC0415

        self._allowed("server.prompt", server)
        work = partial(stream, text=text, max_tokens=max_tokens, on_token=on_token)
        return self._submit(
            self._operation(Kind.PROMPT, server), work, gpus=None, phase=Phase.STREAMING
        )

    async def drain(self, limit_s: float) -> None:
        """Take no more orders and end those that there are, as the panel closes.

        What waits, drains or streams is stopped. A request that is with a server gets
        ``limit_s`` to be answered; then its outcome is recorded as unknown: the server goes on.
        """
        self._is_closed = True
        for order in tuple(self._running.values()):
            order.ticket.cancel()
        tasks = {order.task for order in self._running.values()}
        if tasks:
            with suppress(TimeoutError):
                await within(self._desk.clock, limit_s, _all_ended(tasks))
        for task in tasks:
            await end(task)

    def _need_room(self, view: ServerView, *, made: bool = False) -> None:
        """Refuse a wake that does not fit, unless what runs or waits on its GPUs may change that.

        Args:
            view: The server.
            made: Those who can sleep would do so.

        Raises:
            NoRoom: It does not fit.
        """
        from sleeptui.services import admit, fit  # noqa: PLC0415

        if self._lanes.is_taken(gpus=self._gpus(view), machine=machine_of(view)):
            return
        found = fit.of(view, self._desk.store.view)
        if (found.can_be_made if made else found.fits) is False:
            raise admit.refusal(found)

    def _allowed(self, command: str, server: str) -> ServerView:
        if self._is_closed:
            raise NotAllowed("sleeptui is closing")
        view = self._desk.view(server)
        refused = refusal(command, view, readonly=self._desk.settings.readonly)
        if refused is not None:
            raise refused
        return view

    def _runtime(self, kind: Kind, server: str) -> "tuple[ServerView, Runtime]":
        if self._is_closed:
            raise NotAllowed("sleeptui is closing")
        view, runtimes = self._desk.view(server), self._desk.runtimes
        runtime = runtimes.of(view.spec) if runtimes is not None else None
        has_runtime, readonly = runtime is not None, self._desk.settings.readonly
        refused = runtime_refusal(kind, view, has_runtime=has_runtime, readonly=readonly)
        if refused is not None or runtime is None:
            raise refused or NotAllowed(f"{server} is started by others")
        return view, runtime

    def _operation(
        self, kind: Kind, server: str, *, level: int | None = None, mode: str | None = None
    ) -> Operation:
        number, now_s = next(self._desk.numbers), self._desk.clock.now_s()
        return Operation(id=number, kind=kind, server=server, began_s=now_s, level=level, mode=mode)

    def _submit(self, operation: Operation, work: Work, *, gpus: Gpus, phase: Phase) -> Ticket:
        if self._group is None:
            raise RuntimeError(operation)
        title = f"{operation.kind.value} of {operation.server}"
        ticket, claim = Ticket(operation.id), None
        if operation.kind in TRANSITIONS:
            claim = self._lanes.claim(
                number=operation.id,
                server=operation.server,
                title=title,
                gpus=gpus,
                machine=machine_of(self._desk.view(operation.server)),
            )
            operation = replace(operation, note=claim.note)
        run = Run(self._desk, operation, ticket)
        self._queued[operation.id] = operation
        self._publish_queued(operation)
        task = self._group.create_task(self._carry(run, claim, work, phase), name=title)
        self._running[operation.id] = _Order(operation=operation, ticket=ticket, task=task)
        return ticket

    async def _carry(self, run: Run, claim: Claim | None, work: Work, phase: Phase) -> None:
        """Wait for the turn, then do the work; the end is told in any case."""
        try:
            over = await self._turn(run, claim) if claim else None
            self._queued.pop(run.operation.id, None)
            if over is not None:
                run.end(over)
            else:
                await run.perform(work, phase=phase)
        finally:
            self._queued.pop(run.operation.id, None)
            self._running.pop(run.operation.id, None)
            if claim is not None:
                self._lanes.release(claim)
            if run.record is not None:
                run.ticket.close(run.record)

    async def _turn(self, run: Run, claim: Claim) -> Result | None:
        """Wait until it may begin. Returns its end where it does not begin at all."""
        try:
            reason = await run.ticket.stoppable(until_turn(run, claim))
        except Stopped:
            reason, cause = "taken out of the queue; nothing was sent", None
        except asyncio.CancelledError:
            run.end(Result(outcome=Outcome.CANCELLED, message="sleeptui ended"))
            raise
        else:
            cause = Cause.ALREADY_SO
        if not reason:
            return None
        return Result(outcome=Outcome.CANCELLED, cause=cause, message=reason, duration_s=0.0)

    def _start_up(self, claim: Claim) -> str:
        """Whether another server starts on the GPUs of the claim, in words."""
        fleet = self._desk.store.view
        for view in fleet.servers:
            if view.name == claim.server or not is_starting_up(view, self._desk.clock):
                continue
            if claim.machine == machine_of(view) and overlap(claim.gpus, gpus_of(view, fleet)):
                return f"waits until {view.name} has started"
        return ""

    def _renote(self, claim: Claim) -> None:
        if operation := self._queued.get(claim.id):
            operation = replace(operation, note=claim.note)
            self._queued[claim.id] = operation
            self._publish_queued(operation)

    def _publish_queued(self, operation: Operation) -> None:
        self._desk.bus.publish(OperationQueued(at_s=self._desk.clock.now_s(), operation=operation))

    def _follow(self, event: Event) -> None:
        if isinstance(event, StateObserved | HomeFound) and self._lanes.is_waiting:
            self._lanes.review()

    def _gpus(self, view: ServerView) -> Gpus:
        return gpus_of(view, self._desk.store.view)

    def _gpus_of_switch(self, view: ServerView) -> Gpus:
        """Also those of the servers that may have to make room: all are held once, at the start."""
        from sleeptui.services.room import givers  # noqa: PLC0415

        gpus = self._gpus(view)
        for giver in givers(view, self._desk.store.view):
            others = self._gpus(self._desk.view(giver.name))
            gpus = None if gpus is None or others is None else gpus | others
        return gpus


async def _all_ended(tasks: set[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)
