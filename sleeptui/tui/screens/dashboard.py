"""The dashboard: GPUs, fleet, detail and events on one screen."""

import platform
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input

from sleeptui.core.model import IN_TRANSITION, FleetView
from sleeptui.core.ports import Clock
from sleeptui.core.recording import Recording
from sleeptui.core.settings import Settings
from sleeptui.tui.arrange import ROOMY_FROM, Share, Sort, share, shown, too_small
from sleeptui.tui.glyphs import Glyphs, glyphs_for
from sleeptui.tui.present import Look
from sleeptui.tui.present_log import Heading, looking_words
from sleeptui.tui.present_queue import places, queue_words, queued
from sleeptui.tui.present_replay import playing
from sleeptui.tui.spark import Sparks
from sleeptui.tui.times import time_of_day
from sleeptui.tui.tones import server_tone
from sleeptui.tui.widgets.body import Body, entitle
from sleeptui.tui.widgets.filter import FilterInput
from sleeptui.tui.widgets.fleet_table import FleetTable
from sleeptui.tui.widgets.footer import KeysFooter
from sleeptui.tui.widgets.gpu_panel import GpuPanel
from sleeptui.tui.widgets.header import HeaderLine
from sleeptui.tui.widgets.painted import Painted

if TYPE_CHECKING:
    from sleeptui.services.replay import Replay

_TICK_S = 0.1
"""How often elapsed times count on while something is in transition."""
_LIGHT_S = 0.5
"""How often the recording light counts on: its seconds do not skip one."""
_HEADER_S = 0.25
"""How often the time of a replay counts on."""


class DashboardScreen(Screen[object]):
    """Shows pictures of the fleet; holds the cursor, the selection, the filter and the order.

    Attributes:
        view: The picture that is shown.
    """

    CSS_PATH = "dashboard.tcss"
    BINDING_GROUP_TITLE = "Fleet"
    HELP = "The GPUs and who holds their memory, the fleet, and what happened."
    AUTO_FOCUS = "#table"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back", show=False)]
    view: var[FleetView] = var(FleetView(), init=False)

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        glyphs: Glyphs | None = None,
        interval_s: Callable[[], float] | None = None,
        host: str | None = None,
        replay: "Replay | None" = None,
        recording: Callable[[], Recording | None] | None = None,
        bench: Callable[[], float | None] = lambda: None,
    ) -> None:
        """A screen with nothing on it.

        Args:
            settings: Of this run.
            clock: For the time of day and for elapsed times between two pictures.
            glyphs: The set in use; if not given, one with colours.
            interval_s: How often the servers are looked at now; as in the settings if not given.
            host: What the header calls this machine; its own name if not given.
            replay: The tape that is played, if it is one.
            recording: The newest, also while the picture is held; as in the picture if not given.
            bench: How much of the benchmark that runs is done; None: none runs.
        """
        super().__init__()
        self._settings = settings
        self._clock = clock
        self._interval_s = interval_s or (lambda: settings.sampling.interval_s)
        self._replay = replay
        self._recording = recording or (lambda: self.view.recording)
        self._bench = bench
        self._host = platform.node() if host is None else host
        # Fixed once, so that lines of the log keep their time when the wall clock is set.
        self._epoch_s = clock.wall_s() - clock.now_s()
        self._glyphs = glyphs or glyphs_for(ascii_only=settings.ascii, colour=True)
        self._sparks = Sparks()
        self._look = Look(
            now_s=clock.now_s(), glyphs=self._glyphs, sparks=self._sparks, epoch_s=self._epoch_s
        )
        self._sort = Sort.FLEET
        self._filter = ""
        self._wants_detail: bool | None = None
        self._paused = False
        self._given: tuple[Share, bool] | None = None
        self._ticker: Timer | None = None
        self._light: Timer | None = None
        self._header = HeaderLine(self._glyphs, id="header")
        self._gpus = GpuPanel(id="gpus")
        self._body = Body(
            self._glyphs,
            self._time,
            looking_words(demo=settings.demo is not None, configured=len(settings.servers)),
        )
        self._table = self._body.table

    def compose(self) -> ComposeResult:
        """All parts; which are seen, and their rows, depends on size and fleet."""
        yield self._header
        yield self._gpus
        yield self._body
        yield KeysFooter()

    def on_mount(self) -> None:
        """Show what there is."""
        if self._settings.ascii:
            self.add_class("-ascii")
            for part in self.query(Painted):
                part.use_plain_scrollbar()
        self._ticker = self.set_interval(_TICK_S, self._tick, pause=True)
        if self._replay is not None:
            self.set_interval(_HEADER_S, self.show_header)
        self._light = self.set_interval(_LIGHT_S, self.show_header, pause=True)
        self._present()

    def on_screen_resume(self) -> None:
        """Another page was left: a benchmark may have been begun on it."""
        if self.is_mounted:
            self.show_header()

    def show(self, view: FleetView) -> None:
        """Show this picture; called by the app, a few times a second."""
        self.view = view

    @property
    def current(self) -> str | None:
        """The server under the cursor."""
        return self._table.current

    @property
    def selected(self) -> tuple[str, ...]:
        """What commands act on: the selected servers that are shown, else the current one."""
        if self._table.marked:  # asked for at each paint, mostly with nothing marked
            rows = {each.name for each in shown(self.view, self._filter, self._sort)}
            wanted = self._table.marked & rows
            if marked := tuple(one.name for one in self.view.servers if one.name in wanted):
                return marked
        return (self.current,) if self.current is not None else ()

    def toggle_select(self) -> None:
        """Add the current server to the selection, or take it out."""
        self._table.toggle_mark()
        self._selection_changed()

    def toggle_detail(self) -> None:
        """Show the detail, or hide it; from then on it stays as chosen."""
        self._wants_detail = not self._shows_detail
        self._present()

    def open_filter(self) -> None:
        """Ask for a text that the rows must contain."""
        asked = self.query(FilterInput)
        if asked:
            asked.first().focus()
            return
        field = FilterInput(self._filter, placeholder="name, model or state", id="filter")
        self.mount(field)
        field.focus()

    def next_sort(self) -> None:
        """Sort by the next order, in turn."""
        self._sort = self._sort.next()
        self._present()

    def toggle_pause(self) -> None:
        """Say in the header that the picture is held, or that it goes on."""
        self._paused = not self._paused
        self.show_header()

    def show_header(self) -> None:
        """Tell the time, and what of the picture is not the usual."""
        marked = sum(each.name in self._table.marked for each in self.view.servers)
        recording = self._recording()
        if self._light is not None:
            shines = recording is not None and recording.ended_s is None
            shines = shines or self._bench() is not None
            (self._light.resume if shines else self._light.pause)()
        heading = Heading(
            host=self._host,
            time=time_of_day(self._clock.wall_s()),
            interval_s=self._interval_s(),
            demo=self._settings.demo,
            readonly=self._settings.readonly,
            paused=self._paused,
            filtered=self._filter,
            sort="" if self._sort is Sort.FLEET else self._sort.value,
            selected=marked,
            playing=playing(self._replay) if self._replay is not None else None,
            recording=recording,
            now_s=self._clock.now_s(),
            bench=self._bench(),
        )
        self._header.show(self.view, heading)

    def action_back(self) -> None:
        """Take back the filter; if there is none, the selection."""
        if self._filter:
            self._filter = ""
        else:
            self._table.clear_marks()
            self._selection_changed()
        self._present()

    def watch_view(self) -> None:
        """A new picture."""
        self._present()

    def on_resize(self) -> None:
        """Give the rows out anew."""
        self._present()
        # Widths of the parts are known after the layout, and a held picture gets no other chance.
        self.call_after_refresh(self._present)

    @on(FleetTable.Moved)
    def follow(self) -> None:
        """The detail shows the server under the cursor."""
        self._body.show_detail(self.view, self._look)
        self.refresh_bindings()

    @on(FleetTable.HeadingPressed)
    def sort_by_mouse(self) -> None:
        """A press on the headings sorts."""
        self.next_sort()

    @on(Input.Changed, "#filter")
    def narrow(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self._filter = event.value
        self._present()

    @on(Input.Submitted, "#filter")
    def keep_filter(self, event: Input.Submitted) -> None:
        """Back to the table, the filter stays."""
        event.input.remove()
        self._table.focus()

    @on(FilterInput.Ended)
    def end_filter(self, event: FilterInput.Ended) -> None:
        """Back to the table, the filter goes."""
        event.input.remove()
        self._filter = ""
        self._table.focus()
        self._present()

    @property
    def _shows_detail(self) -> bool:
        if self._wants_detail is not None:
            return self._wants_detail
        return self.size.height >= ROOMY_FROM

    def _present(self) -> None:
        if self._ticker is None or too_small(*self.size):
            return  # not mounted, or not seen
        view = self.view
        sizes = {gpu.sample.index: gpu.sample.total_bytes for gpu in view.gpus}
        known = {index: size for index, size in sizes.items() if size is not None}
        tones = {each.name: server_tone(index) for index, each in enumerate(view.servers)}
        if tones.keys() != self._look.tones.keys():
            self._sparks.forget(tones.keys())
        self._look = replace(
            self._look,
            now_s=max(view.at_s, self._clock.now_s()),
            tones=tones,
            # One that is seen no more keeps its size, and the curves beside it their scale.
            gpu_bytes={**self._look.gpu_bytes, **known},
            places=places(view),
        )
        self._give_out_rows()
        self.show_header()
        self._gpus.show(view, self._look)
        entitle(self._gpus, "GPU memory", queue_words(queued(view)))
        self._body.show(view, shown(view, self._filter, self._sort), self._look)
        self._count_on(any(each.state in IN_TRANSITION for each in view.servers))

    def _give_out_rows(self) -> None:
        view = self.view
        empty = not view.servers
        given = share(
            self.size.width,
            self.size.height,
            gpus=len(view.gpus),
            servers=len(view.servers),
            detail=self._shows_detail,
            empty=empty,
        )
        if (given, empty) == self._given:
            return
        self._given = (given, empty)
        self.set_class(given.beside, "-beside")
        self._gpus.styles.height = given.gpus
        has_keys = self._body.give_out(given, empty=empty)
        if self.focused is None or not self.focused.display:
            has_keys.focus()
        # The sizes that the parts need are known after the layout.
        self.call_after_refresh(self._present)

    def _selection_changed(self) -> None:
        self.show_header()
        self.refresh_bindings()

    def _count_on(self, moving: bool) -> None:
        if self._ticker is not None:
            (self._ticker.resume if moving else self._ticker.pause)()

    def _tick(self) -> None:
        self._look = replace(self._look, now_s=max(self.view.at_s, self._clock.now_s()))
        self._body.tick(self.view, self._look)

    def _time(self, at_s: float) -> str:
        return time_of_day(at_s + self._epoch_s)
