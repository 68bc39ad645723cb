"""From a command to what it does: one table, by command id."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, ParamSpec

from sleeptui.core.commands import BY_ID, Group, commands_of
from sleeptui.core.errors import NotAllowed
from sleeptui.core.lifecycle import refusal
from sleeptui.core.model import FleetView, ServerView, SleepLevel, SleepMode
from sleeptui.core.operation import Kind
from sleeptui.core.text import one_line
from sleeptui.services.busy import counts, queue_of
from sleeptui.tui import notices, opening, sleeping, toasts, wording
from sleeptui.tui.arrange import ROOMY_FROM
from sleeptui.tui.sleeping import SleepChoice
from sleeptui.tui.waking import Waking

if TYPE_CHECKING:
    from sleeptui.services.stage import Stage
    from sleeptui.tui.app import SleeptuiApp

_P = ParamSpec("_P")
_SELECTED: Final = frozenset(
    {"server.sleep", "server.sleep_options", "server.wake", "server.verify", "server.cancel"}
)
"""Act on all selected servers; the other commands of models act on the one under the cursor."""
_ALL: Final = "fleet.sleep_all"
_EVERYWHERE: Final = frozenset({Group.SCREEN, Group.APP, Group.RECORDING})
_EDGES: Final = frozenset({"replay.begin", "replay.end"})
"""Lists on other pages have these keys for themselves."""
_READING: Final = frozenset({"server.log"})
"""Commands of models that ask no server anything: a benchmark is not disturbed by them."""
_NAME_LIMIT: Final = 40
_FASTER: Final = 0.5
_SLOWER: Final = 2.0


class Dispatch:
    """Carries out commands on what is selected on the dashboard.

    Whether a command is allowed is asked of the state table, here only to grey keys and to say
    why; the services ask again and decide.

    Attributes:
        table: From command id to what it does; what is not in it does not exist here.
        replaying: Moves the replay, if this is one.
    """

    def __init__(self, app: "SleeptuiApp", services: "Stage") -> None:
        self._app = app
        self._services = services
        self._waking = Waking(app, services)
        self.replaying = opening.replaying(app, services.replay)
        dashboard = app.dashboard
        table: Mapping[str, Callable[[], None]] = {
            "server.sleep": self._sleep,
            "server.sleep_options": self._sleep_with_options,
            "server.wake": self._wake,
            "server.switch": self._switch,
            "server.prompt": self._prompt,
            "server.verify": self._verify,
            "server.cancel": self._take_back,
            _ALL: self._sleep_all,
            "server.log": self._log,
            "select.toggle": dashboard.toggle_select,
            "view.detail": dashboard.toggle_detail,
            "view.filter": dashboard.open_filter,
            "view.sort": dashboard.next_sort,
            "view.pause": app.toggle_pause,
            "sampling.faster": self._faster,
            "sampling.slower": self._slower,
            "recording.toggle": self._record,
            "recording.mark": self._mark,
            "screen.fleet": app.pages.close_all,
            "screen.events": self._events,
            "screen.doctor": self._doctor,
            "screen.sessions": self._sessions,
            "screen.benchmark": self._benchmark,
            "app.palette": app.open_palette,
            "app.help": self._help,
            "app.suspend": self._suspend,
            "app.quit": self.quit,
            **(self.replaying.table if self.replaying is not None else {}),
        }
        known = commands_of(replay=self.replaying is not None)
        self.table = {each.id: table[each.id] for each in known}

    def run(self, command_id: str) -> None:
        """Do it, or say why not."""
        refused = self.why_not(command_id)
        if refused is not None:
            self.say(notices.of_error(refused))
            return
        self.table[command_id]()

    def availability(self, command_id: str) -> bool | None:
        """What Textual's check_action wants: False hides a key, None greys it.

        Models are commanded from the dashboard; the other screens keep what works everywhere.
        """
        group = BY_ID[command_id].group
        if command_id not in self.table:
            return False
        if group in _EVERYWHERE:
            return True if self.why_not(command_id) is None else None
        on_dashboard = self._app.pages.seen is self._app.dashboard
        if group is Group.REPLAY:
            return on_dashboard or command_id not in _EDGES
        if not on_dashboard:
            return False
        return True if self.why_not(command_id) is None else None

    def why_not(self, command_id: str) -> NotAllowed | None:
        """Why the command is not allowed for anything it would act on; None: it is for some."""
        if command_id == "recording.mark":
            return self._unmarkable()
        if BY_ID[command_id].group is not Group.MODEL:
            return None
        if command_id not in _READING and self._benchmarks:
            return NotAllowed("A benchmark moves the models now", hint="b shows it, and stops it")
        if self.replaying is not None:
            return self.replaying.refused()
        views = self._targets(command_id)
        if not views:
            return NotAllowed("There is no model to act on")
        asked = "server.sleep" if command_id == _ALL else command_id
        readonly = self._services.settings.readonly
        refused = [refusal(asked, view, readonly=readonly) for view in views]
        if None in refused:
            return None
        return (
            NotAllowed("No awake model is left to put to sleep")
            if (command_id == _ALL and not readonly)
            else refused[0]
        )

    def say(self, notice: notices.Notice) -> None:
        """Show a notice; its text is never markup. Over few lines, or a page, only the newest."""
        if self._app.size.height < ROOMY_FROM or self._app.screen is not self._app.dashboard:
            toasts.clear(self._app)
        toasts.say(self._app, notice)

    def quit(self) -> None:
        """Leave; asks while an operation or a recording runs."""
        lines = [*self._left_running(), *self._left_recording(), *self._left_benchmark()]
        if not lines:
            self._app.exit()
            return
        what = "a benchmark runs" if self._benchmarks else "recording"
        what = "operations run" if self._services.operations.busy else what
        screen = opening.question(f"Quit while {what}?", lines, yes="Quit", no="Stay", name="quit")
        self._app.push_screen(screen, lambda yes: self._app.exit() if yes else None)

    def _left_running(self) -> list[str]:
        """What quitting does to the operations that run."""
        if not self._services.operations.busy:
            return []
        running = [view for view in self._picture.servers if view.operation is not None]
        lines = [f"{_name(view)}: {_what_runs(view)}" for view in running]
        lines.append("What waits is dropped. What was sent goes on in the server, unwatched.")
        if any(view.operation and view.operation.kind is Kind.SWITCH for view in running):
            lines.append("A switch ends where it is: nobody is woken, who has made room sleeps.")
        return lines

    def _left_recording(self) -> list[str]:
        """What quitting does to the recording that runs."""
        recordings = self._services.recordings
        if recordings is None or recordings.path is None:
            return []
        return [f"The recording ends with it: {one_line(recordings.path)}"]

    def _left_benchmark(self) -> list[str]:
        """What quitting does to the benchmark that runs."""
        bench = self._services.bench
        if bench is None or not bench.is_running:
            return []
        if self._services.settings.demo is not None:
            return ["The benchmark ends with it: its simulated servers are those of this panel."]
        return ["The benchmark goes on without the panel, and restores the servers at its end."]

    @property
    def _benchmarks(self) -> bool:
        """Whether a benchmark moves the servers."""
        bench = self._services.bench
        return bench is not None and bench.is_running

    @property
    def _picture(self) -> FleetView:
        """The newest one, also while the picture on the screen is held."""
        return self._services.store.view

    def _targets(self, command_id: str) -> list[ServerView]:
        view = self._picture
        if command_id == _ALL:
            return [server for server in view.servers if not server.spec.pinned]
        dashboard = self._app.dashboard
        if command_id in _SELECTED:
            names: Sequence[str] = dashboard.selected
        else:
            names = (dashboard.current,) if dashboard.current is not None else ()
        found = (view.server(name) for name in names)
        return [server for server in found if server is not None]

    def _allowed(self, command_id: str, asked: str | None = None) -> list[ServerView]:
        """The targets that allow it; says why the others do not."""
        allowed: list[ServerView] = []
        for view in self._targets(command_id):
            refused = refusal(asked or command_id, view, readonly=self._services.settings.readonly)
            if refused is None:
                allowed.append(view)
            elif command_id != _ALL:
                self.say(notices.of_error(refused))
        return allowed

    def _sleep(self) -> None:
        """Idle ones at once; those with requests in flight are asked about together."""
        busy: list[ServerView] = []
        for view in self._allowed("server.sleep"):
            if queue_of([view]).is_busy:
                busy.append(view)
            else:
                self._try(self._put_to_sleep, view, sleeping.usual_level(view))
        if busy:
            self._ask_options(busy)

    def _sleep_with_options(self) -> None:
        views = self._allowed("server.sleep_options")
        if views:
            self._ask_options(views)

    def _ask_options(self, views: Sequence[ServerView]) -> None:
        servers = [view.name for view in views]

        def chosen(choice: SleepChoice | None) -> None:
            """The options were left, with or without a choice."""
            if choice is None:
                return
            for view in self._now(servers):
                self._try(self._put_to_sleep, view, choice.level, choice.mode)

        self._app.push_screen(opening.sleep_options(views), chosen)

    def _sleep_all(self) -> None:
        views = self._allowed(_ALL, "server.sleep")
        servers = [view.name for view in views]

        def answered(yes: bool | None) -> None:
            """The question was answered."""
            for view in self._now(servers) if yes else ():
                self._try(self._put_to_sleep, view, sleeping.usual_level(view))

        lines = [f"{_name(view)}: {_queue_words(view)}" for view in views]
        lines.append("Running requests finish first. Requests sent later hang until the wake.")
        count = f"{len(views)} models" if len(views) > 1 else "1 model"
        screen = opening.question(f"Put {count} to sleep?", lines, yes="Sleep all")
        self._app.push_screen(screen, answered)

    def _put_to_sleep(
        self, view: ServerView, level: SleepLevel, mode: SleepMode | None = None
    ) -> None:
        sent = sleeping.sent_mode(view, mode)
        self._services.operations.sleep(view.name, level=level, mode=sent)

    def _wake(self) -> None:
        self._waking.wake(self._allowed("server.wake"))

    def _switch(self) -> None:
        for view in self._allowed("server.switch"):
            self._waking.switch(view)

    def _verify(self) -> None:
        for view in self._allowed("server.verify"):
            try:
                ticket = self._services.operations.verify(view.name)
            except NotAllowed as refused:
                self.say(notices.of_error(refused))
            else:
                self._app.notices.asked(ticket.id)

    def _take_back(self) -> None:
        """What waits in the queue or drains; its end is told as that of any operation."""
        for view in self._targets("server.cancel"):
            self._try(self._services.operations.cancel, view.name)

    def _prompt(self) -> None:
        for view in self._targets("server.prompt"):
            self._app.push_screen(opening.prompt(self._services, view.name, self._app.glyphs))

    def _log(self) -> None:
        for view in self._targets("server.log"):
            self._app.push_screen(opening.log(self._services, view.name))

    def _events(self) -> None:
        self._app.pages.open_only("events", lambda: opening.events(self._services))

    def _doctor(self) -> None:
        self._app.pages.open_only(
            "doctor", lambda: opening.doctor(self._services, self._app.glyphs)
        )

    def _record(self) -> None:
        recordings = self._services.recordings
        if recordings is not None:
            self._try(recordings.toggle)

    def _mark(self) -> None:
        recordings = self._services.recordings
        if recordings is not None:
            self._try(recordings.mark)

    def _unmarkable(self) -> NotAllowed | None:
        recordings = self._services.recordings
        if recordings is not None and recordings.path is not None:
            return None
        return NotAllowed("Nothing is recorded that could be marked", hint="r begins to")

    def _sessions(self) -> None:
        self._app.pages.open_only("sessions", lambda: opening.sessions(self._app, self._services))

    def _benchmark(self) -> None:
        bench = self._services.open_bench()
        if bench is not None:
            self._app.pages.open_only(
                "benchmark", lambda: opening.benchmark(self._app, self._services, bench)
            )

    def _help(self) -> None:
        self._app.pages.open_only(
            "help", lambda: opening.keys_and_words(self._services, self._app.glyphs)
        )

    def _suspend(self) -> None:
        if not self._app.suspension.suspend():
            self.say(
                notices.of_error(
                    NotAllowed("No shell looks after this terminal", hint="q leaves the panel")
                )
            )

    def _faster(self) -> None:
        self._rate(_FASTER)

    def _slower(self) -> None:
        self._rate(_SLOWER)

    def _rate(self, factor: float) -> None:
        supervisor = self._services.supervisor
        supervisor.set_interval(supervisor.interval_s * factor)

    def _now(self, servers: Sequence[str]) -> list[ServerView]:
        """The servers as they are by the time a question is answered."""
        found = (self._picture.server(name) for name in servers)
        return [view for view in found if view is not None]

    def _try(self, submit: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            submit(*args, **kwargs)
        except NotAllowed as refused:
            self.say(notices.of_error(refused))


def _name(view: ServerView) -> str:
    return one_line(view.name, limit=_NAME_LIMIT)


def _what_runs(view: ServerView) -> str:
    operation = view.operation
    if operation is None:
        return ""
    return f"{operation.kind.value}, {wording.phase(operation.phase)}"


def _queue_words(view: ServerView) -> str:
    queue = queue_of([view])
    if queue.unknown:
        return "its queue cannot be read"
    return f"{counts(queue)} in flight" if queue.is_busy else "idle"
