"""Makes the files of a session that a command has just recorded, and says how that went."""

from collections.abc import Callable

from sleeptui.cli_signals import as_ctrl_c
from sleeptui.core.errors import ExportError
from sleeptui.core.settings import Settings
from sleeptui.late import LateArchive


def make_files(settings: Settings, path: str, say: Callable[[str], None]) -> bool:
    """Make report, tables and trace beside a journal; ctrl+c and other signals leave them out.

    Args:
        settings: Of this run.
        path: The folder of the session.
        say: Told that it is done now, and what went wrong.

    Returns:
        Whether all could be made, or were left out as ordered.
    """
    try:
        with as_ctrl_c():
            say("making the report")
            LateArchive(settings).export(path)
    except ExportError as error:
        say(str(error))
        return False
    except KeyboardInterrupt:
        say("the report is not made. sleeptui report makes it")
    return True
