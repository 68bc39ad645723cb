"""Words for what an operation does. Pure."""

from sleeptui.core.operation import Kind, Phase


def phase(now: Phase) -> str:
    """What an operation does now: ``draining``, ``sent`` while its server is at it."""
    return "sent" if now is Phase.CALLING else now.value


def doing(kind: Kind, now: Phase) -> str:
    """An operation and what it does now: ``wake settling``; ``starting``, which is a start."""
    what = phase(now)
    return what if what.startswith(kind.value) else f"{kind.value} {what}"
