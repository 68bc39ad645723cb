"""What the panel says of room: the answers to a wake that has none, and who makes it. Pure."""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sleeptui.core.errors import NoRoom
from sleeptui.core.model import FleetView, ServerView
from sleeptui.core.operation import Phase
from sleeptui.core.sentences import sentences
from sleeptui.core.text import one_line
from sleeptui.tui import sleeping
from sleeptui.tui.present_queue import places, waits_for

if TYPE_CHECKING:
    from sleeptui.services.fit import Fit  # what fits is asked after the first frame

RISK: Final = (
    "A wake without room fails, and vLLM before 0.28 does not come back from it: only a restart"
    " helps then."
)
_NAME_LIMIT: Final = 40
_LINE_LIMIT: Final = 400


class RoomChoice(StrEnum):
    """What to do with a wake that has no room."""

    MAKE_ROOM = "make-room"
    FORCE = "force"
    CANCEL = "cancel"


def switch_words(view: ServerView, fleet: FleetView) -> str:
    """What a switch that was just asked for waits for, or who may have to make room."""
    from sleeptui.services import fit  # noqa: PLC0415
    from sleeptui.services.room import givers  # noqa: PLC0415

    operation = view.operation
    if operation is not None and operation.phase is Phase.QUEUED and operation.note:
        told = waits_for(operation, places(fleet).get(view.name, ""))
        return f"{sentences('', told)}."
    found = fit.of(view, fleet)
    if found.fits:
        return "There is room, nobody has to sleep."
    asked = found.givers or givers(view, fleet)
    others = sleeping.names([one_line(giver.name, _NAME_LIMIT) for giver in asked])
    if not others:
        return "Nobody is there to make room."
    return f"{others} may have to sleep first, once running requests end."


def lines_of(found: "Fit | None", why: NoRoom) -> tuple[str, ...]:
    """What is missing and who could give it; from the refusal where the picture has changed."""
    told = (found.missing, found.who) if found is not None and found.missing else (why.message,)
    return tuple(f"{one_line(part, _LINE_LIMIT)}." for part in told if part)
