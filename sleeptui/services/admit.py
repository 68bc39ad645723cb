"""Lets a wake begin only where there is room, with the memory as it is when its turn has come."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from sleeptui.core.errors import NoRoom
from sleeptui.core.operation import Cause, Outcome
from sleeptui.services import fit
from sleeptui.services.fit import Fit
from sleeptui.services.run import Ended, Result, Run


async def with_room(
    run: Run, work: Callable[[Run], Awaitable[Result]], *, force: bool = False
) -> Result:
    """Do the work of a wake if it fits; how that is known becomes part of the record.

    Args:
        run: The wake.
        work: Sends it.
        force: Send it even if it does not fit.

    Raises:
        Ended: It does not fit; nothing was sent. Or as the work.
    """
    found = await measure(run)
    if found.fits is False and not force:
        run.know(found.known, found.who)
        raise Ended(no_room(found, "nothing was sent"))
    know(run, found, force=force)
    return await work(run)


async def measure(run: Run) -> Fit:
    """The fit with a fresh reading; of the server as it was before the operation began."""
    await run.desk.supervisor.sample_gpus()
    view = replace(run.view, state=run.found.state)
    return fit.of(view, run.desk.store.view)


def know(run: Run, found: Fit, *, force: bool) -> None:
    """Note how the room is known, and whether it was overruled."""
    if force and found.fits is False:
        run.is_forced = True
        run.know(f"forced: {found.missing}")
    else:
        run.know(found.known)


def no_room(found: Fit, undone: str) -> Result:
    """The end of an operation that does not fit; ``undone`` says what was not done."""
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.NO_ROOM,
        message=f"no room: {found.missing}; {undone}",
        hint=found.hint,
        duration_s=0.0,
    )


def refusal(found: Fit) -> NoRoom:
    """The same, said at the asking."""
    message = ". ".join(text for text in (found.missing, found.who) if text)
    return NoRoom(message, hint=found.hint)
