"""What a refusal of a server means, and what helps."""

from sleeptui.core.errors import EngineError, Refused
from sleeptui.core.operation import Cause, Kind, Outcome
from sleeptui.core.version import Features
from sleeptui.services.run import Result

_SERVER_ERROR = 500
_NOT_IMPLEMENTED = 501
_NOT_FOUND = 404
_RESTART = "restart it; l shows its log"


def refused(error: Refused, kind: Kind, features: Features, *, midway: str = "") -> Result:
    """The end of an operation whose request was answered with an error status.

    Args:
        error: The answer.
        kind: Sleep or wake.
        features: What the version of the server can do.
        midway: The step of a staged wake that was refused after others were done; "" else.
    """
    cause = _cause(error, kind, midway=midway)
    where = f"step {midway} failed: " if midway else ""
    return Result(
        outcome=Outcome.FAILED,
        cause=cause,
        message=f"{where}{error.message}",
        hint=_hint(cause, error, features),
    )


def lost(why: EngineError | str | None) -> Result:
    """The end of an operation whose server is gone."""
    text = why.message if isinstance(why, EngineError) else why
    return Result(
        outcome=Outcome.FAILED,
        cause=Cause.ENGINE_LOST,
        message=f"engine lost: {text}" if text else "engine lost",
        hint=_RESTART,
    )


def unsent(error: EngineError, *, midway: str = "") -> Result:
    """The end of an operation whose request never left: the server did nothing."""
    where, what = (
        (f"step {midway}: ", "the wake stopped there") if midway else ("", "nothing was sent")
    )
    return Result(
        outcome=Outcome.FAILED,
        cause=_stopped(midway) if midway else Cause.REJECTED,
        message=f"{where}{error.message}; {what}",
        hint=error.hint,
    )


def _stopped(step: str) -> Cause:
    return Cause.NO_WEIGHTS if step == "reload" else Cause.STOPPED_MIDWAY


def _cause(error: Refused, kind: Kind, *, midway: str) -> Cause:
    if error.status != _SERVER_ERROR:
        return _stopped(midway) if midway else Cause.REJECTED
    words = f"{error.detail} {error.message}".lower()
    if kind is Kind.WAKE and "out of memory" in words:
        return Cause.OUT_OF_MEMORY
    if midway in ("reload", "reset"):
        return _stopped(midway)
    return Cause.WEDGED


def _hint(cause: Cause, error: Refused, features: Features) -> str:
    if cause is Cause.OUT_OF_MEMORY and features.failed_wake_recovers:
        return "put another model on its GPU to sleep, then wake it again"
    if cause in (Cause.OUT_OF_MEMORY, Cause.WEDGED):
        return _RESTART
    if error.hint or cause in (Cause.STOPPED_MIDWAY, Cause.NO_WEIGHTS):
        return error.hint or "wake it again; if that fails too, restart it"
    if error.status in (_NOT_FOUND, _NOT_IMPLEMENTED):
        return "start it with VLLM_SERVER_DEV_MODE=1"
    return ""
