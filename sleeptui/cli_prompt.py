"""``sleeptui prompt``: sends a prompt, streams the answer as data, tells its times."""

import sys
from collections.abc import Sequence

import click

from sleeptui.cli_act import Act
from sleeptui.cli_complete import servers
from sleeptui.cli_options import both, fleet_options, settings_of
from sleeptui.cli_output import Paper, pour
from sleeptui.cli_work import Ending, Wish, json_option, limit_option, run
from sleeptui.config import Flags
from sleeptui.core.completion import TokenEvent
from sleeptui.core.errors import OutputError
from sleeptui.core.model import ServerView
from sleeptui.core.operation import Kind
from sleeptui.core.settings import Settings
from sleeptui.services.acted_json import prompted
from sleeptui.services.errand import WELL
from sleeptui.services.json_shapes import PromptedJson
from sleeptui.services.operations import Operations
from sleeptui.services.ticket import Ticket
from sleeptui.tui.prompting import figures

_STDIN = "-"
_LONGEST_BYTES = 4 << 20
"""No model of today takes so long a text; it also ends a pipe that never ends."""
EXAMPLES = """\b
Examples:
  sleeptui prompt code                         the test prompt of the configuration
  sleeptui prompt code "Write a haiku" --max-tokens 40
  cat question.txt | sleeptui prompt code > answer.txt
  sleeptui prompt code - < question.txt        the same, said openly
  sleeptui prompt code Hello --json | jq '.operations[0].first_token_s'
"""


class Prompt(Act):
    """One prompt; its answer is written as it comes, or kept for the document."""

    def __init__(self, name: str, text: str, *, max_tokens: int, is_kept: bool) -> None:
        """Nothing is sent yet; ``is_kept``: the answer is part of the document."""
        super().__init__(Kind.PROMPT, (name,), self._send, changes=False)
        self._text = text
        self._max_tokens = max_tokens
        self._is_kept = is_kept
        self._pieces: list[str] = []
        self._is_read = True
        self._refused: OutputError | None = None

    def choose(self, servers: Sequence[ServerView]) -> None:
        """Find the server.

        Raises:
            ConfigError: There is none of that name.
        """
        super().choose(servers)
        self._paper = Paper.of(sys.stdout, ascii_only=self.services.settings.ascii)

    def doing(self) -> str:
        """What it waits for, until the answer begins."""
        return "" if self._pieces else super().doing()

    def code(self) -> int:
        """A reader who has gone has read enough."""
        return super().code() if self._is_read else 0

    async def carry(self) -> Ending:
        """Send it, to the end of its answer.

        Raises:
            OutputError: It could not be written.
        """
        ended = await super().carry()
        if self._refused is not None:
            raise self._refused
        if self._pieces and not self._is_kept and not self._pieces[-1].endswith("\n"):
            pour("\n")
        self._tell()
        return ended

    def document(self, ended: Ending) -> PromptedJson:
        """The answer, and what is known of it."""
        completion = self.errand.completion_of(self.asked[0])
        return prompted(super().document(ended), "".join(self._pieces), completion)

    def lines(self) -> Sequence[str]:
        """Nothing more than the answer, which is written already."""
        return ()

    def complaints(self) -> Sequence[Sequence[str]]:
        """What went wrong; nothing where nobody reads any more."""
        return super().complaints() if self._is_read else ()

    def _send(self, operations: Operations, name: str) -> Ticket:
        return operations.prompt(
            name, self._text, max_tokens=self._max_tokens, on_token=self._heard
        )

    def _heard(self, event: TokenEvent) -> None:
        """A piece of the answer; where nobody reads it any more, the rest is not wanted."""
        if not event.text:
            return
        if not self._pieces:
            self.progress.clear()
        self._pieces.append(event.text)
        if not self._is_kept and self._is_read and not self._is_written(event.text):
            self._is_read = False
            self.errand.take_back()

    def _is_written(self, text: str) -> bool:
        try:
            return pour(self._paper.spelt(text))
        except OutputError as error:  # told once the request has ended
            self._refused = error
            return False

    def _tell(self) -> None:
        """Its times, once it has ended well."""
        answer = self.errand.answers[self.asked[0]]
        completion = self.errand.completion_of(self.asked[0])
        if completion is not None and answer.record is not None and answer.end in WELL:
            self.progress.say(figures(completion, answer.record))


def text_of(given: str | None, settings: Settings) -> str:
    """What is sent: the argument, else standard input if it is a pipe or a file, else the usual.

    Raises:
        UsageError: There is nothing in it, or it is no text.
    """
    is_typed = given is None and sys.stdin.isatty()
    if is_typed:
        return settings.prompt.text
    data = given.encode(errors="surrogateescape") if given not in (None, _STDIN) else _read()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError("the text is not UTF-8") from error
    if len(data) > _LONGEST_BYTES:
        raise click.UsageError(f"the text is longer than {_LONGEST_BYTES >> 20} MiB")
    if text.strip():
        return text
    if given is None:  # no terminal and nothing in the pipe: cron, a service
        return settings.prompt.text
    raise click.UsageError("there is no text to send")


def _read() -> bytes:
    return sys.stdin.buffer.read(_LONGEST_BYTES + 1)


@click.command(epilog=EXAMPLES, short_help="Send a prompt, and time its answer.")
@click.argument("name", shell_complete=servers)
@click.argument("text", required=False)
@fleet_options
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest answer.")
@limit_option
@json_option
@click.pass_obj
def prompt(
    before: Flags | None,
    *,
    flags: Flags,
    name: str,
    text: str | None,
    max_tokens: int | None,
    limit_s: float | None,
    as_document: bool,
) -> int:
    """Send a prompt to a server that is awake, and stream its answer to standard output.

    TEXT is sent as it is; -, or none with something piped in, reads standard input. Time to first
    token, tokens/s and the finish reason go to standard error.

    Exit code: 0 answered, 1 it was not, or not to its end, 2 usage or configuration, 3 the server
    does not answer, 4 too late, 130 interrupted.
    """
    settings = settings_of(both(before, flags))
    tokens = settings.prompt.max_tokens if max_tokens is None else max_tokens
    work = Prompt(name, text_of(text, settings), max_tokens=tokens, is_kept=as_document)
    return run(settings, work, Wish(limit_s=limit_s, as_document=as_document))
