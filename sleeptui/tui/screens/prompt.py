"""The test prompt: send one, watch the answer stream, compare first tokens."""

from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Button, DataTable, Input, Static

from sleeptui.core.completion import TokenEvent
from sleeptui.core.errors import NotAllowed
from sleeptui.core.lifecycle import refusal
from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.operation import OperationRecord
from sleeptui.core.sentences import sentences
from sleeptui.core.text import clean, one_line
from sleeptui.tui import prompting
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.pages import is_left, leave, work
from sleeptui.tui.present import STATE_TONES
from sleeptui.tui.theme import Palette
from sleeptui.tui.widgets.footer import KeysFooter
from sleeptui.tui.widgets.text_box import TextBox

if TYPE_CHECKING:
    from sleeptui.services.stage import Asked, Stage

_PAINTS_PER_S = 10
_MAX_TOKENS = 4096
_COLUMNS = (("condition", 12), ("first token", 11), ("tokens/s", 8), ("in all", 8), ("end", None))


class PromptScreen(Screen[None]):
    """Prompts for one server.

    The answer is shown in a text area that cannot be edited: no markup, and it can be selected
    and copied. Tokens are collected as they come and painted ten times a second.
    """

    CSS_PATH = "prompt.tcss"
    BINDING_GROUP_TITLE = "Prompt"
    HELP = """\
Sends a completion with temperature 0 and streams the answer.

What comes first after a wake pays for what the wake left undone: the canary where it is asked, else
the first prompt. Both are shown beside the warm ones.
"""
    BINDINGS = [
        # Most terminals cannot send ctrl+enter, or send it as ctrl+j: only the latter is named.
        Binding("ctrl+enter,ctrl+j,ctrl+s", "send", "Send", key_display="^j"),
        Binding("ctrl+g", "stop", "Stop"),
        Binding("escape", "leave", "Back"),
    ]

    def __init__(self, services: "Stage", server: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._services = services
        self._server = server
        self._view: ServerView | None = services.store.view.server(server)
        self._ticket: Asked | None = None
        self._pieces: list[str] = []
        self._began_s = 0.0
        self._first_s: float | None = None
        self._tokens = 0
        self._painter: Timer | None = None
        self._shown: tuple[int, ...] = ()

    def compose(self) -> ComposeResult:
        """Text, options, answer, figures, history."""
        defaults = self._services.settings.prompt
        yield Static(id="heading", markup=False)
        yield TextBox(defaults.text, id="text", placeholder="What to ask")
        with Horizontal(id="options"):
            yield Static("max tokens", classes="label")
            yield Input(
                str(defaults.max_tokens),
                id="max-tokens",
                type="integer",
                max_length=4,
                compact=True,
            )
            yield Static("temperature 0", classes="label")
            yield Button("Send", id="send", variant="primary", compact=True)
            yield Button("Stop", id="stop", compact=True, disabled=True)
        yield Static(id="why-not", markup=False)
        yield TextBox(id="answer", read_only=True, show_cursor=False, highlight_cursor_line=False)
        yield Static(id="figures", markup=False)
        yield Static(id="comparison", markup=False)
        yield DataTable(id="history", cursor_type="none", zebra_stripes=True)
        yield KeysFooter()

    def on_mount(self) -> None:
        """Prepare the table; start in the text."""
        self.query_one("#text", TextBox).border_title = "Prompt"
        self.query_one("#answer", TextBox).border_title = "Answer"
        table = self._table()
        for title, width in _COLUMNS:
            table.add_column(title, width=width)
        self._painter = self.set_interval(1 / _PAINTS_PER_S, self._paint, pause=True)
        self.query_one("#text").focus()
        self._say()

    def show(self, view: FleetView) -> None:
        """A new picture: state and history may have changed."""
        self._view = view.server(self._server)
        self._say()

    @on(Button.Pressed, "#send")
    def press_send(self) -> None:
        """Send with the mouse."""
        self.action_send()

    @on(Button.Pressed, "#stop")
    def press_stop(self) -> None:
        """Stop with the mouse."""
        self.action_stop()

    @on(Input.Submitted, "#max-tokens")
    def submit_tokens(self) -> None:
        """Enter in the number field sends."""
        self.action_send()

    def action_send(self) -> None:
        """Send the text, unless one runs or the server is not awake."""
        text = self.query_one("#text", TextBox).text
        if self._ticket is not None or not text.strip():
            return
        self._clear()
        try:
            ticket = self._services.operations.prompt(
                self._server, text, max_tokens=self._max_tokens(), on_token=self._heard
            )
        except NotAllowed as refused:
            self._figures(str(refused))
            return
        self._ticket = ticket
        if self._painter is not None:
            self._painter.resume()
        work(self, partial(self._follow, ticket), group="prompt")
        self._say()

    def action_stop(self) -> None:
        """Close the running prompt; the server aborts the request."""
        if self._ticket is not None:
            self._ticket.cancel()

    def action_leave(self) -> None:
        """Go back; a prompt that nobody watches is stopped."""
        self.action_stop()
        leave(self)

    async def _follow(self, ticket: "Asked") -> None:
        record = await ticket.ended()
        self._ticket = None
        if self._painter is not None:
            self._painter.pause()
        self._paint()
        self._say_end(ticket, record)
        self._say()

    def _heard(self, event: TokenEvent) -> None:
        if self._first_s is None and event.tokens > 0:
            self._first_s = event.at_s
        self._tokens = event.tokens
        self._pieces.append(event.text)

    def _paint(self) -> None:
        if is_left(self):
            return
        if self._pieces:
            answer = self.query_one("#answer", TextBox)
            piece = clean("".join(self._pieces), lines=True)
            self._pieces.clear()
            answer.insert(piece, answer.document.end)
            answer.scroll_end(animate=False)
        if self._ticket is not None:
            self._figures(
                prompting.live_figures(
                    began_s=self._began_s,
                    now_s=self._services.clock.now_s(),
                    first_s=self._first_s,
                    tokens=self._tokens,
                )
            )

    def _say_end(self, ticket: "Asked", record: OperationRecord) -> None:
        completion = ticket.completion
        if completion is not None:
            line = prompting.figures(completion, record)
            self._figures(f"{line} · {record.message}" if record.message else line)
        else:
            self._figures(sentences(f"{record.outcome.value}: {record.message}", record.hint))

    def _say(self) -> None:
        view = self._view
        self.query_one("#heading", Static).update(self._heading(view))
        refused = refusal("server.prompt", view) if view is not None else None
        running = self._ticket is not None
        self.query_one("#send", Button).disabled = running or view is None or refused is not None
        stop = self.query_one("#stop", Button)
        stop.disabled = not running
        stop.variant = "error" if running else "default"
        why_not = self.query_one("#why-not", Static)
        why_not.display = refused is not None
        why_not.update(one_line(str(refused)) if refused else "")
        self._say_history(view)

    def _heading(self, view: ServerView | None) -> Text:
        heading = Text(f"Prompt · {one_line(self._server, limit=60)} · ", no_wrap=True)
        if view is None:
            return heading.append("no longer watched")
        style = Palette.of(self.app).style(STATE_TONES[view.state])
        glyph = self._glyphs.states[view.state]
        return heading.append(f"{glyph} {view.state.value.upper()}", style=style)

    def _say_history(self, view: ServerView | None) -> None:
        rows = prompting.prompt_rows(view.history) if view is not None else ()
        shown = tuple(row.record.id for row in rows)
        if shown == self._shown:
            return
        self._shown = shown
        self.query_one("#comparison", Static).update(prompting.comparison(rows))
        table = self._table()
        table.clear()
        for row in rows:
            # A plain string would be read as markup.
            table.add_row(*(Text(one_line(cell)) for cell in prompting.cells(row)))

    def _max_tokens(self) -> int:
        value = self.query_one("#max-tokens", Input).value
        number = int(value) if value.isdecimal() else self._services.settings.prompt.max_tokens
        return min(max(number, 1), _MAX_TOKENS)

    def _clear(self) -> None:
        self._pieces.clear()
        self._began_s = self._services.clock.now_s()
        self._first_s = None
        self._tokens = 0
        self.query_one("#answer", TextBox).clear()

    def _figures(self, line: str) -> None:
        self.query_one("#figures", Static).update(one_line(line))

    def _table(self) -> DataTable[Text]:
        return self.query_one("#history", DataTable)
