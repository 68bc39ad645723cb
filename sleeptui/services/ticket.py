"""What the caller of an operation holds: its end, and the way to stop it."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from sleeptui.core.operation import OperationRecord
from sleeptui.services.deadline import end

if TYPE_CHECKING:
    from sleeptui.core.completion import Completion  # no first frame has an answer

T = TypeVar("T")


class Stopped(Exception):
    """The user has stopped the operation where it could still be stopped."""


class Ticket:
    """An operation that was accepted.

    Attributes:
        id: As in the events.
        completion: The answer of a prompt that ended; None before, and for all others.
        sending: Its first request is on its way to the server; not for a prompt.
        answered: The server has answered the last of its requests so far.
    """

    def __init__(self, number: int) -> None:
        self.id = number
        self.completion: Completion | None = None
        self.sending = asyncio.Event()
        self.answered = asyncio.Event()
        self._record: asyncio.Future[OperationRecord] = asyncio.get_running_loop().create_future()
        self._section: asyncio.Future[Any] | None = None
        self._is_stoppable = True
        self._is_stopped = False

    async def ended(self) -> OperationRecord:
        """Wait for the end. Cancelling the wait does not stop the operation."""
        return await asyncio.shield(self._record)

    def cancel(self) -> bool:
        """Stop it: while it is queued or drains, or a prompt.

        Returns:
            False when it is too late: a request is with the server, and what has been asked of
            vLLM cannot be taken back.
        """
        if not self._is_stoppable:
            return False
        if self._section is None:
            self._is_stopped = True
            return True
        return self._section.cancel()

    async def stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a section in which ``cancel`` works.

        Raises:
            Stopped: It was stopped; ``work`` has been cancelled and has ended.
        """
        if self._is_stopped:
            work.close()
            raise Stopped
        section = asyncio.ensure_future(work)
        self._section, self._is_stoppable = section, True
        try:
            await asyncio.wait({section})
        finally:
            self._section, self._is_stoppable = None, False
            await end(section)
        if section.cancelled():
            raise Stopped
        return section.result()

    def close(self, record: OperationRecord) -> None:
        """Tell the end to everybody who waits for it."""
        self._is_stoppable = False
        if not self._record.done():
            self._record.set_result(record)
