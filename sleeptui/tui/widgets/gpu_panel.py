"""The GPU panel: a line per GPU with who holds its memory."""

from collections.abc import Sequence

from sleeptui.core.model import FleetView
from sleeptui.core.text import one_line
from sleeptui.tui.present import Look
from sleeptui.tui.present_gpu import gpu_line, name_cells
from sleeptui.tui.spans import Line, Span, fit
from sleeptui.tui.tones import Tone
from sleeptui.tui.widgets.painted import Painted


class GpuPanel(Painted):
    """All GPUs; scrolls where they are more than its rows."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._shown: tuple[FleetView, Look] | None = None

    def show(self, view: FleetView, look: Look) -> None:
        """Show this picture."""
        self._shown = (view, look)
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """A line per GPU; if there is none, one that says why."""
        del height
        if self._shown is None:
            return ()
        view, look = self._shown
        if view.gpus:
            name = name_cells(view.gpus, width)
            return [gpu_line(gpu, look, width, name) for gpu in view.gpus]
        problem = view.gpu_problem or "Reading the GPUs"
        said = (Span(" "), Span(one_line(problem), Tone.WARN if view.gpu_problem else Tone.MUTED))
        return (fit(said, width, ellipsis=look.glyphs.ellipsis),)
