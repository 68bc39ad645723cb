"""Shows notices and clears them, and leaves nothing of those that have gone.

Textual 8 takes a notice away with its frame only where its own time is over. Cleared, or no longer
wanted when its screen comes back, it leaves the frame: a widget with a task of its own, which is
laid out with the others for as long as its screen stays, and the dashboard stays.
"""

from typing import Any, Final

from textual.app import App

from sleeptui.tui.notices import Notice

_FRAME: Final = "ToastHolder"


def say(app: App[Any], notice: Notice) -> None:
    """Show one; its text is never markup."""
    for screen in app.screen_stack:
        for frame in screen.query(_FRAME):
            if not frame.children:
                frame.remove()
    app.notify(notice.text, title=notice.title, severity=notice.severity, markup=False)


def clear(app: App[Any]) -> None:
    """Take all of them away."""
    for screen in app.screen_stack:
        screen.query(_FRAME).remove()
    app.clear_notifications()
