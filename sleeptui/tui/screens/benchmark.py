"""Benchmarks: choose a plan, follow the one that runs, read what it has found."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from sleeptui.core.errors import NotAllowed, SleeptuiError
from sleeptui.core.session import SessionSummary
from sleeptui.services.bench_watch import BenchWatch, Offer
from sleeptui.tui import notices, opening, toasts
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.pages import is_left, leave, work
from sleeptui.tui.present_benchmark import asked, followed, offered, watched_lines
from sleeptui.tui.spans import Line
from sleeptui.tui.widgets.footer import KeysFooter
from sleeptui.tui.widgets.painted import Painted
from sleeptui.tui.widgets.plan_list import PlanList

if TYPE_CHECKING:
    from sleeptui.services.stage import Stage

_TICK_S: Final = 0.5
"""How often elapsed times count on, and the fleet is looked at for what a plan would do."""
_RELOOK_S: Final = 5.0
"""How often benchmarks that run elsewhere are looked for."""


class BenchWords(Painted, can_focus=True):
    """What a plan would do, or how far the benchmark is; scrolls."""

    HELP = "What a plan would do; of one that runs: progress, figures so far, verdicts."

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """Nothing is said."""
        super().__init__(id=id)
        self._made: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these."""
        self._made = lines
        self.present()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """As they were given."""
        del width, height
        return self._made


class BenchmarkScreen(Screen[None]):
    """The benchmark runs in a process of its own; leaving the page leaves it running."""

    CSS_PATH = "benchmark.tcss"
    BINDING_GROUP_TITLE = "Benchmark"
    HELP = "Measures sleep mode by a plan. It restarts servers, and leaves each as it was found."
    BINDINGS = [
        Binding("enter", "choose", "Start"),
        Binding("c", "stop", "Stop it"),
        Binding("n", "again", "New"),
        Binding("escape", "leave", "Back", key_display="esc"),
    ]

    def __init__(self, services: "Stage", bench: BenchWatch, glyphs: Glyphs) -> None:
        super().__init__(name="benchmark")
        self._services = services
        self._bench = bench
        self._glyphs = glyphs
        self._offers: Sequence[Offer] = ()
        self._elsewhere: Sequence[SessionSummary] = ()
        self._works: tuple[bool | None, ...] = ()
        """Which of the keys do something now."""
        self._chooses = not bench.is_running and bench.watched is None

    def compose(self) -> ComposeResult:
        """The plans, and below them the words."""
        yield Static("Benchmark", id="heading", markup=False)
        yield PlanList(self._glyphs, id="plans")
        yield BenchWords(id="words")
        yield KeysFooter()

    def on_mount(self) -> None:
        """Show what there is, and count on."""
        if self._services.settings.ascii:
            for part in self.query(Painted):
                part.use_plain_scrollbar()
        self.set_interval(_TICK_S, self._present)
        self.set_interval(_RELOOK_S, self._look_elsewhere)
        self._look_elsewhere()
        self._present()
        self.query_one(PlanList if self._chooses else BenchWords).focus()

    def on_resize(self) -> None:
        """Lines depend on the width, which is known after the layout."""
        self.call_after_refresh(self._present)

    @on(PlanList.Moved)
    def follow_cursor(self) -> None:
        """Say what the plan under the cursor would do."""
        self._present()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now stands in the footer."""
        watched = self._bench.watched
        match action:
            case "choose":
                return self._chooses
            case "stop":
                return watched is not None and watched.is_running and watched.is_ours
            case "again":
                return not self._chooses and not self._bench.is_running
            case _:
                return super().check_action(action, parameters)

    def action_leave(self) -> None:
        """Go back; a benchmark goes on."""
        leave(self)

    def action_again(self) -> None:
        """Show the plans."""
        self._chooses = True
        self._present()
        self.query_one(PlanList).focus()

    def action_choose(self) -> None:
        """Start the plan under the cursor, when that was confirmed; or follow what runs."""
        chosen = self.query_one(PlanList).current
        if isinstance(chosen, SessionSummary):
            self._do(lambda: self._bench.follow(chosen.path, chosen.plan or ""))
        elif chosen is not None:
            self._ask(chosen)

    def action_stop(self) -> None:
        """End it before its end, when that was confirmed."""
        lines = [
            "What was measured until now is kept, and judged as far as it goes.",
            "Every server is brought back to how it was found.",
        ]
        screen = opening.question("Stop the benchmark?", lines, yes="Stop it", no="Go on")
        self.app.push_screen(screen, lambda yes: self._do(self._bench.stop) if yes else None)

    def _ask(self, offer: Offer) -> None:
        """Say what will be done, before it is."""
        if self._services.settings.readonly:
            self._say(
                NotAllowed(
                    "A benchmark moves servers, and the panel was started with --readonly",
                    hint="start it without --readonly",
                )
            )
            return
        if offer.problem:
            self._say(NotAllowed(offer.problem))
            return
        plan = offer.plan.name
        screen = opening.question(f"Run the plan {plan}?", asked(offer), yes="Run it")
        specs = [each.spec for each in self._services.store.view.servers]
        self.app.push_screen(
            screen,
            lambda yes: self._do(lambda: self._bench.start(plan, specs)) if yes else None,
        )

    def _do(self, act: Callable[[], None]) -> None:
        try:
            act()
        except NotAllowed as refused:
            self._say(refused)
        else:
            self._chooses = False
            self.query_one(BenchWords).focus()
        self._present()

    def _present(self) -> None:
        """Show what there is now."""
        if not self.is_mounted or is_left(self):  # a tick that comes when its widgets go
            return
        watched = self._bench.watched
        self.set_class(not self._chooses, "-watching")
        words = self.query_one(BenchWords)
        width = max(words.scrollable_content_region.width, 1)
        if self._chooses:
            self._offers = self._bench.offers()
            plans = self.query_one(PlanList)
            plans.show(self._offers, self._elsewhere)
            current = plans.current
            if isinstance(current, Offer):
                words.show(offered(current, width))
            elif current is not None:
                words.show(followed(current, width))
        elif watched is not None:
            now_s = self._services.clock.now_s()
            words.show(watched_lines(watched, now_s, width, self._glyphs))
        works = tuple(self.check_action(action, ()) for action in ("choose", "stop", "again"))
        if works != self._works:  # the footer is made anew by it: not at each tick
            self._works = works
            self.refresh_bindings()

    def _look_elsewhere(self) -> None:
        if self._services.archive is not None and self._chooses:
            work(self, self._looked, group="look", exclusive=True)

    async def _looked(self) -> None:
        """Find benchmarks that run, and that this panel has not started."""
        archive = self._services.archive
        if archive is None:
            return
        try:
            found = await asyncio.to_thread(archive.sessions)
        except SleeptuiError:
            return  # the sessions page says why
        self._elsewhere = tuple(one for one in found if one.is_running and one.plan is not None)
        self._present()

    def _say(self, refused: NotAllowed) -> None:
        toasts.say(self.app, notices.of_error(refused))
