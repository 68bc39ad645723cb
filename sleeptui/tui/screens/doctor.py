"""The doctor: what was examined, the worst first, each with the next step."""

import os
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from sleeptui.core.model import FleetView
from sleeptui.services import doctor
from sleeptui.tui import present_doctor
from sleeptui.tui.glyphs import Glyphs
from sleeptui.tui.pages import is_left, leave
from sleeptui.tui.widgets.finding_list import FindingList
from sleeptui.tui.widgets.footer import KeysFooter

if TYPE_CHECKING:
    from sleeptui.services.stage import Stage

_GAP_S: Final = 1.0
"""Findings are for reading: they are made anew no more often."""


class DoctorScreen(Screen[None]):
    """Follows the picture of the fleet; asks the servers nothing of its own."""

    CSS_PATH = "doctor.tcss"
    BINDING_GROUP_TITLE = "Doctor"
    HELP = "Every switch, version, capability and exposure, with what to do. Enter says more."
    BINDINGS = [Binding("escape", "leave", "Back", key_display="esc")]

    def __init__(self, services: "Stage", glyphs: Glyphs) -> None:
        super().__init__(name="doctor")
        self._services = services
        self._glyphs = glyphs
        self._timer: Timer | None = None
        self._is_due = False

    def compose(self) -> ComposeResult:
        """A heading and the findings."""
        yield Static(id="heading", markup=False)
        yield FindingList(self._glyphs, id="findings")
        yield KeysFooter()

    def on_mount(self) -> None:
        """Examine at once."""
        self.query_one(FindingList).focus()
        if self._services.settings.ascii:
            self.query_one(FindingList).use_plain_scrollbar()
        self._examine()

    def show(self, view: FleetView) -> None:  # noqa: ARG002 - the newest is taken when it is due
        """A new picture: examine it, once a second at most."""
        self._is_due = True
        if self._timer is None:
            self._examine()

    def action_leave(self) -> None:
        """Go back."""
        leave(self)

    def _examine(self) -> None:
        self._is_due = False
        findings = doctor.examine(doctor.scene_of(self._services, os.environ))
        self.query_one(FindingList).show(findings)
        dot = self._glyphs.dot
        words = present_doctor.summary(findings, self._glyphs)
        self.query_one("#heading", Static).update(f"Doctor {dot} {words}")
        self._timer = self.set_timer(_GAP_S, self._fell_due)

    def _fell_due(self) -> None:
        self._timer = None
        if self._is_due and not is_left(self):
            self._examine()
