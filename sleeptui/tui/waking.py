"""Wakes and switches, and the question what to do where there is no room."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from sleeptui.core.errors import NoRoom, NotAllowed
from sleeptui.core.lifecycle import refusal
from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.text import one_line
from sleeptui.tui import notices, opening
from sleeptui.tui.no_room import RoomChoice, lines_of, switch_words

if TYPE_CHECKING:
    from sleeptui.services.fit import Fit
    from sleeptui.services.stage import Stage
    from sleeptui.tui.app import SleeptuiApp

_NAME_LIMIT: Final = 40


class _Tight(NamedTuple):
    """An order that was refused for want of room."""

    server: str
    why: NoRoom
    force: Callable[[], object]
    """Sends it all the same."""
    is_switch: bool = False


class Waking:
    """Sends wakes and switches; those without room only when the user says how."""

    def __init__(self, app: "SleeptuiApp", services: "Stage") -> None:
        self._app = app
        self._services = services

    def wake(self, views: Sequence[ServerView]) -> None:
        """At once where there is room; else one question after the other."""
        operations = self._services.operations
        tight: list[_Tight] = []
        for view in views:
            name = view.name
            try:
                operations.wake(name)
            except NoRoom as why:
                force = partial(operations.wake, name, force=True)
                tight.append(_Tight(server=name, why=why, force=force))
            except NotAllowed as refused:
                self._app.dispatch.say(notices.of_error(refused))
        self._ask(tight)

    def switch(self, view: ServerView) -> None:
        """Make room and wake; says what it waits for, or who may have to sleep."""
        operations, name = self._services.operations, view.name
        try:
            operations.switch(name)
        except NoRoom as why:
            force = partial(operations.switch, name, force=True)
            self._ask([_Tight(server=name, why=why, force=force, is_switch=True)])
        except NotAllowed as refused:
            self._app.dispatch.say(notices.of_error(refused))
        else:
            text = switch_words(self._picture.server(name) or view, self._picture)
            title = f"Switch to {one_line(name, _NAME_LIMIT)}"
            self._app.dispatch.say(notices.Notice(title=title, text=text))

    @property
    def _picture(self) -> FleetView:
        return self._services.store.view

    def _ask(self, tight: Sequence[_Tight]) -> None:
        if not tight:
            return
        first, *rest = tight

        def answered(choice: RoomChoice | None) -> None:
            """What to do with this one; then the next is asked about."""
            view = self._picture.server(first.server)
            if choice is RoomChoice.MAKE_ROOM and view is not None:
                self.switch(view)
            elif choice is RoomChoice.FORCE:
                self._force(first)
            self._ask(rest)

        found = self._fit(first.server)
        screen = opening.no_room(
            one_line(first.server, _NAME_LIMIT),
            lines_of(found, first.why),
            makes_room=not first.is_switch and self._can_switch(first.server, found),
            force="Switch anyway" if first.is_switch else "Wake anyway",
        )
        self._app.push_screen(screen, answered)

    def _force(self, tight: _Tight) -> None:
        try:
            tight.force()
        except NotAllowed as refused:
            self._app.dispatch.say(notices.of_error(refused))

    def _fit(self, server: str) -> "Fit | None":
        from sleeptui.services import fit  # noqa: PLC0415 - no first frame waits for it

        view = self._picture.server(server)
        return fit.of(view, self._picture) if view is not None else None

    def _can_switch(self, server: str, found: "Fit | None") -> bool:
        """Whether a switch is allowed and others can make room."""
        view = self._picture.server(server)
        if view is None or found is None or refusal("server.switch", view) is not None:
            return False
        return bool(found.givers) and found.can_be_made is not False
