"""Every error that sleeptui shows, in one tree.

::

    SleeptuiError
    ├── ConfigError          the configuration or the command line is wrong
    ├── EngineError          a vLLM server (``server`` names it)
    │   ├── Unreachable      nothing listens, or the connection broke
    │   ├── TimedOut         no answer in time: slow is not down
    │   ├── Refused          the server answered with an error status
    │   └── BadReply         the answer is not what vLLM answers
    ├── ContainerError       the Docker engine
    ├── ProcessError         local processes cannot be read
    ├── NotAllowed           the state of the server does not allow the command
    │   └── NoRoom           a wake does not fit on its GPUs; can be forced
    ├── NotebookError        what is learnt of servers cannot be kept
    ├── JournalError         a session cannot be written, or not be read
    ├── ExportError          a session's files cannot be made
    ├── OutputError          what was asked for cannot be written where it was to go
    └── SimError             the simulated fleet did not start

Each carries one sentence for the user and one next step.
"""

from sleeptui.core.sentences import sentences


class SleeptuiError(Exception):
    """Base of all errors that are shown to the user.

    Attributes:
        title: A few words for the head of a notice.
        message: One sentence: what failed, and where.
        hint: What to do next; empty when there is nothing useful to say.
    """

    title = "Something failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return sentences(self.message, self.hint) if self.hint else self.message


class ConfigError(SleeptuiError):
    """The configuration file, the environment or a flag is wrong."""

    title = "Configuration"


class EngineError(SleeptuiError):
    """A vLLM server did not do what was asked.

    Attributes:
        server: Its name.
        sent: The request may have reached it: what it did is unknown until its state tells.
            Of a request that never left, or that was answered, False.
    """

    title = "Server"

    def __init__(self, message: str, *, server: str, hint: str = "", sent: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.server = server
        self.sent = sent


class Unreachable(EngineError):
    """Nothing listens at the address, or the connection broke."""

    title = "Unreachable"


class TimedOut(EngineError):
    """No answer in time; what the server did is unknown."""

    title = "No answer in time"


class Refused(EngineError):
    """The server answered with an error status.

    Attributes:
        status: HTTP status code.
        detail: The server's own words, control characters removed.
    """

    title = "Refused by the server"

    def __init__(
        self, message: str, *, server: str, status: int, detail: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, server=server, hint=hint)
        self.status = status
        self.detail = detail


class BadReply(EngineError):
    """The answer is not what vLLM answers: HTML, half a JSON, too large, another service."""

    title = "Not an answer of vLLM"


class ContainerError(SleeptuiError):
    """The Docker engine cannot be reached or refused."""

    title = "Docker"


class ProcessError(SleeptuiError):
    """A local process cannot be read."""

    title = "Process"


class NotAllowed(SleeptuiError):
    """The state of the server does not allow the command."""

    title = "Not now"


class NoRoom(NotAllowed):
    """A wake does not fit on the GPUs of the server, and was not sent. ``force`` overrules it."""

    title = "No room"


class NotebookError(SleeptuiError):
    """The file with what is learnt of servers cannot be read or written."""

    title = "State file"


class JournalError(SleeptuiError):
    """A session cannot be written, or what was written cannot be read."""

    title = "Recording"


class ExportError(SleeptuiError):
    """The files of a session cannot be made, or a comparison makes no sense."""

    title = "Export"


class OutputError(SleeptuiError):
    """Standard output does not take what is written to it: a full disk."""

    title = "Output"


class SimError(SleeptuiError):
    """The simulated fleet did not start or does not answer."""

    title = "Simulated fleet"
