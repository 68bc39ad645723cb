"""What a recorded session comes to, in words that scroll."""

from collections.abc import Sequence

from sleeptui.core.session import Session, SessionSummary
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.present_sessions import nothing, words
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.painted import Painted


class SessionWords(Painted, can_focus=True):
    """What the chosen session comes to; scrolls."""

    HELP = "What the chosen session comes to."

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """Nothing is chosen."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self._shown: tuple[SessionSummary | None, Session | None, str] = (None, None, "")

    def show(
        self, summary: SessionSummary | None, session: Session | None, problem: str = ""
    ) -> None:
        """Show this session, as far as it was read."""
        other = self._shown[0] is None or summary is None or self._shown[0].path != summary.path
        self._shown = (summary, session, problem)
        if other:
            self.scroll_home(animate=False, immediate=True)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The words."""
        del height
        summary, session, problem = self._shown
        return words(summary, session, width, self._glyphs, problem) if summary else nothing(width)
