"""``sleeptui log``: the end of what a server has written, as the panel's ``l`` shows it."""

from collections.abc import Collection, Sequence

import click

from sleeptui.cli_complete import servers
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_work import FAILED, Ending, Wish, Work, json_option, limit_option, run
from sleeptui.config import Flags
from sleeptui.core.errors import SleeptuiError
from sleeptui.core.home import Home
from sleeptui.core.model import ServerView
from sleeptui.core.text import clean, one_line
from sleeptui.services import shell_words
from sleeptui.services.json_shapes import LogJson

EXAMPLES = """\b
Examples:
  sleeptui log code                            the last 100 lines
  sleeptui log code -n 1000 | grep ERROR
  sleeptui log code --json | jq -r '.lines[-1]'
"""
_MOST_LINES = 100_000


class Log(Work):
    """The last lines of one server; asks it nothing."""

    verb = "log"
    changes = False
    folds = False

    def __init__(self, name: str, lines: int) -> None:
        """Nothing is read yet."""
        self._name = name
        self._most = lines
        self._source = ""
        self._lines: list[str] = []

    def needs(self) -> Collection[str] | None:
        """No server: one that hangs has a log too."""
        return ()

    def choose(self, servers: Sequence[ServerView]) -> None:
        """Find the server.

        Raises:
            ConfigError: There is none of that name.
        """
        shell_words.named([view.name for view in servers], (self._name,))

    async def carry(self) -> Ending:
        """Read them."""
        view = self.services.store.server(self._name)
        home = view.home if view is not None else None
        name = one_line(self._name, shell_words.NAME_WIDTH)
        if home is None:
            return Ending(
                code=FAILED,
                problem=f"{name}: its container or process was not found on this machine",
                hint="run this where the server runs, as a user who may see it",
            )
        try:
            lines = await self.services.finder.log_tail(home, self._most)
        except SleeptuiError as error:
            return Ending(code=FAILED, problem=f"{name}: {error.message}", hint=error.hint)
        self._source = source_of(home)
        self._lines = [clean(line).expandtabs() for line in lines]
        return Ending()

    def doing(self) -> str:
        """Reading is quick; a slow one is worth a word."""
        return f"{one_line(self._name)}: reading its log"

    def leave(self) -> Sequence[str]:
        """Nothing goes on."""
        return ()

    def document(self, ended: Ending) -> LogJson:
        """The lines, and where they are from."""
        return LogJson(
            server=self._name,
            source=self._source,
            lines=self._lines,
            problem=ended.problem,
            hint=ended.hint,
        )

    def lines(self) -> Sequence[str]:
        """The lines as they are."""
        return self._lines


def source_of(home: Home) -> str:
    """What the lines are of."""
    if home.container is not None:
        return f"container {home.container}"
    return home.log_path or "its process"


@click.command(epilog=EXAMPLES, short_help="Show the log of a server.")
@click.argument("name", shell_complete=servers)
@fleet_options
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(1, _MOST_LINES),
    default=100,
    show_default=True,
    metavar="LINES",
    help="How many, from the end.",
)
@limit_option
@json_option
@click.pass_obj
def log(
    before: Flags | None,
    *,
    flags: Flags,
    name: str,
    lines: int,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Print the last lines that a server of this machine has written.

    They are those of its container, or of the file that its process writes to.

    Exit code: 0 they are printed, 1 there are none to read, 2 usage or configuration, 4 too late,
    130 interrupted.
    """
    wish = Wish(limit_s=limit_s, as_document=as_document)
    return run(settings_of(both(before, flags)), Log(name, lines), wish)
